"""Reading complete files: every format and encoding, and every kind of invalid path or header."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.errors import (
    AudioError,
    EmptyAudio,
    NonFiniteAudio,
    TooLongAudio,
    UnreadableAudio,
    UnsupportedAudio,
)
from auscult.sound import audio_info, read_audio

RATE = 16000

# format, subtype, maximum error of a sample after writing and reading
LOSSLESS = [
    ("WAV", "PCM_U8", 1 / 2**7),
    ("WAV", "PCM_16", 1 / 2**15),
    ("WAV", "PCM_24", 1 / 2**23),
    ("WAV", "PCM_32", 1e-7),
    ("WAV", "FLOAT", 0.0),
    ("WAV", "DOUBLE", 0.0),
    ("WAV", "ULAW", 0.03),
    ("WAVEX", "PCM_16", 1 / 2**15),
    ("WAVEX", "FLOAT", 0.0),
    ("RF64", "PCM_16", 1 / 2**15),
    ("AIFF", "PCM_S8", 1 / 2**7),
    ("AIFF", "PCM_16", 1 / 2**15),
    ("AIFF", "PCM_24", 1 / 2**23),
    ("AIFF", "FLOAT", 0.0),
    ("AIFF", "ULAW", 0.03),
    ("AU", "PCM_16", 1 / 2**15),
    ("CAF", "PCM_24", 1 / 2**23),
    ("W64", "FLOAT", 0.0),
    ("FLAC", "PCM_16", 1 / 2**15),
    ("FLAC", "PCM_24", 1 / 2**23),
]
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]


def require_writable(container: str, subtype: str) -> None:
    if container not in soundfile.available_formats() or subtype not in soundfile.available_subtypes(
        container
    ):
        pytest.skip(f"this libsndfile cannot write {container} {subtype}")


def chirp(seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * (200 * t + 300 * t**2))).astype(np.float32)


def wav_bytes(payload: bytes, *, rate: int = RATE, channels: int = 1, bits: int = 16, tag: int = 1) -> bytes:
    """A WAV file of which every header field can be invalid."""
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, (rate * frame) & 0xFFFFFFFF, frame & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(body)) + body


class TestFormats:
    @pytest.mark.parametrize(("container", "subtype", "tolerance"), LOSSLESS)
    def test_lossless_samples_are_preserved(
        self, tmp_path: Path, container: str, subtype: str, tolerance: float
    ) -> None:
        require_writable(container, subtype)
        path = tmp_path / "sound"
        soundfile.write(path, chirp(), RATE, format=container, subtype=subtype)
        waveform = read_audio(path)
        assert waveform.samples.dtype == np.float32
        assert (waveform.sample_rate, waveform.seconds, waveform.path) == (RATE, 1.0, str(path))
        assert waveform.notes == ()
        np.testing.assert_allclose(waveform.samples, chirp(), rtol=0, atol=tolerance)

    @pytest.mark.parametrize(("container", "subtype"), LOSSY)
    @pytest.mark.parametrize("seconds", [0.5, 3.3])
    def test_lossy_formats_keep_length_and_shape(
        self, tmp_path: Path, container: str, subtype: str, seconds: float
    ) -> None:
        require_writable(container, subtype)
        path = tmp_path / "sound"
        soundfile.write(path, chirp(seconds), RATE, format=container, subtype=subtype)
        samples = read_audio(path).samples
        assert len(samples) == int(seconds * RATE)
        assert np.corrcoef(samples, chirp(seconds))[0, 1] > 0.95

    @pytest.mark.parametrize(("container", "subtype"), [(c, s) for c, s, _ in LOSSLESS] + LOSSY)
    def test_blocks_are_equal_to_soundfile_read(self, tmp_path: Path, container: str, subtype: str) -> None:
        require_writable(container, subtype)
        path = tmp_path / "sound"
        noise = 0.1 * np.random.default_rng(0).standard_normal((50_001, 2))
        soundfile.write(path, noise, RATE, format=container, subtype=subtype)
        expected, _ = soundfile.read(path, dtype="float32")
        for channel in (0, 1):
            samples = read_audio(path, channel=channel).samples
            np.testing.assert_allclose(samples, expected[:, channel], rtol=0, atol=1e-7)

    @pytest.mark.parametrize("container", sorted({*soundfile.available_formats()} - {"RAW", "SD2"}))
    def test_every_format_of_libsndfile(self, tmp_path: Path, container: str) -> None:
        path = tmp_path / "sound"
        rate = 8000 if container == "WVE" else RATE
        subtype = "PCM_16" if "PCM_16" in soundfile.available_subtypes(container) else None
        soundfile.write(path, chirp(rate=rate), rate, format=container, subtype=subtype)
        waveform = read_audio(path)
        assert 0 <= len(waveform.samples) - rate < 100
        checked = {"WAV", "WAVEX", "RF64", "AIFF", "AU", "CAF", "W64", "FLAC", "OGG", "MP3"}
        assert bool(waveform.notes) == (container not in checked)

    def test_level_is_not_normalised(self, tmp_path: Path) -> None:
        path = tmp_path / "loud.wav"
        soundfile.write(path, np.array([3.0, -7.5, 0.0]), RATE, subtype="FLOAT")
        np.testing.assert_array_equal(read_audio(path).samples, [3.0, -7.5, 0.0])

    @pytest.mark.parametrize("rate", [500, 1000, 3200, 11025, 44100, 192000, 384000])
    def test_sample_rates_from_500_hz_to_384_khz(self, tmp_path: Path, rate: int) -> None:
        path = tmp_path / "sound.wav"
        soundfile.write(path, chirp(0.1, rate), rate)
        assert read_audio(path).sample_rate == rate

    def test_each_of_sixteen_channels(self, tmp_path: Path) -> None:
        path = tmp_path / "array.wav"
        soundfile.write(path, np.tile(np.arange(16) / 16, (1000, 1)), RATE, subtype="FLOAT")
        assert [read_audio(path, channel=c).samples[500] for c in range(16)] == list(np.arange(16) / 16)

    def test_a_name_with_unusual_characters_and_no_suffix(self, tmp_path: Path) -> None:
        path = tmp_path / "Ölpumpe 3 [neu] 音"
        soundfile.write(path, chirp(), RATE, format="FLAC")
        assert read_audio(path).seconds == 1.0

    def test_wrong_suffix_does_not_matter(self, tmp_path: Path) -> None:
        path = tmp_path / "really_flac.wav"
        soundfile.write(path, chirp(), RATE, format="FLAC")
        assert audio_info(path).format == "FLAC"
        assert read_audio(path).seconds == 1.0

    def test_tags_before_the_audio(self, tmp_path: Path) -> None:
        path = tmp_path / "tagged.mp3"
        soundfile.write(path, chirp(2.0), RATE)
        plain = read_audio(path).samples
        path.write_bytes(b"ID3\x04\0\0\0\0\x08\0" + bytes(1024) + path.read_bytes() + b"TAG" + bytes(125))
        np.testing.assert_array_equal(read_audio(path).samples, plain)

    def test_a_flac_without_a_declared_length(self, tmp_path: Path) -> None:
        path = tmp_path / "streamed.flac"
        noise = 0.1 * np.random.default_rng(1).standard_normal(32_000)
        soundfile.write(path, noise, RATE)
        data = bytearray(path.read_bytes())
        field = int.from_bytes(data[18:26]) >> 36 << 36  # clear the lowest 36 bits: the number of samples
        data[18:26] = field.to_bytes(8)
        expected = read_audio(path).samples
        path.write_bytes(data)
        assert audio_info(path).seconds is None
        np.testing.assert_array_equal(read_audio(path).samples, expected)


class TestPaths:
    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableAudio, match="no such file") as caught:
            read_audio(tmp_path / "absent.wav")
        assert caught.value.path == str(tmp_path / "absent.wav")
        assert caught.value.reason == "no such file"

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableAudio, match="folder"):
            read_audio(tmp_path)

    def test_path_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"x")
        with pytest.raises(UnreadableAudio, match="Not a directory"):
            read_audio(tmp_path / "file" / "sound.wav")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
    def test_a_pipe_is_refused_without_blocking(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.wav")
        with pytest.raises(UnreadableAudio, match="pipe"):
            read_audio(tmp_path / "pipe.wav")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, tmp_path: Path) -> None:
        path = tmp_path / "secret.wav"
        path.write_bytes(wav_bytes(bytes(100)))
        path.chmod(0)
        with pytest.raises(UnreadableAudio, match="permission"):
            read_audio(path)

    @pytest.mark.parametrize("name", ["nul\0l.wav", "x" * 5000])
    def test_invalid_file_names(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(UnreadableAudio):
            read_audio(f"{tmp_path}/{name}")

    @pytest.mark.parametrize("name", ["a.wav", "a.raw", "a.mp3", "a.flac", "a.txt", "a.ogg", "a"])
    def test_not_audio(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        path.write_text("machine,section\nfan,00\n" * 50)
        with pytest.raises(UnreadableAudio):
            read_audio(path)

    def test_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "empty.wav").write_bytes(b"")
        with pytest.raises(EmptyAudio, match="0 bytes"):
            read_audio(tmp_path / "empty.wav")


class TestHeaders:
    @pytest.mark.parametrize("rate", [0, 1, 499, 384_001, 2**31 - 1, 2**32 - 1])
    def test_sample_rate_out_of_range(self, tmp_path: Path, rate: int) -> None:
        path = tmp_path / "sound.wav"
        path.write_bytes(wav_bytes(bytes(2000), rate=rate))
        for read in (read_audio, audio_info):
            with pytest.raises(UnsupportedAudio, match="sample rate"):
                read(path)

    @pytest.mark.parametrize("channels", [0, 17, 1024, 1025, 65535])
    def test_channel_count_out_of_range(self, tmp_path: Path, channels: int) -> None:
        path = tmp_path / "sound.wav"
        path.write_bytes(wav_bytes(bytes(2 * 65535), channels=channels))
        with pytest.raises(UnsupportedAudio, match="channels"):
            read_audio(path)

    @pytest.mark.parametrize("fields", [{"bits": 0}, {"bits": 99}, {"tag": 0}, {"tag": 0x1234}])
    def test_invalid_encoding(self, tmp_path: Path, fields: dict[str, int]) -> None:
        path = tmp_path / "sound.wav"
        path.write_bytes(wav_bytes(bytes(2000), **fields))
        with pytest.raises(UnreadableAudio):
            read_audio(path)

    @pytest.mark.parametrize("channel", [2, 16, -1])
    def test_no_such_channel(self, tmp_path: Path, channel: int) -> None:
        path = tmp_path / "stereo.wav"
        soundfile.write(path, np.zeros((100, 2)), RATE)
        with pytest.raises(UnsupportedAudio, match=f"no channel {channel}: the file has 2"):
            read_audio(path, channel=channel)


class TestSamples:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("position", [0, 12_345, 39_999])
    @pytest.mark.parametrize(
        ("container", "subtype"), [("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("AIFF", "FLOAT")]
    )
    def test_not_finite(
        self, tmp_path: Path, value: float, position: int, container: str, subtype: str
    ) -> None:
        path = tmp_path / "sound"
        samples = np.zeros(40_000)
        samples[position:] = value
        soundfile.write(path, samples, RATE, format=container, subtype=subtype)
        with pytest.raises(NonFiniteAudio, match=rf"at {position / RATE:.3f} s"):
            read_audio(path)

    def test_only_the_requested_channel_must_be_finite(self, tmp_path: Path) -> None:
        path = tmp_path / "stereo.wav"
        samples = np.zeros((1000, 2))
        samples[700, 1] = np.nan
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        assert read_audio(path, channel=0).seconds == 1000 / RATE
        with pytest.raises(NonFiniteAudio):
            read_audio(path, channel=1)

    @pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64", "AIFF", "FLAC", "OGG", "MP3"])
    def test_no_samples(self, tmp_path: Path, container: str) -> None:
        path = tmp_path / "empty"
        soundfile.write(path, np.zeros(0), RATE, format=container)
        with pytest.raises(EmptyAudio):
            read_audio(path)

    def test_one_sample(self, tmp_path: Path) -> None:
        path = tmp_path / "one.wav"
        soundfile.write(path, np.array([0.5]), RATE)
        np.testing.assert_array_equal(read_audio(path).samples, [0.5])


class TestLength:
    def test_longer_than_the_limit(self, tmp_path: Path) -> None:
        path = tmp_path / "long.wav"
        soundfile.write(path, np.zeros(2 * RATE + 1), RATE)
        with pytest.raises(TooLongAudio, match=r"longer than the limit of 2 s.*`window=SECONDS`"):
            read_audio(path, max_seconds=2.0)

    def test_exactly_the_limit(self, tmp_path: Path) -> None:
        path = tmp_path / "long.wav"
        soundfile.write(path, np.zeros(2 * RATE), RATE)
        assert read_audio(path, max_seconds=2.0).seconds == 2.0

    def test_the_default_limit_is_ten_minutes(self, tmp_path: Path) -> None:
        path = tmp_path / "long.wav"
        soundfile.write(path, np.zeros(600 * 4000, dtype=np.int16), 4000)
        assert read_audio(path).seconds == 600
        soundfile.write(path, np.zeros(600 * 4000 + 1, dtype=np.int16), 4000)
        with pytest.raises(TooLongAudio):
            read_audio(path)


class TestInfo:
    def test_fields_of_the_header(self, tmp_path: Path) -> None:
        path = tmp_path / "sound.wav"
        soundfile.write(path, np.zeros((RATE, 3)), RATE, subtype="PCM_24")
        info = audio_info(path)
        assert (info.sample_rate, info.channels, info.seconds) == (RATE, 3, 1.0)
        assert info.format in ("WAV", "WAVEX")
        assert info.subtype == "PCM_24"

    def test_raises_the_same_errors_as_reading(self, tmp_path: Path) -> None:
        with pytest.raises(AudioError, match="no such file"):
            audio_info(tmp_path / "absent.wav")


def test_real_recordings_can_be_read(real_data: Path) -> None:
    paths = [p for folder in ("bldc", "dcase2020", "noise") for p in (real_data / folder).glob("**/*.*")]
    paths = [p for p in paths if p.suffix in (".wav", ".ogg")]
    assert len(paths) > 300
    for path in paths:
        waveform = read_audio(path)
        assert 1.0 < waveform.seconds < 20.0
        assert waveform.samples.std() > 0
        assert waveform.seconds == audio_info(path).seconds


def test_a_name_that_is_not_utf8_can_be_read(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"l\xfcfter.wav")
    soundfile.write(path, np.zeros(100), 8000)
    assert len(read_audio(os.fsdecode(path)).samples) == 100

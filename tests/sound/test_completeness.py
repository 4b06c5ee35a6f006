"""Truncated and unfinished files raise `TruncatedAudio`; complete files with unusual headers are read."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.errors import AudioError, EmptyAudio, TruncatedAudio, UnreadableAudio
from auscult.sound import read_audio

RATE = 16000
SAMPLES = (0.2 * np.random.default_rng(0).standard_normal(3 * RATE)).astype(np.float32)
PCM = (SAMPLES * 32767).astype("<i2").tobytes()
FMT = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)


CHECKED = ["WAV", "WAVEX", "RF64", "AIFF", "FLAC", "OGG", "MP3", "AU", "CAF", "W64"]


def chunk(
    name: bytes, body: bytes, *, length: int | None = None, order: str = "<", pad: bool = True
) -> bytes:
    padding = b"\0" * (len(body) % 2 if pad else 0)
    return name + struct.pack(order + "I", len(body) if length is None else length) + body + padding


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def aiff(*chunks: bytes, kind: bytes = b"AIFF") -> bytes:
    body = kind + b"".join(chunks)
    return b"FORM" + struct.pack(">I", len(body)) + body


def comm(frames: int) -> bytes:
    rate = struct.pack(">HQ", 16383 + 13, RATE << (63 - 13))  # 80-bit extended precision
    return chunk(b"COMM", struct.pack(">HIH", 1, frames, 16) + rate, order=">")


def ssnd(payload: bytes, *, length: int | None = None) -> bytes:
    return chunk(b"SSND", bytes(8) + payload, length=length, order=">")


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def encoded(path: Path, container: str, subtype: str | None = None, **options: object) -> bytes:
    """The content of a complete file, written to ``path``."""
    soundfile.write(path, SAMPLES, RATE, format=container, subtype=subtype, **options)
    return path.read_bytes()


class TestTruncated:
    @pytest.mark.parametrize("container", CHECKED)
    @pytest.mark.parametrize("fraction", [0.25, 0.5, 0.9, 0.99])
    def test_every_format(self, tmp_path: Path, container: str, fraction: float) -> None:
        data = encoded(tmp_path / "complete", container)
        with pytest.raises((TruncatedAudio, UnreadableAudio)) as caught:
            read_audio(saved(tmp_path / "truncated", data[: int(fraction * len(data))]))
        assert caught.value.path == str(tmp_path / "truncated")
        if isinstance(caught.value, TruncatedAudio):
            assert "copy" in caught.value.reason
        else:  # libsndfile detects it by itself
            assert container == "CAF"
            assert "file is malformed" in caught.value.reason

    @pytest.mark.parametrize("container", CHECKED)
    def test_by_one_byte(self, tmp_path: Path, container: str) -> None:
        data = encoded(tmp_path / "complete", container)
        with pytest.raises(TruncatedAudio):
            read_audio(saved(tmp_path / "truncated", data[:-1]))

    @pytest.mark.parametrize("container", ["WAV", "AIFF", "FLAC", "OGG", "MP3"])
    @pytest.mark.parametrize("size", [1, 4, 11, 12, 20, 30, 40, 43])
    def test_inside_the_header(self, tmp_path: Path, container: str, size: int) -> None:
        data = encoded(tmp_path / "complete", container)
        with pytest.raises(AudioError):
            read_audio(saved(tmp_path / "truncated", data[:size]))

    @pytest.mark.parametrize(
        ("container", "subtype"),
        [("OGG", "OPUS"), ("WAV", "IMA_ADPCM"), ("WAV", "FLOAT"), ("AIFF", "ULAW"), ("FLAC", "PCM_24")],
    )
    def test_other_encodings(self, tmp_path: Path, container: str, subtype: str) -> None:
        data = encoded(tmp_path / "complete", container, subtype)
        assert read_audio(tmp_path / "complete").seconds >= 3.0
        with pytest.raises(TruncatedAudio):
            read_audio(saved(tmp_path / "truncated", data[: int(0.7 * len(data))]))

    def test_a_hole_in_a_flac(self, tmp_path: Path) -> None:
        data = encoded(tmp_path / "complete", "FLAC")
        with pytest.raises(TruncatedAudio):
            read_audio(saved(tmp_path / "hole", data[:30_000] + data[45_000:]))

    def test_a_hole_in_an_mp3(self, tmp_path: Path) -> None:
        data = encoded(tmp_path / "complete", "MP3")
        with pytest.raises(TruncatedAudio):
            read_audio(saved(tmp_path / "hole", data[:4000] + bytes(10) + data[8000:]))


class TestWav:
    @pytest.mark.parametrize("riff_size", [None, 0, 0xFFFFFFFF])
    def test_never_finalised(self, tmp_path: Path, riff_size: int | None) -> None:
        data = riff(chunk(b"fmt ", FMT), chunk(b"data", PCM, length=0), size=riff_size)
        with pytest.raises(TruncatedAudio, match=r"never finalised.*ffmpeg -ignore_length 1"):
            read_audio(saved(tmp_path / "a.wav", data))

    def test_no_samples_but_a_list_chunk_after_them(self, tmp_path: Path) -> None:
        data = riff(chunk(b"fmt ", FMT), chunk(b"data", b""), chunk(b"LIST", b"INFOISFT\x04\0\0\0fan\0"))
        with pytest.raises(EmptyAudio):
            read_audio(saved(tmp_path / "a.wav", data))

    @pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFF000])
    def test_a_file_written_to_a_pipe_is_read_to_the_end(self, tmp_path: Path, length: int) -> None:
        data = riff(chunk(b"fmt ", FMT), chunk(b"data", PCM, length=length), size=0xFFFFFFFF)
        assert read_audio(saved(tmp_path / "a.wav", data)).seconds == 3.0

    @pytest.mark.parametrize("length", [0xFFFFFFF0, 0x7FFFFFFE, 10**9])
    def test_declares_a_huge_length(self, tmp_path: Path, length: int) -> None:
        data = riff(chunk(b"fmt ", FMT), chunk(b"data", PCM, length=length), size=0xFFFFFFFF)
        with pytest.raises(
            TruncatedAudio, match=f"declares {length} bytes of samples but the file has 96000"
        ):
            read_audio(saved(tmp_path / "a.wav", data))

    @pytest.mark.parametrize("pad", [True, False])
    def test_chunks_before_and_after_the_samples(self, tmp_path: Path, pad: bool) -> None:
        after = chunk(b"LIST", b"INFO odd", pad=pad) + chunk(b"note", b"odd", pad=True)
        data = riff(chunk(b"bext", bytes(602)), chunk(b"fmt ", FMT), chunk(b"data", PCM), after)
        assert read_audio(saved(tmp_path / "a.wav", data)).seconds == 3.0

    @pytest.mark.parametrize("tail", [b"", b"\0", b"\0" * 500, b"trailing rubbish"])
    def test_bytes_after_the_last_chunk(self, tmp_path: Path, tail: bytes) -> None:
        data = riff(chunk(b"fmt ", FMT), chunk(b"data", PCM)) + tail
        assert read_audio(saved(tmp_path / "a.wav", data)).seconds == 3.0

    @pytest.mark.parametrize("pad", [True, False])
    def test_uneven_length_with_and_without_padding(self, tmp_path: Path, pad: bool) -> None:
        eight_bits = struct.pack("<HHIIHH", 1, 1, RATE, RATE, 1, 8)
        data = riff(chunk(b"fmt ", eight_bits), chunk(b"data", b"\x80" * 8001, pad=pad))
        assert len(read_audio(saved(tmp_path / "a.wav", data)).samples) == 8001

    def test_truncated_after_the_samples(self, tmp_path: Path) -> None:
        data = riff(chunk(b"fmt ", FMT), chunk(b"data", PCM), chunk(b"LIST", bytes(1000)))
        assert read_audio(saved(tmp_path / "a.wav", data[:-500])).seconds == 3.0

    def test_big_endian(self, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "a.wav", SAMPLES, RATE, endian="BIG")
        data = (tmp_path / "a.wav").read_bytes()
        assert data[:4] == b"RIFX"
        assert read_audio(tmp_path / "a.wav").seconds == 3.0
        with pytest.raises(TruncatedAudio):
            read_audio(saved(tmp_path / "truncated.wav", data[:50_000]))

    def test_the_length_of_an_rf64_is_in_the_ds64_chunk(self, tmp_path: Path) -> None:
        data = bytearray(encoded(tmp_path / "complete", "RF64"))
        assert data[36:44] == struct.pack("<Q", 3 * RATE)  # number of samples
        assert data[28:36] == struct.pack("<Q", len(PCM))  # number of bytes
        data[28:36] = struct.pack("<Q", 10**13)
        with pytest.raises(TruncatedAudio, match="10000000000000"):
            read_audio(saved(tmp_path / "a.wav", bytes(data)))

    def test_audio_after_a_tag(self, tmp_path: Path) -> None:
        tag = b"ID3\x03\0\0\0\0\0\x64" + bytes(100)
        data = tag + riff(chunk(b"fmt ", FMT), chunk(b"data", PCM))
        try:
            assert read_audio(saved(tmp_path / "a.wav", data)).seconds == 3.0
        except UnreadableAudio:
            pytest.skip("this libsndfile does not skip the tag")
        with pytest.raises(TruncatedAudio):
            read_audio(saved(tmp_path / "truncated.wav", data[:50_000]))


class TestAuCafW64:
    """What follows the samples of these files."""

    @pytest.mark.parametrize("container", ["AU", "CAF", "W64", "AIFF"])
    def test_more_samples_than_declared(self, tmp_path: Path, container: str) -> None:
        data = encoded(tmp_path / "complete", container, "PCM_16")
        noise = np.random.default_rng(1).bytes(5000)
        with pytest.raises(TruncatedAudio, match=r"declares \d+ bytes of samples but \d+ are there"):
            read_audio(saved(tmp_path / "a", data + noise))

    @pytest.mark.parametrize("container", ["AU", "CAF", "W64", "AIFF"])
    def test_padding_with_zeros(self, tmp_path: Path, container: str) -> None:
        data = encoded(tmp_path / "complete", container, "PCM_16")
        if container == "W64":  # libsndfile reads all of them
            assert read_audio(saved(tmp_path / "a", data + bytes(100))).seconds == pytest.approx(
                3.0, abs=0.01
            )
        else:
            assert read_audio(saved(tmp_path / "a", data + bytes(5000))).seconds == 3.0

    def test_chunks_after_the_samples_of_a_caf(self, tmp_path: Path) -> None:
        data = encoded(tmp_path / "complete", "CAF", "PCM_16")
        info = b"info" + struct.pack(">q", 500) + b"i" * 500
        assert read_audio(saved(tmp_path / "a.caf", data + info)).seconds == 3.0

    def test_a_length_that_is_not_known_yet(self, tmp_path: Path) -> None:
        data = bytearray(encoded(tmp_path / "complete", "AU", "PCM_16"))
        data[8:12] = b"\xff" * 4
        assert read_audio(saved(tmp_path / "a.au", bytes(data))).seconds == 3.0
        data[8:12] = bytes(4)
        with pytest.raises(TruncatedAudio, match="never finalised"):
            read_audio(saved(tmp_path / "b.au", bytes(data)))


class TestAiff:
    def test_complete(self, tmp_path: Path) -> None:
        data = aiff(comm(3 * RATE), ssnd(PCM), chunk(b"NAME", b"fan", order=">"))
        assert read_audio(saved(tmp_path / "a.aiff", data)).seconds == 3.0

    @pytest.mark.parametrize("length", [0, 8])
    def test_never_finalised(self, tmp_path: Path, length: int) -> None:
        data = aiff(comm(0), ssnd(PCM, length=length))
        with pytest.raises(TruncatedAudio, match="never finalised"):
            read_audio(saved(tmp_path / "a.aiff", data))

    def test_frame_count_never_finalised(self, tmp_path: Path) -> None:
        with pytest.raises(TruncatedAudio, match="never finalised"):
            read_audio(saved(tmp_path / "a.aiff", aiff(comm(0), ssnd(PCM))))

    def test_declares_a_huge_length(self, tmp_path: Path) -> None:
        data = aiff(comm(2**31), ssnd(PCM, length=2**32 - 2))
        with pytest.raises(TruncatedAudio, match="declares 4294967294 bytes"):
            read_audio(saved(tmp_path / "a.aiff", data))


class TestOgg:
    def test_last_page_missing(self, tmp_path: Path) -> None:
        data = encoded(tmp_path / "complete", "OGG")
        with pytest.raises(TruncatedAudio, match="does not end the stream"):
            read_audio(saved(tmp_path / "truncated", data[: data.rindex(b"OggS")]))

    def test_bytes_after_the_last_page(self, tmp_path: Path) -> None:
        data = encoded(tmp_path / "complete", "OGG")
        assert read_audio(saved(tmp_path / "tagged", data + b"TAG" + bytes(125))).seconds == 3.0


class TestFlac:
    @pytest.mark.parametrize("total", [3 * RATE + 1, 2**36 - 1])
    def test_declares_more_samples(self, tmp_path: Path, total: int) -> None:
        data = bytearray(encoded(tmp_path / "complete", "FLAC"))
        data[18:26] = (int.from_bytes(data[18:26]) >> 36 << 36 | total).to_bytes(8)
        with pytest.raises(TruncatedAudio, match=r"only about 3\.0 s of"):
            read_audio(saved(tmp_path / "a.flac", bytes(data)))

    @pytest.mark.parametrize("position", [0.3, 0.6, 0.95])
    def test_damaged(self, tmp_path: Path, position: float) -> None:
        data = bytearray(encoded(tmp_path / "complete", "FLAC"))
        at = int(position * len(data))
        data[at : at + 20] = bytes(byte ^ 0x55 for byte in data[at : at + 20])
        with pytest.raises(TruncatedAudio):
            read_audio(saved(tmp_path / "a.flac", bytes(data)))


def mp3_frames(data: bytes) -> list[bytes]:
    """The frames of a mono MPEG-2 file at 16 kHz, by the length formula of the standard."""
    kbits = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    frames = []
    while data:
        length = 72 * kbits[data[2] >> 4] // 16 + (data[2] >> 1 & 1)
        frames.append(data[:length])
        data = data[length:]
    return frames


def with_frame_count(frame: bytes, count: int) -> bytes:
    """A frame with a Xing header, with another count in it."""
    offset = frame.index(b"Xing") + 8
    return frame[:offset] + struct.pack(">I", count) + frame[offset + 4 :]


class TestMp3:
    @pytest.fixture
    def frames(self, tmp_path: Path) -> list[bytes]:
        crescendo = SAMPLES * np.linspace(0.001, 1.0, len(SAMPLES))
        soundfile.write(
            tmp_path / "complete.mp3",
            crescendo,
            RATE,
            format="MP3",
            bitrate_mode="VARIABLE",
            compression_level=0.5,
        )
        frames = mp3_frames((tmp_path / "complete.mp3").read_bytes())
        assert b"Xing" in frames[0]
        assert len({len(frame) for frame in frames[1:]}) > 3
        return frames

    @pytest.mark.parametrize("declared", [100, 868_055_555, 2**32 - 1])
    def test_declares_more_frames(self, tmp_path: Path, frames: list[bytes], declared: int) -> None:
        header = with_frame_count(frames[0], declared)
        with pytest.raises(TruncatedAudio, match=f"declares {declared} frames"):
            read_audio(saved(tmp_path / "a.mp3", header + b"".join(frames[1:])))

    def test_the_declared_count_may_include_the_header(self, tmp_path: Path, frames: list[bytes]) -> None:
        header = with_frame_count(frames[0], len(frames))
        samples = read_audio(saved(tmp_path / "a.mp3", header + b"".join(frames[1:]))).samples
        assert len(samples) >= 3 * RATE

    def test_without_a_frame_count_everything_is_decoded(self, tmp_path: Path, frames: list[bytes]) -> None:
        expected = read_audio(tmp_path / "complete.mp3").samples
        path = saved(tmp_path / "a.mp3", b"".join(frames[1:]))
        assert soundfile.info(path).frames < 0.8 * len(expected)  # the estimate of libsndfile
        samples = read_audio(path).samples
        assert len(samples) == (len(frames) - 1) * 576 - 529  # without the decoder delay
        start = int(np.argmax(np.correlate(samples[30_000:34_000], expected[31_000:32_000])))
        shift = 30_000 + start - 31_000
        np.testing.assert_allclose(
            samples[40_000 + shift : 41_000 + shift], expected[40_000:41_000], atol=1e-6
        )

    def test_with_too_small_a_frame_count_everything_is_decoded(
        self, tmp_path: Path, frames: list[bytes]
    ) -> None:
        path = saved(tmp_path / "a.mp3", b"".join(frames + frames[1:]))
        assert len(read_audio(path).samples) == 2 * (len(frames) - 1) * 576 - 529

    def test_truncated_between_frames_without_a_count_is_not_detected(
        self, tmp_path: Path, frames: list[bytes]
    ) -> None:
        path = saved(tmp_path / "a.mp3", b"".join(frames[1:41]))
        assert len(read_audio(path).samples) == 40 * 576 - 529

    def test_truncated_inside_a_frame_without_a_count(self, tmp_path: Path, frames: list[bytes]) -> None:
        with pytest.raises(TruncatedAudio, match="inside a frame"):
            read_audio(saved(tmp_path / "a.mp3", b"".join(frames[1:])[:-5]))

    def test_missing_frames_with_a_count(self, tmp_path: Path, frames: list[bytes]) -> None:
        with pytest.raises(TruncatedAudio, match=rf"{len(frames) - 1} frames but it has {len(frames) - 5}"):
            read_audio(saved(tmp_path / "a.mp3", b"".join(frames[:-4])))

    @pytest.mark.parametrize("rate", [8000, 11025, 22050, 24000, 32000, 44100, 48000])
    @pytest.mark.parametrize("channels", [1, 2])
    @pytest.mark.parametrize("level", [0.1, 0.9])
    def test_constant_bit_rate_without_a_count(
        self, tmp_path: Path, rate: int, channels: int, level: float
    ) -> None:
        samples = np.tile(np.resize(SAMPLES, 5 * rate)[:, None], (1, channels))
        path = tmp_path / "complete.mp3"
        soundfile.write(path, samples, rate, bitrate_mode="CONSTANT", compression_level=level)
        data = path.read_bytes()
        if b"Info" in data[:60] or b"Xing" in data[:60]:
            data = data[data.index(data[:2], 60) :]  # without the first frame
        decoded = read_audio(saved(tmp_path / "bare.mp3", data)).samples
        assert 0 <= len(decoded) - 5 * rate < 3500

    @pytest.mark.parametrize("surplus", [0, 10, 10**6])
    def test_frame_count_in_a_vbri_header(self, tmp_path: Path, frames: list[bytes], surplus: int) -> None:
        count = struct.pack(">4sHHHII", b"VBRI", 1, 0, 75, 0, len(frames) - 1 + surplus)
        header = (b"\xff\xf3\x88\xc4" + bytes(32) + count).ljust(288, b"\0")
        path = saved(tmp_path / "a.mp3", header + b"".join(frames[1:]))
        if surplus:
            with pytest.raises(TruncatedAudio, match=f"declares {len(frames) - 1 + surplus} frames"):
                read_audio(path)
        else:
            assert len(read_audio(path).samples) == (len(frames) - 1) * 576 - 529

"""Files that were joined, and what else follows audio: it is decoded too, or reported, or no audio."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.errors import AudioError, TruncatedAudio, UnreadableAudio, UnsupportedAudio
from auscult.findings import Finding
from auscult.sound import Waveform, audio_info, read_audio

RATE = 16000
NOISE = np.random.default_rng(0).integers(-20_000, 20_000, 16_000).astype("<i2")
ID3V1 = b"TAG" + b"motor".ljust(125, b"\0")
ID3V2 = b"ID3\x03\0\0\0\0\x10\0" + bytes(2048)
JPEG = np.random.default_rng(1).bytes(100_000).replace(b"ID3", b"id3")
ID3V2_PICTURE = b"ID3\x03\0\0\0\0\x06\x0d\x20" + JPEG
LIST = b"LIST\x04\0\0\0INFO"


@cache
def encoded(container: str, subtype: str | None = None, rate: int = RATE, channels: int = 1) -> bytes:
    file = io.BytesIO()
    samples = np.tile(NOISE[:, None], (1, channels))
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def read(folder: Path, data: bytes) -> Waveform | AudioError:
    path = folder / "a"
    path.write_bytes(data)
    try:
        result = read_audio(path)
    except AudioError as error:
        return error
    assert audio_info(path).seconds in (None, pytest.approx(result.seconds))
    return result


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "SVX"])
def test_two_files_in_one_are_refused(tmp_path: Path, container: str) -> None:
    data = encoded(container)
    assert isinstance(read(tmp_path, data), Waveform)
    assert isinstance(read(tmp_path, data + data), AudioError)


@pytest.mark.parametrize("between", [b"", ID3V1, ID3V2, bytes(2000), bytes(100_000)])
def test_mp3s_that_were_joined_are_read_completely(tmp_path: Path, between: bytes) -> None:
    single = read(tmp_path, encoded("MP3"))
    joined = read(tmp_path, encoded("MP3") + between + encoded("MP3"))
    assert isinstance(single, Waveform)
    assert isinstance(joined, Waveform), joined
    np.testing.assert_array_equal(joined.samples, np.tile(single.samples, 2))
    message = "2 MP3 streams, one after the other: read as one recording"
    assert joined.notes == (Finding("joined_streams", message),)


def test_mp3s_of_different_rates_or_channels_are_refused(tmp_path: Path) -> None:
    for other in (encoded("MP3", rate=44_100), encoded("MP3", channels=2)):
        result = read(tmp_path, encoded("MP3") + ID3V1 + other)
        assert isinstance(result, UnsupportedAudio)
        assert "changes from 16000 Hz and 1 channel to" in result.reason


@pytest.mark.parametrize("tag", [ID3V1, ID3V2_PICTURE, JPEG, bytes(100_000)])
def test_tags_and_pictures_after_an_mp3_are_no_audio(tmp_path: Path, tag: bytes) -> None:
    single = read(tmp_path, encoded("MP3"))
    tagged = read(tmp_path, encoded("MP3") + tag)
    assert isinstance(single, Waveform)
    assert isinstance(tagged, Waveform), tagged
    np.testing.assert_array_equal(tagged.samples, single.samples)
    assert not tagged.notes


@pytest.mark.parametrize(
    ("container", "chunk"),
    [
        ("WAV", LIST),
        ("WAV", b"abcd\x04\0\0\0abcd"),
        ("AIFF", b"NAME\0\0\0\x04abcd"),
        ("CAF", b"info" + struct.pack(">q", 4) + b"abcd"),
        ("W64", b"list" + bytes.fromhex("2f91cf11a5d628db04c10000") + struct.pack("<Q", 32) + bytes(8)),
    ],
)
def test_samples_after_a_chunk(tmp_path: Path, container: str, chunk: bytes) -> None:
    data = encoded(container, "PCM_16") + chunk
    complete = read(tmp_path, data)
    assert isinstance(complete, Waveform)
    assert len(complete.samples) == len(NOISE)
    result = read(tmp_path, data + NOISE.tobytes())
    assert isinstance(result, TruncatedAudio)
    assert "belong to no chunk" in result.reason


def test_a_header_written_early_with_samples_that_look_like_a_chunk(tmp_path: Path) -> None:
    data = bytearray(encoded("WAV"))
    data[40:44] = struct.pack("<I", 100)
    data[144:152] = b"abcd\x10\0\0\0"
    assert isinstance(read(tmp_path, bytes(data)), TruncatedAudio)


@pytest.mark.parametrize("container", ["WAV", "AIFF", "W64", "AU", "CAF", "OGG", "FLAC"])
@pytest.mark.parametrize("tail", [bytes(90_000), ID3V2, ID3V1])
def test_padding_and_tags(tmp_path: Path, container: str, tail: bytes) -> None:
    complete = read(tmp_path, encoded(container))
    assert isinstance(complete, Waveform)
    padded = read(tmp_path, encoded(container) + tail)
    assert isinstance(padded, Waveform), padded
    np.testing.assert_array_equal(padded.samples, complete.samples)
    assert not padded.notes


def test_a_flac_of_unknown_length_with_padding(tmp_path: Path) -> None:
    data = encoded("FLAC")
    fields = int.from_bytes(data[18:26]) >> 36 << 36
    result = read(tmp_path, data[:18] + fields.to_bytes(8) + data[26:] + bytes(3_000_000))
    assert isinstance(result, Waveform), result
    assert len(result.samples) == len(NOISE)


def test_erased_flash_memory_after_a_wav_is_padding(tmp_path: Path) -> None:
    result = read(tmp_path, encoded("WAV") + b"\xff" * 4096)
    assert isinstance(result, Waveform)
    assert len(result.samples) == len(NOISE)


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**40])
def test_lengths_of_w64_that_no_file_can_have(tmp_path: Path, length: int) -> None:
    data = encoded("W64")
    at = data.index(b"data") + 16
    result = read(tmp_path, data[:at] + struct.pack("<Q", length) + data[at + 8 :])
    assert isinstance(result, TruncatedAudio)


def test_bw64_is_read_like_rf64(tmp_path: Path) -> None:
    data = b"BW64" + encoded("RF64")[4:]
    complete = read(tmp_path, data)
    assert isinstance(complete, Waveform), complete
    np.testing.assert_array_equal(complete.samples, NOISE.astype(np.float32) / 32768)
    early = read(tmp_path, data[:28] + struct.pack("<Q", 8000) + data[36:])
    assert isinstance(early, Waveform), early
    np.testing.assert_array_equal(early.samples, complete.samples)
    assert len(early.notes) == 1


def test_a_second_chunk_of_samples_is_reported_as_such(tmp_path: Path) -> None:
    data = encoded("WAV")
    result = read(tmp_path, data + data[36:])
    assert isinstance(result, AudioError)
    assert "not exactly one chunk of samples" in result.reason


# ------------------------------------------------------------------ OGG


def pages(data: bytes, serial: int) -> list[bytes]:
    """The pages of an OGG file with another serial number, and with their checksums."""
    starts = [i for i in range(len(data)) if data.startswith(b"OggS", i)]
    result = []
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        page = data[start : start + 14] + struct.pack("<I", serial) + data[start + 18 : end]
        page = page[:22] + bytes(4) + page[26:]
        checksum = 0
        for byte in page:
            checksum ^= byte << 24
            for _ in range(8):
                checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
        result.append(page[:22] + struct.pack("<I", checksum) + page[26:])
    return result


@pytest.mark.parametrize("other", ["VORBIS", "OPUS"])
def test_two_streams_at_the_same_time_are_refused(tmp_path: Path, other: str) -> None:
    first, second = pages(encoded("OGG", "VORBIS"), 1), pages(encoded("OGG", other), 2)
    assert isinstance(read(tmp_path, b"".join(first)), Waveform)
    result = read(tmp_path, b"".join([first[0], second[0], *first[1:], *second[1:]]))
    assert isinstance(result, UnsupportedAudio)
    assert "several streams of audio" in result.reason


def test_a_damaged_page_is_not_passed_over(tmp_path: Path) -> None:
    data = bytearray(encoded("OGG", "VORBIS"))
    data[len(data) // 2] ^= 0x55
    result = read(tmp_path, bytes(data))
    assert isinstance(result, UnreadableAudio)
    assert "checksum" in result.reason


def test_a_stream_far_behind_the_end_of_another_is_not_passed_over(tmp_path: Path) -> None:
    data = encoded("OGG", "VORBIS")
    assert isinstance(read(tmp_path, data + bytes(100_000) + data), UnreadableAudio)

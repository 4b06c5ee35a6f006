"""Arbitrary bytes give a waveform or an `AudioError`, quickly and in little memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auscult.errors import AudioError
from auscult.sound import Waveform, audio_info, read_audio, stream_audio

CONTAINERS = ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"]
MAGIC = [
    b"",
    b"RIFF\x24\0\0\0WAVEfmt ",
    b"RIFX\0\0\0\x24WAVEfmt ",
    b"RF64\xff\xff\xff\xffWAVEds64",
    b"FORM\0\0\0\x24AIFFCOMM",
    b"FORM\0\0\0\x24AIFCCOMM",
    b"fLaC\0\0\0\x22",
    b"OggS\0\2",
    b"\xff\xf3\x88\xc4",
    b"\xff\xfb\x90\x64",
    b"ID3\4\0\0\0\0\0\x0a",
]
MB = 1024  # in kilobytes


@cache
def valid_file(container: str) -> bytes:
    file = io.BytesIO()
    noise = 0.1 * np.random.default_rng(0).standard_normal(6000)
    soundfile.write(file, noise, 16000, format=container)
    return file.getvalue()


def read_or_error(path: Path) -> Waveform | AudioError:
    """The waveform or the error of a file; any other exception, or a warning, fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            result: Waveform | AudioError = read_audio(path)
        except AudioError as error:
            result = error
        try:
            audio_info(path)
            joined = [window.waveform.samples for window in stream_audio(path, seconds=0.05)]
            assert isinstance(result, Waveform)
            assert sum(map(len, joined)) <= len(result.samples)
        except AudioError:
            assert isinstance(result, AudioError)
    if isinstance(result, AudioError):
        assert result.path == str(path)
        assert result.reason
    else:
        assert np.isfinite(result.samples).all()
        assert len(result.samples)
    return result


fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(magic=st.sampled_from(MAGIC), data=st.binary(max_size=600))
def test_random_bytes(tmp_path: Path, magic: bytes, data: bytes) -> None:
    path = tmp_path / "random"
    path.write_bytes(magic + data)
    read_or_error(path)


@fuzz
@given(container=st.sampled_from(CONTAINERS), fraction=st.floats(0.0, 1.0))
def test_random_truncation(tmp_path: Path, container: str, fraction: float) -> None:
    data = valid_file(container)
    path = tmp_path / "truncated"
    path.write_bytes(data[: int(fraction * len(data))])
    result = read_or_error(path)
    if fraction < 0.95:
        assert isinstance(result, AudioError)


@fuzz
@given(
    container=st.sampled_from(CONTAINERS),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_random_bytes_in_the_header(tmp_path: Path, container: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(valid_file(container))
    for position, byte in changes:
        data[position % len(data)] = byte
    path = tmp_path / "changed"
    path.write_bytes(data)
    read_or_error(path)


@fuzz
@given(container=st.sampled_from(CONTAINERS), position=st.floats(0, 1), size=st.integers(1, 2000))
def test_random_holes(tmp_path: Path, container: str, position: float, size: int) -> None:
    data = valid_file(container)
    start = int(position * len(data))
    path = tmp_path / "hole"
    path.write_bytes(data[:start] + data[start + size :])
    read_or_error(path)


# ------------------------------------------------------------------ memory


def mp3_declaring(frames: int) -> bytes:
    """A few frames of silence after a Xing header, MPEG-2 layer III, 16 kHz, mono, 64 kbit/s."""
    head = b"\xff\xf3\x88\xc4"
    header = (head + bytes(9) + b"Xing" + struct.pack(">II", 1, frames)).ljust(288, b"\0")
    return header + 6 * head.ljust(288, b"\0")


def wav_declaring(length: int) -> bytes:
    fmt = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 0xFFFFFFFF)
        + b"WAVEfmt \x10\0\0\0"
        + fmt
        + b"data"
        + struct.pack("<I", length)
        + bytes(64)
    )


def rf64_declaring(length: int) -> bytes:
    data = bytearray(valid_file("RF64"))
    data[20:44] = struct.pack("<QQQ", length + 100, length, length // 2)
    return bytes(data)


def aiff_declaring(frames: int) -> bytes:
    data = bytearray(valid_file("AIFF"))
    data[22:26] = struct.pack(">I", frames)
    offset = data.index(b"SSND")
    data[offset + 4 : offset + 8] = struct.pack(">I", 0xFFFFFFF0)
    return bytes(data)


def flac_declaring(samples: int) -> bytes:
    data = bytearray(valid_file("FLAC"))
    data[18:26] = (int.from_bytes(data[18:26]) >> 36 << 36 | samples).to_bytes(8)
    return bytes(data)


def ogg_declaring(samples: int) -> bytes:
    """An OGG file whose last page declares a length (granule position), with a correct checksum."""
    data = bytearray(valid_file("OGG"))
    offset = data.rindex(b"OggS")
    data[offset + 6 : offset + 14] = struct.pack("<Q", samples)
    data[offset + 22 : offset + 26] = bytes(4)
    data[offset + 22 : offset + 26] = struct.pack("<I", ogg_checksum(data[offset:]))
    return bytes(data)


def ogg_checksum(page: bytes) -> int:
    remainder = 0
    for byte in page:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x04C11DB7 if remainder & 0x80000000 else 0)) & 0xFFFFFFFF
    return remainder


# Peak memory of the program itself; getrusage would include the peak of its parent process.
PEAK = """
import sys
from auscult.errors import AudioError
from auscult.sound import audio_info, read_audio, stream_audio

def peak():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1])
"""
HOSTILE = (
    PEAK
    + """
valid, hostile = sys.argv[1:]
read_audio(valid), list(stream_audio(valid, seconds=1.0))
before = peak()
outcomes = []
for read in (audio_info, read_audio, lambda p: list(stream_audio(p, seconds=1.0))):
    try:
        read(hostile)
        outcomes.append("read")
    except AudioError as error:
        outcomes.append(type(error).__name__)
print(peak() - before, *outcomes)
"""
)
LONG = (
    PEAK
    + """
windows = stream_audio(sys.argv[1], seconds=10.0, sample_rate=16000)
next(windows)
before = peak()
count = 1 + sum(1 for _ in windows)
print(peak() - before, count)
"""
)
peak_is_known = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"
)


def run_program(program: str, *paths: Path) -> list[str]:
    """The words that a Python program prints."""
    command = [sys.executable, "-c", program, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()


@peak_is_known
@pytest.mark.parametrize(
    ("container", "hostile"),
    [
        ("MP3", mp3_declaring(868_055_555)),  # 5·10¹¹ samples
        ("MP3", mp3_declaring(2**32 - 1)),  # 2.5·10¹²
        ("WAV", wav_declaring(0xFFFFFFF0)),
        ("RF64", rf64_declaring(10**12)),
        ("AIFF", aiff_declaring(2**32 - 1)),
        ("FLAC", flac_declaring(2**36 - 1)),
    ],
    ids=["mp3", "mp3-largest", "wav", "rf64", "aiff", "flac"],
)
def test_a_header_that_declares_a_huge_length(tmp_path: Path, container: str, hostile: bytes) -> None:
    (tmp_path / "valid").write_bytes(valid_file(container))
    (tmp_path / "hostile").write_bytes(hostile)
    assert len(hostile) < 20_000
    growth, info, *outcomes = run_program(HOSTILE, tmp_path / "valid", tmp_path / "hostile")
    assert outcomes == ["TruncatedAudio", "TruncatedAudio"]
    assert info == "read"
    assert int(growth) < 50 * MB


@peak_is_known
def test_an_ogg_that_declares_a_huge_length(tmp_path: Path) -> None:
    (tmp_path / "valid").write_bytes(valid_file("OGG"))
    (tmp_path / "hostile").write_bytes(ogg_declaring(10**12))
    growth, *_ = run_program(HOSTILE, tmp_path / "valid", tmp_path / "hostile")
    assert int(growth) < 50 * MB


@peak_is_known
def test_a_long_file_is_streamed_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    soundfile.write(path, np.zeros(3600 * 8000, dtype=np.int16), 8000)
    growth, count = map(int, run_program(LONG, path))
    assert count == 360
    assert growth < 20 * MB


@peak_is_known
def test_the_memory_measurement_detects_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "minutes.wav"
    soundfile.write(path, np.zeros(10 * 60 * 48_000, dtype=np.int16), 48_000)
    (tmp_path / "valid").write_bytes(valid_file("WAV"))
    growth, *outcomes = run_program(HOSTILE, tmp_path / "valid", path)
    assert outcomes == ["read", "read", "read"]
    assert int(growth) > 100 * MB

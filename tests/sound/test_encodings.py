"""One recording in every encoding and WAV layout gives the same samples."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.sound import read_audio

RATE = 16000
PCM = np.round(3000 * np.random.default_rng(0).standard_normal(RATE)).astype("<i2")
SAMPLES = PCM.astype(np.float32) / 32768
FMT = b"fmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)


def chunk(name: bytes, body: bytes, *, length: int | None = None, pad: bool = True) -> bytes:
    head = name + struct.pack("<I", len(body) if length is None else length)
    return head + body + b"\0" * (len(body) % 2 if pad else 0)


DATA = chunk(b"data", PCM.tobytes())


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def streamed(length: int) -> bytes:
    return riff(FMT, chunk(b"data", PCM.tobytes(), length=length), size=0xFFFFFFFF)


ENCODINGS = [
    (container, subtype, endian)
    for container in ("WAV", "WAVEX", "RF64", "AIFF", "FLAC", "AU", "CAF", "W64")
    for subtype in soundfile.available_subtypes(container)
    for endian in ("FILE", "BIG")
    if endian == "FILE" or container == "WAV"
]
LOSSLESS = {
    "PCM_16",
    "PCM_24",
    "PCM_32",
    "FLOAT",
    "DOUBLE",
    "ALAC_16",
    "ALAC_24",
    "ALAC_32",
    "DWVW_16",
    "DWVW_24",
}
LAYOUTS = {
    "odd chunk after the samples": riff(FMT, DATA, chunk(b"LIST", b"INFOISFT\x03\0\0\0abc")),
    "odd chunk without padding": riff(
        FMT, DATA, chunk(b"LIST", b"INFOx", pad=False), chunk(b"note", b"abcd")
    ),
    "odd chunk before the format": riff(chunk(b"JUNK", b"xyz"), FMT, chunk(b"note", b"a"), DATA),
    "broadcast wave": riff(chunk(b"bext", bytes(602)), FMT, DATA, chunk(b"iXML", b"<x/>")),
    "unknown chunk after the samples": riff(FMT, DATA, chunk(b"abcd", bytes(777))),
    "wrong fact": riff(FMT, chunk(b"fact", struct.pack("<I", 1)), DATA),
    "incomplete LIST": riff(FMT, DATA, chunk(b"LIST", bytes(1000)))[:-500],
    "written to a pipe by ffmpeg": streamed(0xFFFFFFFF),
    "written to a pipe by SoX": streamed(0x7FFFF000),
    "RIFF size of 0": riff(FMT, DATA, size=0),
    "RIFF size unknown": riff(FMT, DATA, size=0xFFFFFFFF),
    "RIFF size that ends before the samples": riff(FMT, DATA, size=36),
    "ID3v2 tag at the end": riff(FMT, DATA) + b"ID3\x03\0\0\0\0\x08\0" + bytes(range(256)) * 4,
    "ID3v1 tag at the end": riff(FMT, DATA) + b"TAG" + b"motor".ljust(125),
    "id3 chunk": riff(FMT, DATA, chunk(b"id3 ", bytes(301))),
    "zeros at the end": riff(FMT, DATA) + bytes(4000),
    "a few bytes at the end": riff(FMT, DATA) + b"trailing rubbish",
}


@pytest.mark.parametrize(("container", "subtype", "endian"), ENCODINGS)
def test_encodings(tmp_path: Path, container: str, subtype: str, endian: str) -> None:
    path = tmp_path / "a"
    try:
        soundfile.write(path, SAMPLES, RATE, format=container, subtype=subtype, endian=endian)
        soundfile.info(path)
    except (soundfile.LibsndfileError, ValueError):
        pytest.skip("this libsndfile cannot write it, or not read it")
    waveform = read_audio(path)
    assert waveform.notes == ()
    if subtype in LOSSLESS:
        np.testing.assert_array_equal(waveform.samples, SAMPLES)
    else:
        with soundfile.SoundFile(path) as file:
            expected = file.read(RATE, dtype="float32")
        np.testing.assert_allclose(waveform.samples[:RATE], expected, rtol=0, atol=1e-6)
        assert 0 <= len(waveform.samples) - RATE < 1024  # codecs fill their last block
        assert np.corrcoef(waveform.samples[:RATE], SAMPLES)[0, 1] > 0.5  # of noise, the hardest for codecs


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path: Path, layout: str) -> None:
    (tmp_path / "a.wav").write_bytes(LAYOUTS[layout])
    waveform = read_audio(tmp_path / "a.wav")
    np.testing.assert_array_equal(waveform.samples, SAMPLES)
    assert waveform.notes == ()


def test_extensible_with_any_extension(tmp_path: Path) -> None:
    file = io.BytesIO()
    soundfile.write(file, SAMPLES, RATE, format="WAVEX", subtype="PCM_16")
    for name in ("a.bwf", "a.wave", "a"):
        (tmp_path / name).write_bytes(file.getvalue())
        np.testing.assert_array_equal(read_audio(tmp_path / name).samples, SAMPLES)

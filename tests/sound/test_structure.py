"""Random structures of WAV, OGG and FLAC files: all samples present are decoded, or an error is raised."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from auscult.errors import AudioError, TruncatedAudio, UnreadableAudio, UnsupportedAudio
from auscult.sound import Waveform, audio_info, read_audio

RATE = 16000
NOISE = np.random.default_rng(0).integers(-20_000, 20_000, 60_000).astype("<i2")

random_files = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(folder: Path, data: bytes) -> Waveform | AudioError:
    path = folder / "a"
    path.write_bytes(data)
    try:
        return read_audio(path)
    except AudioError as error:
        return error


# ------------------------------------------------------------------ WAV

Chunk = tuple[bytes, bytes]
PLAIN = [b"JUNK", b"PAD ", b"iXML", b"xyzw"]
PARSED = [b"LIST", b"bext", b"fact", b"id3 ", b"cue "]  # libsndfile refuses some contents before the samples


def chunks(names: list[bytes]) -> st.SearchStrategy[list[Chunk]]:
    return st.lists(st.tuples(st.sampled_from(names), st.binary(min_size=4, max_size=41)), max_size=3)


def packed(chunk: Chunk, *, padded: bool, order: str) -> bytes:
    name, body = chunk
    return name + struct.pack(order + "I", len(body)) + body + b"\0" * (len(body) % 2 if padded else 0)


@random_files
@given(
    before=chunks(PLAIN),
    after=chunks(PLAIN + PARSED),
    padded=st.booleans(),
    big_endian=st.booleans(),
    channels=st.integers(1, 3),
    width=st.sampled_from([1, 2, 3, 4]),
    frames=st.integers(1, 3000),
    declared=st.sampled_from(["true", "fewer", "none", "more", "pipe", "sox"]),
    trailer=st.binary(max_size=200),
    riff_size=st.sampled_from([None, 0, 0xFFFFFFFF, 36]),
)
def test_wav(
    tmp_path: Path,
    before: list[Chunk],
    after: list[Chunk],
    padded: bool,
    big_endian: bool,
    channels: int,
    width: int,
    frames: int,
    declared: str,
    trailer: bytes,
    riff_size: int | None,
) -> None:
    order, align = (">" if big_endian else "<"), channels * width
    samples = np.random.default_rng(frames).bytes(frames * align)
    length = {
        "true": len(samples),
        "fewer": len(samples) // 3 // align * align,
        "none": 0,
        "more": len(samples) + 1000,
        "pipe": 0xFFFFFFFF,
        "sox": 0x7FFFF000,
    }[declared]
    fmt = struct.pack(order + "HHIIHH", 1, channels, RATE, RATE * align, align, 8 * width)
    body = b"WAVE" + b"".join(packed(c, padded=True, order=order) for c in [*before, (b"fmt ", fmt)])
    body += b"data" + struct.pack(order + "I", length) + samples
    rest = b""
    if declared == "true":
        rest = b"\0" * (len(samples) % 2 if padded else 0)
        rest += b"".join(packed(c, padded=padded, order=order) for c in after) + trailer
    data = (b"RIFX" if big_endian else b"RIFF") + struct.pack(
        order + "I", (len(body) + len(rest)) % 2**32 if riff_size is None else riff_size
    )
    result = read(tmp_path, data + body + rest)
    if declared == "true":
        assert isinstance(result, Waveform)
        beyond = len(rest) // align if not after and len(rest) > 128 else 0
        assert len(result.samples) in (frames, frames + beyond)
        assert bool(result.notes) == (len(result.samples) > frames)
        if beyond and trailer.strip(b"\0") and not trailer.startswith((b"TAG", b"ID3")):
            assert len(result.samples) == frames + beyond
    elif declared in ("pipe", "sox"):
        assert isinstance(result, Waveform)
        assert len(result.samples) == frames
    elif declared == "fewer" and len(samples) - length > 128 and length:
        assert isinstance(result, Waveform)
        assert len(result.samples) == frames
        assert "declares" in result.notes[0].message
    elif declared == "more" or (declared == "none" and len(samples) > 3):
        assert isinstance(result, TruncatedAudio)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM", "MS_ADPCM"])
@pytest.mark.parametrize("container", ["WAV", "RF64", "WAVEX"])
def test_a_header_that_was_not_updated(tmp_path: Path, container: str, subtype: str) -> None:
    if subtype not in soundfile.available_subtypes(container):
        pytest.skip(f"no {container} {subtype}")
    soundfile.write(tmp_path / "whole", NOISE, RATE, format=container, subtype=subtype)
    complete = read_audio(tmp_path / "whole")
    data = bytearray((tmp_path / "whole").read_bytes())
    at = data.index(b"data") + 4
    length = struct.unpack("<I", data[at : at + 4])[0]
    if length == 0xFFFFFFFF:
        data[28:36] = struct.pack("<Q", 8000)
    else:
        data[at : at + 4] = struct.pack("<I", length // 4096 * 1024)
    result = read(tmp_path, bytes(data))
    assert isinstance(result, Waveform)
    np.testing.assert_array_equal(result.samples, complete.samples)
    assert len(result.notes) == 1
    assert audio_info(tmp_path / "a").seconds == complete.seconds


@pytest.mark.parametrize("layout", ["wrapped", "wrapped, then a chunk", "pipe", "sox"])
def test_more_than_four_gib(tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sparse file. Only its end is read; reading all of it would take a minute."""
    from auscult.sound import audio_file, completeness

    present = 2**32 + 64_000
    length = {"pipe": 0xFFFFFFFF, "sox": 0x7FFFF000}.get(layout, present % 2**32)
    fmt = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    path = tmp_path / "long.wav"
    with open(path, "wb") as file:
        file.write(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + fmt + b"data" + struct.pack("<I", length))
        file.write(NOISE[:32_000].tobytes() * 2)
        file.seek(44 + present - 2000)
        file.write(NOISE[:1000].tobytes())
        if layout == "wrapped, then a chunk":
            file.write(b"LIST\x04\0\0\0abcd")
    with audio_file.open_audio(path) as opened:
        plan = completeness.decoding_plan(str(path), opened)
    assert len(plan.notes) == 1
    (part,) = plan.parts
    with soundfile.SoundFile(part) as decoder:
        assert decoder.frames == present // 2
        decoder.seek(present // 2 - 1000)
        np.testing.assert_array_equal(decoder.read(dtype="int16"), NOISE[:1000])


def test_zeros_after_the_samples_are_padding(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", NOISE[:8000], RATE)
    data = (tmp_path / "a.wav").read_bytes()
    result = read(tmp_path, data + bytes(100_000))
    assert isinstance(result, Waveform)
    assert len(result.samples) == 8000


# ------------------------------------------------------------------ OGG


@cache
def ogg(subtype: str, seconds: float, rate: int = RATE, channels: int = 1) -> bytes:
    file = io.BytesIO()
    samples = 0.3 * np.random.default_rng(int(100 * seconds)).standard_normal((int(seconds * rate), channels))
    soundfile.write(file, samples, rate, format="OGG", subtype=subtype)
    return file.getvalue()


def pages(data: bytes) -> list[bytes]:
    starts = [i for i in range(len(data)) if data.startswith(b"OggS", i)]
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


lengths = st.sampled_from([0.1, 0.35, 1.0, 2.7])


@random_files
@given(
    subtype=st.sampled_from(["VORBIS", "OPUS"]),
    seconds=st.lists(lengths, min_size=1, max_size=3),
    trailer=st.binary(max_size=300),
    lost=st.none() | st.integers(0, 200),
    cut=st.none() | st.floats(0.05, 0.999),
)
def test_ogg(
    tmp_path: Path, subtype: str, seconds: list[float], trailer: bytes, lost: int | None, cut: float | None
) -> None:
    assume(b"OggS" not in trailer)
    streams = [ogg(subtype, s) for s in seconds]
    complete = pages(b"".join(streams))
    data = b"".join(page for i, page in enumerate(complete) if lost is None or i != lost % len(complete))
    if cut is not None:
        data = data[: int(cut * len(data))]
    result = read(tmp_path, data + (b"" if cut else trailer))
    frames = [int(s * RATE) for s in seconds]
    if lost is None and cut is None:
        assert isinstance(result, Waveform), result
        assert len(result.samples) == sum(frames)
        assert bool(result.notes) == (len(frames) > 1)
    elif isinstance(result, Waveform):  # whole streams are missing, or it is reported
        complete_streams = [sum(frames[:n]) for n in range(1, len(frames))]
        assert len(result.samples) in complete_streams or "pages are missing" in result.notes[0].message


def test_a_chained_ogg_gives_the_samples_of_all_streams(tmp_path: Path) -> None:
    for subtype in ("VORBIS", "OPUS"):
        streams = [ogg(subtype, 1.0, channels=2), ogg(subtype, 0.35, channels=2)]
        parts = []
        for data in streams:
            part = read(tmp_path, data)
            assert isinstance(part, Waveform)
            parts.append(part.samples)
        result = read(tmp_path, b"".join(streams))
        assert isinstance(result, Waveform)
        np.testing.assert_array_equal(result.samples, np.concatenate(parts))
        assert "2 OGG streams" in result.notes[0].message
        assert audio_info(tmp_path / "a").seconds == result.seconds


def test_a_chained_ogg_of_different_streams_is_refused(tmp_path: Path) -> None:
    result = read(tmp_path, ogg("VORBIS", 1.0) + ogg("VORBIS", 1.0, rate=8000))
    assert isinstance(result, UnsupportedAudio)
    assert "16000 Hz and 1 channel to 8000 Hz and 1 channel after 1.0 s" in result.reason
    assert isinstance(read(tmp_path, ogg("VORBIS", 1.0) + ogg("VORBIS", 1.0, channels=2)), UnsupportedAudio)


def test_a_missing_page_in_an_ogg(tmp_path: Path) -> None:
    complete = pages(ogg("VORBIS", 2.7))
    assert len(complete) > 4
    result = read(tmp_path, b"".join(complete[:3] + complete[4:]))
    assert isinstance(result, UnreadableAudio)
    assert "pages are missing" in result.reason


# ------------------------------------------------------------------ FLAC


@cache
def flac(frames: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, NOISE[:frames], RATE, format="FLAC")
    return file.getvalue()


def with_total(data: bytes, total: int) -> bytes:
    fields = int.from_bytes(data[18:26]) >> 36 << 36
    return data[:18] + (fields | total).to_bytes(8) + data[26:]


ID3V1 = b"TAG" + b"motor".ljust(125, b"\0")
APEV2 = b"APETAGEX\xd0\x07\0\0\x20\0\0\0\0\0\0\0\0\0\0\0" + bytes(8)
TAGS = {"none": b"", "id3v1": ID3V1, "ape": APEV2, "both": APEV2 + ID3V1}


@random_files
@given(
    frames=st.sampled_from([100, 4096, 32_768, 32_769, 50_000]),
    total=st.sampled_from(["true", "unknown", "fewer", "more"]),
    tag=st.sampled_from(sorted(TAGS)),
    rubbish=st.binary(max_size=500),
)
def test_flac(tmp_path: Path, frames: int, total: str, tag: str, rubbish: bytes) -> None:
    declared = {"true": frames, "unknown": 0, "fewer": frames - 50, "more": frames + 50}[total]
    rest = rubbish + TAGS[tag]
    result = read(tmp_path, with_total(flac(frames), declared) + rest)
    if total in ("fewer", "more"):
        assert isinstance(result, TruncatedAudio)
    elif total == "true" or not rubbish:
        assert isinstance(result, Waveform)
        np.testing.assert_array_equal(result.samples, NOISE[:frames].astype(np.float32) / 32768)
    elif isinstance(result, Waveform):
        assert len(result.samples) == frames


def test_two_flacs_in_one_file(tmp_path: Path) -> None:
    result = read(tmp_path, flac(4096) + flac(4096))
    assert isinstance(result, TruncatedAudio)
    assert "more audio follows" in result.reason


def test_the_error_of_the_decoder_is_passed_on(tmp_path: Path) -> None:
    data = bytearray(flac(50_000))
    data[40_000:40_020] = bytes(20)
    result = read(tmp_path, bytes(data))
    assert isinstance(result, TruncatedAudio)
    assert "libsndfile: " in result.reason

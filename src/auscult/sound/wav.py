"""WAV: the declared length of the samples against the size of the file, and a header of the actual length.

Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (RIFF); EBU Tech 3306
(RF64); ITU-R BS.2088 (BW64).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from auscult.errors import UnreadableAudio
from auscult.findings import Finding
from auscult.sound.chunks import (
    check_length,
    chunks,
    end_of_chunks,
    more_bytes,
    only_chunks,
    samples_follow,
    skip_id3,
)
from auscult.sound.patched_file import PatchedFile

_UNTIL_END_OF_FILE = frozenset({0xFFFFFFFF, 0x7FFFF000})  # as ffmpeg and SoX write it to a pipe
_IN_DS64 = 0xFFFFFFFF  # RF64: the actual length is in the ds64 chunk
_WRAP = 1 << 32  # lengths of more bytes than this are stored modulo it by programs that do not know RF64


@dataclass(frozen=True)
class WavSamples:
    """The samples of a WAV file that has more of them than its header declares.

    Attributes:
        start: byte offset of the header, after tags.
        offset: byte offset of the samples.
        declared: their length in the header, bytes.
        present: their actual length, bytes.
        ds64: byte offset of the 64-bit length of an RF64 file, or ``None``.
    """

    start: int
    offset: int
    declared: int
    present: int
    ds64: int | None = None


def check_wav(name: str) -> WavSamples | None:
    """Compare the declared length of a WAV file's samples with the size of the file.

    Returns:
        ``None`` if a decoder that trusts the header reads all samples; otherwise where they are.

    Raises:
        TruncatedAudio: fewer bytes than declared, a header that was never finalised, or bytes after the last
            chunk that may be samples.
        UnreadableAudio: the file has no chunk of samples.
    """
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = skip_id3(file)
        magic = file.read(4)
        byte_order = ">" if magic == b"RIFX" else "<"
        ds64: int | None = None
        ds64_length = 0
        for chunk, offset, length in chunks(file, start + 12, size, byte_order):
            if chunk == b"ds64" and magic in (b"RF64", b"BW64") and length >= 16:
                ds64, ds64_length = offset + 8, struct.unpack("<8xQ", file.read(16))[0]
            if chunk != b"data":
                continue
            in_ds64 = ds64 is not None and length == _IN_DS64
            if length in _UNTIL_END_OF_FILE and not in_ds64:
                present = size - offset
                return WavSamples(start, offset, length, present) if present > length else None
            declared = ds64_length if in_ds64 else length
            check_length(name, file, offset, declared, size, byte_order)
            end = offset + declared
            if not samples_follow(name, file, end, end_of_chunks(file, end, size, byte_order)):
                return None
            present = _actual_length(file, offset, declared, size, byte_order)
            samples = WavSamples(start, offset, declared, present, ds64 if in_ds64 else None)
            if samples.ds64 is None and present >= _WRAP - 1 and magic != b"RIFF":
                raise more_bytes(name, declared, present)  # no header can declare as many
            return samples
    raise UnreadableAudio(name, "the file has no chunk of samples")


def open_bw64(name: str) -> PatchedFile | None:
    """Open a BW64 file as RF64, whose structure it has, since libsndfile does not know it; else ``None``."""
    with open(name, "rb") as file:
        return PatchedFile(name, 4, b"RF64") if file.read(4) == b"BW64" else None


def open_with_length(name: str, samples: WavSamples) -> PatchedFile:
    """Open a WAV file with a header of the actual length of its samples; RF64 from 4 GiB on."""
    with open(name, "rb") as file:
        file.seek(samples.start)
        header = bytearray(file.read(samples.offset - samples.start))
    if header[:4] == b"BW64":
        header[:4] = b"RF64"
    if samples.ds64 is not None:
        at = samples.ds64 - samples.start
        header[at : at + 8] = struct.pack("<Q", samples.present)
    elif samples.present < _WRAP - 1:
        header[-4:] = struct.pack(">I" if header[:4] == b"RIFX" else "<I", samples.present)
    else:
        header[-4:] = struct.pack("<I", _IN_DS64)
        lengths = struct.pack("<QQQI", len(header) + 28 + samples.present, samples.present, 0, 0)
        header[:12] = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", len(lengths)) + lengths
    return PatchedFile(name, samples.offset, bytes(header), samples.offset + samples.present)


def length_note(samples: WavSamples) -> Finding:
    """Return the note of a file that is read beyond its declared length."""
    return Finding(
        "wrong_length",
        f"its header declares {samples.declared} bytes of samples but {samples.present} are there: read to "
        "the end; the recorder did not update the header, or its length does not fit into 32 bits",
    )


def _actual_length(file: BinaryIO, offset: int, declared: int, size: int, byte_order: str) -> int:
    """Return the length of samples that are longer than declared.

    If chunks follow a multiple of 4 GiB after the declared end, the length was stored modulo 4 GiB.
    Otherwise everything to the end of the file belongs to the samples.
    """
    for length in range(declared + _WRAP, size - offset + 1, _WRAP):
        end = offset + length
        if size - end <= 1 or any(
            only_chunks(file, end + padding, size, byte_order) for padding in (0, length % 2)
        ):
            return length
    return size - offset

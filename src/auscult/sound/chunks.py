"""WAV and AIFF: chunks of (name, length, data), whose lengths are compared with the size of the file.

Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (RIFF); EBU Tech 3306
(RF64); ITU-R BS.2088 (BW64); Apple, "Audio Interchange File Format: AIFF-C", 1991.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from auscult.errors import TruncatedAudio, UnreadableAudio

_UNTIL_END_OF_FILE = frozenset({0xFFFFFFFF, 0x7FFFF000})  # as ffmpeg and SoX write it to a pipe
_IN_DS64 = 0xFFFFFFFF  # RF64: the actual length is in the ds64 chunk
_MAX_CHUNKS = 100_000  # a file with more chunks is not searched further
_REPAIR = (
    "to keep the existing part, rewrite the file with an audio tool (WAV: ffmpeg -ignore_length 1 -i OLD NEW)"
)


def check_wav(name: str) -> None:
    """Compare the declared length of a WAV file's samples with the size of the file.

    Raises:
        TruncatedAudio: fewer bytes than declared, or a header that was never finalised.
        UnreadableAudio: the file has no chunk of samples.
    """
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = skip_id3(file)
        magic = file.read(4)
        byte_order = ">" if magic == b"RIFX" else "<"
        ds64_length: int | None = None
        for chunk, offset, length in _chunks(file, start + 12, size, byte_order):
            if chunk == b"ds64" and magic in (b"RF64", b"BW64") and length >= 16:
                ds64_length = struct.unpack("<8xQ", file.read(16))[0]
            if chunk != b"data":
                continue
            if ds64_length is not None and length == _IN_DS64:
                length = ds64_length
            elif length in _UNTIL_END_OF_FILE:
                return
            _check_length(name, file, offset, length, size, byte_order)
            return
    raise UnreadableAudio(name, "the file has no chunk of samples")


def check_aiff(name: str) -> None:
    """Compare the declared length of an AIFF or AIFC file's samples with the size of the file.

    Raises:
        TruncatedAudio: fewer bytes than declared, or a header that was never finalised.
        UnreadableAudio: the file has no chunk of samples.
    """
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = skip_id3(file)
        declared: int | None = None
        for chunk, offset, length in _chunks(file, start + 12, size, ">"):
            if chunk == b"COMM" and length >= 8:
                declared = struct.unpack(">2xI", file.read(6))[0]
            if chunk == b"SSND":
                if length <= 8:  # only the two fields before the samples
                    _check_length(name, file, min(offset + 8, size), 0, size, ">")
                else:
                    _check_length(name, file, offset, length, size, ">")
                    if declared == 0:
                        raise _never_finalised(name)
                return
        if declared == 0:
            return  # an AIFF without samples needs no sample chunk
    raise UnreadableAudio(name, "the file has no chunk of samples")


def skip_id3(file: BinaryIO) -> int:
    """Seek past any ID3v2 tags at the start of a file and return the position.

    id3.org, "ID3 tag version 2.4.0", section 3.1.
    """
    position = 0
    while True:
        file.seek(position)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            file.seek(position)
            return position
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        position += 10 + length + (10 if head[5] & 0x10 else 0)


def _chunks(file: BinaryIO, position: int, end: int, byte_order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, data offset and declared length of each chunk, with the file positioned at the data.

    A chunk of odd length should be followed by one byte of padding; files without it are read as well.
    """
    padding = 0
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if padding and not _is_chunk_name(head[:4]):
            position -= padding
            file.seek(position)
            head = file.read(8)
        if len(head) < 8 or not _is_chunk_name(head[:4]):
            return
        length = struct.unpack(byte_order + "I", head[4:])[0]
        yield head[:4], position + 8, length
        padding = length % 2
        position += 8 + length + padding
        if position > end:
            return


def _check_length(name: str, file: BinaryIO, offset: int, length: int, size: int, byte_order: str) -> None:
    """Check that a file of ``size`` bytes has ``length`` bytes of samples from ``offset`` on."""
    if offset + length > size:
        present = max(0, size - offset)
        raise TruncatedAudio(
            name,
            f"its header declares {length} bytes of samples but the file has {present}: it is truncated or "
            f"was not finished; copy or record it again, or {_REPAIR}",
        )
    if length == 0 and size - offset > 1 and not _only_chunks(file, offset, size, byte_order):
        raise _never_finalised(name)


def _never_finalised(name: str) -> TruncatedAudio:
    return TruncatedAudio(
        name,
        "its header declares no samples although some follow: it was never finalised, for example because "
        f"the recorder lost power; {_REPAIR}",
    )


def _only_chunks(file: BinaryIO, position: int, end: int, byte_order: str) -> bool:
    """Whether the rest of the file consists of complete chunks, such as LIST after the samples."""
    last_end = position
    for _, offset, length in _chunks(file, position, end, byte_order):
        last_end = offset + length
    return end - 1 <= last_end <= end and last_end > position


def _is_chunk_name(data: bytes) -> bool:
    return len(data) == 4 and all(32 <= character < 127 for character in data)

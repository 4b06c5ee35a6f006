"""WAV and AIFF: chunks of (name, length, bytes), whose lengths are compared with the size of the file.

Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (RIFF); EBU Tech 3306
(RF64); ITU-R BS.2088 (BW64); Apple, "Audio Interchange File Format: AIFF-C", 1991.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from auscult.errors import TruncatedAudio, UnreadableAudio

_WRITTEN_TO_A_PIPE = frozenset({0xFFFFFFFF, 0x7FFFF000})  # "until the end", as ffmpeg and SoX write it
_IN_DS64 = 0xFFFFFFFF  # RF64: the true length is in the ds64 chunk
_MOST_CHUNKS = 100_000  # a header that leads through more than this leads nowhere
_REPAIR = "to keep what is there, write it anew with an audio tool (WAV: ffmpeg -ignore_length 1 -i OLD NEW)"


def check_wav(name: str) -> None:
    """Compares the declared length of a WAV's samples with what the file holds.

    Raises:
        TruncatedAudio: fewer bytes than declared, or a header that was never finalised.
        UnreadableAudio: no samples where the chunks lead.
    """
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = skip_id3(file)
        magic = file.read(4)
        byte_order = ">" if magic == b"RIFX" else "<"
        large_size: int | None = None
        for chunk, offset, length in _chunks(file, start + 12, size, byte_order):
            if chunk == b"ds64" and magic in (b"RF64", b"BW64") and length >= 16:
                large_size = struct.unpack("<8xQ", file.read(16))[0]
            if chunk != b"data":
                continue
            if large_size is not None and length == _IN_DS64:
                length = large_size
            elif length in _WRITTEN_TO_A_PIPE:
                return
            _compare(name, file, offset, length, size, byte_order)
            return
    raise UnreadableAudio(name, "its chunks do not lead to any samples")


def check_aiff(name: str) -> None:
    """Compares the declared length of an AIFF's or AIFC's samples with what the file holds.

    Raises:
        TruncatedAudio: fewer bytes than declared, or a header that was never finalised.
        UnreadableAudio: no samples where the chunks lead.
    """
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = skip_id3(file)
        declared: int | None = None
        for chunk, offset, length in _chunks(file, start + 12, size, ">"):
            if chunk == b"COMM" and length >= 8:
                declared = struct.unpack(">2xI", file.read(6))[0]
            if chunk == b"SSND":
                if length <= 8:  # no more than the two numbers that stand before the samples
                    _compare(name, file, min(offset + 8, size), 0, size, ">")
                else:
                    _compare(name, file, offset, length, size, ">")
                    if declared == 0:
                        raise _never_finalised(name)
                return
        if declared == 0:
            return  # an AIFF without sound needs no sample chunk
    raise UnreadableAudio(name, "its chunks do not lead to any samples")


def skip_id3(file: BinaryIO) -> int:
    """Moves behind any ID3v2 tags at the start of a file and returns the position.

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
    """Name, offset of the contents and declared length of each chunk; the file stands at the contents.

    An odd chunk should be followed by one byte of padding; writers that leave it out are followed too.
    """
    padding = 0
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if padding and not _is_name(head[:4]):
            position -= padding
            file.seek(position)
            head = file.read(8)
        if len(head) < 8 or not _is_name(head[:4]):
            return
        length = struct.unpack(byte_order + "I", head[4:])[0]
        yield head[:4], position + 8, length
        padding = length % 2
        position += 8 + length + padding
        if position > end:
            return


def _compare(name: str, file: BinaryIO, offset: int, length: int, size: int, byte_order: str) -> None:
    """``length`` bytes of samples should begin at ``offset`` of a file of ``size`` bytes."""
    if offset + length > size:
        present = max(0, size - offset)
        raise TruncatedAudio(
            name,
            f"its header declares {length} bytes of samples and {present} are there: it was cut short or not "
            f"finished; copy or record it anew, or {_REPAIR}",
        )
    if length == 0 and size - offset > 1 and not _only_chunks(file, offset, size, byte_order):
        raise _never_finalised(name)


def _never_finalised(name: str) -> TruncatedAudio:
    return TruncatedAudio(
        name,
        "its header declares no samples though some follow: it was never finalised, as when a recorder loses "
        f"power; {_REPAIR}",
    )


def _only_chunks(file: BinaryIO, position: int, end: int, byte_order: str) -> bool:
    """Whether the rest of the file is whole chunks, such as LIST after the samples."""
    reached = position
    for _, offset, length in _chunks(file, position, end, byte_order):
        reached = offset + length
    return end - 1 <= reached <= end and reached > position


def _is_name(letters: bytes) -> bool:
    return len(letters) == 4 and all(32 <= letter < 127 for letter in letters)

"""AU, CAF and W64: the declared length of the samples against the size of the file.

Sun/NeXT, "audio file format" (AU); Apple, "Core Audio Format Specification 1.0" (CAF); Sony Pictures Digital,
"Wave 64 file format" (W64).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from auscult.errors import UnreadableAudio
from auscult.sound.chunks import fewer_bytes, more_bytes, never_finalised, samples_follow

_UNKNOWN = 0xFFFFFFFF  # AU: the samples end with the file
# A W64 chunk is named by four letters and the rest of a GUID.
_W64_DATA = b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a")
_W64_GUIDS = (_W64_DATA[4:], bytes.fromhex("2f91cf11a5d628db04c10000"))


def check_au(name: str) -> None:
    """Check an AU file; errors as of `check_wav`."""
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        offset, length = struct.unpack(">4xII" if head[:4] == b".snd" else "<4xII", head)
        if length != _UNKNOWN:
            _check(name, file, offset, length, size, min(offset + length, size))


def check_caf(name: str) -> None:
    """Check a CAF file; errors as of `check_wav`."""
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        for chunk, offset, length in _caf_chunks(file, 8, size):
            if chunk != b"data":
                continue
            if length < 0:  # -1: the samples end with the file
                return
            chunks_end = samples_end = min(offset + length, size)
            for following, start, extent in _caf_chunks(file, samples_end, size):
                if following == b"data" or not 0 <= extent <= size - start:
                    break
                chunks_end = start + extent
            _check(name, file, offset, length, size, chunks_end)
            return
    raise UnreadableAudio(name, "the file has no chunk of samples")


def check_w64(name: str) -> int:
    """Check a W64 file; errors as of `check_wav`.

    Returns:
        The byte offset of the end of its samples. Some versions of libsndfile read on to the end of the file.
    """
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        for chunk, offset, length in _w64_chunks(file, 40, size):  # after the file's identifiers and length
            if chunk != _W64_DATA:
                continue
            samples_end = min(offset + length, size)
            chunks_end = samples_end
            for following, start, extent in _w64_chunks(file, samples_end + -samples_end % 8, size):
                if following == _W64_DATA or following[4:] not in _W64_GUIDS:
                    break
                chunks_end = min(start + extent, size)
            _check(name, file, offset, length, size, chunks_end)
            return samples_end
    raise UnreadableAudio(name, "the file has no chunk of samples")


def _caf_chunks(file: BinaryIO, position: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, data offset and declared length of each chunk of a CAF file."""
    while position < size:
        file.seek(position)
        head = file.read(12)
        if len(head) < 12 or not all(32 <= character < 127 for character in head[:4]):
            return
        length = struct.unpack(">4xq", head)[0]
        yield head[:4], position + 12, length
        position += 12 + max(0, length)


def _w64_chunks(file: BinaryIO, position: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield GUID, data offset and declared length, without the header, of each chunk of a W64 file."""
    while position < size:
        file.seek(position)
        head = file.read(24)
        if len(head) < 24:
            return
        length = max(24, struct.unpack("<16xQ", head)[0])  # including these 24 bytes
        yield head[:16], position + 24, length - 24
        position += length + -length % 8


def _check(name: str, file: BinaryIO, offset: int, length: int, size: int, chunks_end: int) -> None:
    """Compare the declared length of samples with a file's size; ``chunks_end`` as in `samples_follow`."""
    present = max(0, size - offset)
    if length > present:
        raise fewer_bytes(name, length, present)
    if samples_follow(name, file, offset + length, chunks_end):
        raise more_bytes(name, length, present) if length else never_finalised(name)

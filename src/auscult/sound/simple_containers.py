"""AU, CAF and W64: the declared length of the samples against the size of the file.

Sun/NeXT, "audio file format" (AU); Apple, "Core Audio Format Specification 1.0" (CAF); Sony Pictures Digital,
"Wave 64 file format" (W64).
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from auscult.errors import UnreadableAudio
from auscult.sound.chunks import MAX_TRAILER, fewer_bytes, more_bytes, never_finalised

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
        if length == _UNKNOWN:
            return
        _check(name, file, offset, length, size)


def check_caf(name: str) -> None:
    """Check a CAF file; errors as of `check_wav`."""
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        position = 8
        while position < size:
            file.seek(position)
            head = file.read(12)
            if len(head) < 12:
                break
            length = struct.unpack(">4xq", head)[0]
            if head[:4] == b"data":
                if length < 0:  # -1: the samples end with the file
                    return
                end = position + 12 + length
                file.seek(end)
                following = file.read(12)
                if len(following) < 12 or not _is_caf_chunk(following, size - end):
                    _check(name, file, position + 12, length, size)
                return
            position += 12 + max(0, length)
    raise UnreadableAudio(name, "the file has no chunk of samples")


def check_w64(name: str) -> None:
    """Check a W64 file; errors as of `check_wav`."""
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        position = 40  # after the identifiers of the file and its length
        while position < size:
            file.seek(position)
            head = file.read(24)
            if len(head) < 24:
                break
            length = struct.unpack("<16xQ", head)[0]  # including these 24 bytes
            if head[:16] == _W64_DATA:
                end = position + max(24, length)
                file.seek(end + -end % 8)
                following = file.read(24)
                if len(following) < 24 or following[4:16] not in _W64_GUIDS:
                    _check(name, file, position + 24, max(0, length - 24), size)
                return
            position += max(24, length + -length % 8)
    raise UnreadableAudio(name, "the file has no chunk of samples")


def _is_caf_chunk(head: bytes, rest: int) -> bool:
    length = struct.unpack(">4xq", head)[0]
    return all(32 <= character < 127 for character in head[:4]) and 0 <= length <= rest - 12


def _check(name: str, file: BinaryIO, offset: int, length: int, size: int) -> None:
    present = max(0, size - offset)
    if length > present:
        raise fewer_bytes(name, length, present)
    if present - length <= MAX_TRAILER:
        return
    file.seek(offset + length)
    while block := file.read(1 << 20):
        if block.count(0) < len(block):
            raise more_bytes(name, length, present) if length else never_finalised(name)

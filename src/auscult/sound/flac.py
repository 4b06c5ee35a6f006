"""FLAC: tags after the audio, which stop the decoder with an error, and more audio than declared.

RFC 9639 (FLAC, section 8.2: the stream information); id3.org (ID3v1); the APEv2 specification.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from auscult.sound.chunks import MAX_TRAILER, skip_id3
from auscult.sound.patched_file import PatchedFile

_HEADER = 26  # bytes of a FLAC up to and including the number of samples
_TOTAL_BITS = 36
_BLOCK = 1 << 20  # bytes read at a time
_STREAM_START = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")


def open_flac(name: str) -> PatchedFile:
    """Open a FLAC file without its trailing tags, and with an unknown number of samples.

    With a declared number libsndfile stops there, whether or not more samples follow.
    """
    with open(name, "rb") as file:
        start = skip_id3(file)
        header = file.read(_HEADER)
        end = _end_of_audio(file)
    if len(header) == _HEADER and header[:4] == b"fLaC":
        fields = int.from_bytes(header[18:26]) >> _TOTAL_BITS << _TOTAL_BITS
        header = header[:18] + fields.to_bytes(8)
    return PatchedFile(name, start + len(header), header, end)


def another_stream_follows(name: str) -> bool:
    """Whether a file contains the beginning of a second FLAC stream."""
    with open(name, "rb") as file:
        file.seek(skip_id3(file) + _HEADER)
        tail = b""
        while block := file.read(_BLOCK):
            if any(start in tail + block for start in _STREAM_START):
                return True
            tail = block[-8:]
    return False


def _end_of_audio(file: BinaryIO) -> int:
    """Return the byte offset of the first tag or padding at the end of a file, or its size."""
    end = _end_of_padding(file, os.fstat(file.fileno()).st_size)
    while True:
        file.seek(max(0, end - 128))
        tail = file.read(end - file.tell())
        if tail[:3] == b"TAG" and len(tail) == 128:  # ID3v1
            end -= 128
        elif tail[-32:-24] == b"APETAGEX":  # APEv2: its length is that without the 32 bytes of its header
            length = int.from_bytes(tail[-20:-16], "little") + (32 if tail[-9] & 0x80 else 0)
            if not 32 <= length <= end:
                return end
            end -= length
        else:
            return end


def _end_of_padding(file: BinaryIO, end: int) -> int:
    """Return the byte offset from which on there are only zeros; ``end`` if there are only a few."""
    start = end
    while start > 0:
        file.seek(max(0, start - _BLOCK))
        block = file.read(start - file.tell())
        kept = len(block.rstrip(b"\0"))
        start -= len(block) - kept
        if kept:
            break
    return start if end - start > MAX_TRAILER else end

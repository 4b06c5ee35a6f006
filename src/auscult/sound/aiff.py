"""AIFF and AIFF-C: the declared length of the sample chunk against the size of the file.

Apple, "Audio Interchange File Format: AIFF-C", 1991.
"""

from __future__ import annotations

import os
import struct

from auscult.errors import UnreadableAudio
from auscult.sound.chunks import (
    check_length,
    chunks,
    end_of_chunks,
    more_bytes,
    never_finalised,
    samples_follow,
    skip_id3,
)


def check_aiff(name: str) -> None:
    """Compare the declared length of an AIFF or AIFC file's samples with the size of the file.

    Raises:
        TruncatedAudio: fewer or more bytes than declared, or a header that was never finalised.
        UnreadableAudio: the file has no chunk of samples.
    """
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = skip_id3(file)
        declared: int | None = None
        for chunk, offset, length in chunks(file, start + 12, size, ">"):
            if chunk == b"COMM" and length >= 8:
                declared = struct.unpack(">2xI", file.read(6))[0]
            if chunk == b"SSND":
                if length <= 8:  # only the two fields before the samples
                    check_length(name, file, min(offset + 8, size), 0, size, ">")
                    return
                check_length(name, file, offset, length, size, ">")
                if declared == 0:
                    raise never_finalised(name)
                end = offset + length
                if samples_follow(name, file, end, end_of_chunks(file, end, size, ">")):
                    raise more_bytes(name, length - 8, size - offset - 8)
                return
        if declared == 0:
            return  # an AIFF without samples needs no sample chunk
    raise UnreadableAudio(name, "the file has no chunk of samples")

"""OGG: a complete file ends with a complete page that has the end-of-stream flag.

S. Pfeiffer, "The Ogg Encapsulation Format Version 0", RFC 3533, section 6.
"""

from __future__ import annotations

import os

from auscult.errors import TruncatedAudio

_MAX_PAGE = 27 + 255 + 255 * 255  # bytes
_MAX_TRAILER = 65_536  # bytes of tags or padding that may follow the last page
_END_OF_STREAM = 0x04


def check_ogg(name: str) -> None:
    """Check that the last page of an OGG file is complete and ends its stream.

    Raises:
        TruncatedAudio: the last page is incomplete, or does not end its stream.
    """
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _MAX_PAGE - _MAX_TRAILER))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :] if b"OggS" in tail else b""
    segments = page[26] if len(page) > 26 else None
    if (
        segments is None
        or len(page) < 27 + segments
        or len(page) < 27 + segments + sum(page[27 : 27 + segments])
    ):
        raise TruncatedAudio(
            name, "the file is truncated: its last page is incomplete; copy or record it again"
        )
    if not page[5] & _END_OF_STREAM:
        raise TruncatedAudio(
            name,
            "the file is truncated or was not finished: its last page does not end the stream; copy or "
            "record it again, or keep the existing part with: ffmpeg -i OLD NEW",
        )

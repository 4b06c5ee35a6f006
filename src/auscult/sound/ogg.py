"""OGG: a whole file ends with a whole page that carries the end-of-stream flag.

S. Pfeiffer, "The Ogg Encapsulation Format Version 0", RFC 3533, section 6.
"""

from __future__ import annotations

import os

from auscult.errors import TruncatedAudio

_LARGEST_PAGE = 27 + 255 + 255 * 255
_TRAILER = 65_536  # bytes of tags or padding after the last page that are looked behind
_END_OF_STREAM = 0x04


def check_ogg(name: str) -> None:
    """Looks at the last page of an OGG file.

    Raises:
        TruncatedAudio: the last page is not whole, or does not end its stream.
    """
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _LARGEST_PAGE - _TRAILER))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :] if b"OggS" in tail else b""
    segments = page[26] if len(page) > 26 else None
    if (
        segments is None
        or len(page) < 27 + segments
        or len(page) < 27 + segments + sum(page[27 : 27 + segments])
    ):
        raise TruncatedAudio(name, "its last page is not whole: it was cut short; copy or record it anew")
    if not page[5] & _END_OF_STREAM:
        raise TruncatedAudio(
            name,
            "its last page does not end the stream: it was cut short or never finished; copy or record it "
            "anew, or keep what is there: ffmpeg -i OLD NEW",
        )

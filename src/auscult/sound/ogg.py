"""OGG: pages, and the logical streams that follow each other in a chained file.

S. Pfeiffer, "The Ogg Encapsulation Format Version 0", RFC 3533, section 6. A decoder that knows only single
streams, such as libsndfile, reads the first stream of a chain and stops without an error.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from auscult.errors import TruncatedAudio, UnreadableAudio, UnsupportedAudio
from auscult.sound.chunks import is_padding

_MAX_TRAILER = 65_536  # bytes of tags or padding that may follow the last page
_BEGIN_OF_STREAM, _END_OF_STREAM = 0x02, 0x04
#: How the first packet of a stream of audio begins; streams of other kinds may accompany one.
_AUDIO = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ", b"PCM     ")
#: Each byte with its bits in reverse order: zlib computes the same checksum with them.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Link:
    """One of the streams that follow each other in a chained file.

    Attributes:
        start, end: its byte range.
        begins_late: whether pages are missing between the headers and the audio, as in a recording of a
            broadcast that had begun before.
    """

    start: int
    end: int
    begins_late: bool = False


@dataclass(frozen=True)
class _Page:
    end: int  # byte offset
    flags: int
    position: int  # granule position: samples until the end of the page, 0 in headers
    serial: int  # of the logical stream
    sequence: int
    is_audio: bool  # whether a stream of audio begins
    intact: bool  # whether its checksum is right


def links(name: str) -> list[Link]:
    """Return the links of an OGG file: one, unless the file is chained.

    Raises:
        TruncatedAudio: a stream lacks its last page, or the last page is incomplete.
        UnreadableAudio: pages are missing or damaged.
        UnsupportedAudio: there are several streams of audio at the same time.
    """
    with open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        chain: list[Link] = []
        audio_streams = 0  # that begin together
        unfinished: dict[int, _Page] = {}  # the last page of each stream of a link that has not ended
        position = 0
        while (page := _page_at(file, position)) is not None:
            if page.end > size:
                raise _truncated(name)
            if not page.intact:
                raise UnreadableAudio(
                    name, f"damaged: the checksum of the page at byte {position} is wrong; copy it again"
                )
            previous, late = unfinished.get(page.serial), False
            if page.flags & _BEGIN_OF_STREAM:
                if not unfinished:
                    chain.append(Link(position, page.end))
                    audio_streams = 0
                elif not all(last.flags & _BEGIN_OF_STREAM for last in unfinished.values()):
                    raise _unfinished(name)
                audio_streams += page.is_audio
                if audio_streams > 1:
                    raise UnsupportedAudio(
                        name, "several streams of audio at the same time: write each to a file of its own"
                    )
            elif previous is not None and previous.position == 0:
                late = page.sequence != previous.sequence + 1
            elif previous is None or page.sequence != previous.sequence + 1:
                raise UnreadableAudio(
                    name, f"damaged: pages are missing before byte {position}; copy or record it again"
                )
            if page.flags & _END_OF_STREAM:
                unfinished.pop(page.serial, None)
            else:
                unfinished[page.serial] = page
            chain[-1] = Link(chain[-1].start, page.end, chain[-1].begins_late or late)
            position = page.end
        _check_rest(name, file, position, size)
        if unfinished or not chain:
            raise _unfinished(name)
    return chain


def _check_rest(name: str, file: BinaryIO, position: int, size: int) -> None:
    """Check that no page follows data that is not a page."""
    file.seek(position)
    rest = file.read(27)
    if rest.startswith(b"OggS"):
        raise _truncated(name)
    while block := file.read(1 << 20):
        rest = rest[-3:] + block
        if b"OggS" in rest:
            raise UnreadableAudio(name, f"damaged after byte {position}; copy or record it again")
    if size - position > _MAX_TRAILER and not is_padding(file, position, size):
        raise UnreadableAudio(
            name, f"{size - position} bytes after byte {position} are no OGG pages; copy or record it again"
        )


def _page_at(file: BinaryIO, position: int) -> _Page | None:
    file.seek(position)
    head = file.read(27)
    if len(head) < 27 or head[:4] != b"OggS":
        return None
    flags, samples, serial, sequence, checksum, segments = struct.unpack("<5xBqIIIB", head)
    table = file.read(segments)
    missing = segments - len(table)  # in a truncated file
    end = position + 27 + segments + sum(table) + missing
    body = file.read(sum(table))
    intact = checksum == _checksum(head[:22] + bytes(4) + head[26:] + table + body)
    return _Page(end, flags, samples, serial, sequence, body.startswith(_AUDIO), intact)


def _checksum(page: bytes) -> int:
    """CRC-32 as in RFC 3533: the bits are in reverse order, and it starts from zero and is not inverted."""
    reverse = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reverse.to_bytes(4, "little").translate(_REVERSED))


def _truncated(name: str) -> TruncatedAudio:
    return TruncatedAudio(name, "the file is truncated: its last page is incomplete; copy or record it again")


def _unfinished(name: str) -> TruncatedAudio:
    return TruncatedAudio(
        name,
        "the file is truncated or was not finished: its last page does not end the stream; copy or "
        "record it again, or keep the existing part with: ffmpeg -i OLD NEW",
    )

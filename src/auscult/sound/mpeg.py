"""MP3: the frames that a file holds, counted by their headers, against those that it declares.

ISO/IEC 11172-3 and 13818-3 (frame headers, layer III); the Xing and Info headers as LAME writes them, the
VBRI header as Fraunhofer's encoders do.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from auscult.errors import TruncatedAudio
from auscult.sound.chunks import skip_id3

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

_KBITS_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
_SEARCH = 65_536  # bytes before the first frame that may be something else
_TRIMMED_FRAMES = 6  # what a decoder may cut off as the encoder's delay and padding, with a frame to spare


@dataclass(frozen=True)
class _Frame:
    header: bytes  # its first four bytes
    samples: int  # a channel
    length: int  # bytes, header included
    kind: tuple[int, int]  # version bits and sample rate: the same in every frame of a file


@dataclass(frozen=True)
class FrameCount:
    """The frames of an MP3 file."""

    first: _Frame
    start: int  # byte at which the sound begins, behind tags and the frame that declares the count
    found: int  # whole frames with sound
    declared: int | None  # their number by a Xing, Info or VBRI header, if there is one
    read_by_libsndfile: bool  # whether that header is one of those which libsndfile goes by
    cut: bool  # the file ends inside a frame
    lost: bool  # something that is no frame interrupts them

    @property
    def least_samples(self) -> int:
        """Samples a channel that decoding must give at least."""
        return max(0, max(self.found, self.declared or 0) - _TRIMMED_FRAMES) * self.first.samples


def count_frames(name: str) -> FrameCount | None:
    """Follows the frames of an MP3 file by their headers; ``None`` where that cannot be done.

    Raises:
        TruncatedAudio: fewer frames than declared, or the file ends inside a frame.
    """
    with open(name, "rb") as file:
        count = _follow(file, skip_id3(file), os.fstat(file.fileno()).st_size)
    if count is None:
        return None
    missing = 0 if count.declared is None else count.declared - count.found
    if count.cut and (count.declared is None or missing > 0):
        raise TruncatedAudio(name, "it ends inside a frame: it was cut short; copy or record it anew")
    if missing > 1 and not count.lost:  # some encoders count their header as a frame
        raise TruncatedAudio(
            name,
            f"its header declares {count.declared} frames and {count.found} are there: it was cut short; "
            "copy or record it anew",
        )
    return count


def recounted(name: str, count: FrameCount) -> RecountedFile | None:
    """The file with its true frame count before it, or ``None`` if libsndfile reads all of it as it is.

    Without a count libsndfile guesses the length from the first frame, and with one that is too small it
    believes it: either way it stops in the midst of the sound and says nothing.
    """
    declared = count.declared if count.read_by_libsndfile else None
    if count.lost or (declared is not None and declared >= count.found - 1):
        return None
    return RecountedFile(open(name, "rb"), count.start, _count_header(count))


class RecountedFile(io.RawIOBase):
    """An MP3 file from a given byte on, behind another first frame."""

    def __init__(self, file: BinaryIO, start: int, header: bytes) -> None:
        self._file, self._start, self._header = file, start, header
        self._size = len(header) + os.fstat(file.fileno()).st_size - start
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        wanted = memoryview(buffer).nbytes
        data = self._header[self._position : self._position + wanted]
        if len(data) < wanted:
            self._file.seek(self._start + max(0, self._position - len(self._header)))
            data += self._file.read(wanted - len(data))
        memoryview(buffer)[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _count_header(count: FrameCount) -> bytes:
    """A frame without sound that declares the number of frames after it."""
    version_byte, mode_byte = count.first.header[1], count.first.header[3]
    mpeg1, mono = version_byte >> 3 & 3 == 3, mode_byte >> 6 == 3
    head = bytes(
        [0xFF, version_byte | 1, 0x90 | count.first.header[2] & 0x0C, mode_byte]
    )  # no CRC; 128 or 80 kb/s
    side_information = bytes((17 if mono else 32) if mpeg1 else (9 if mono else 17))
    body = head + side_information + b"Info" + (1).to_bytes(4) + count.found.to_bytes(4)
    frame = _parse(head)
    return body.ljust(frame.length if frame else 0, b"\0")


def _follow(file: BinaryIO, start: int, end: int) -> FrameCount | None:
    first = _first_frame(file, start, end)
    if first is None:
        return None
    position, frame = first
    file.seek(position)
    tag, declared = _declared_frames(file.read(frame.length))
    if tag:
        position += frame.length
    start, found, cut = position, 0, False
    while (here := _frame_at(file, position)) is not None and here.kind == frame.kind:
        if position + here.length > end:
            cut = True
            break
        found += 1
        position += here.length
    lost = not cut and _first_frame(file, position, end, kind=frame.kind) is not None
    return FrameCount(frame, start, found, declared, tag in (b"Xing", b"Info"), cut or position > end, lost)


def _first_frame(
    file: BinaryIO, start: int, end: int, *, kind: tuple[int, int] | None = None
) -> tuple[int, _Frame] | None:
    """The next frame that another follows, or that ends the file."""
    file.seek(start)
    passage = file.read(_SEARCH)
    at = passage.find(b"\xff")
    while at >= 0:
        frame = _frame_at(file, start + at)
        if frame is not None and kind in (None, frame.kind):
            after = start + at + frame.length
            following = _frame_at(file, after)
            if after >= end or (following is not None and following.kind == frame.kind):
                return start + at, frame
        at = passage.find(b"\xff", at + 1)
    return None


def _frame_at(file: BinaryIO, position: int) -> _Frame | None:
    file.seek(position)
    return _parse(file.read(4))


def _parse(head: bytes) -> _Frame | None:
    """The layer III frame with this header, or ``None``; one of free bit rate cannot be followed."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer != 1 or bit_rate in (0, 15) or rate == 3:
        return None
    samples, kbits = (1152, _KBITS_MPEG1) if version == 3 else (576, _KBITS_MPEG2)
    hertz = _RATES[version][rate]
    length = samples // 8 * kbits[bit_rate] * 1000 // hertz + padding
    return _Frame(head, samples, length, (version, hertz))


def _declared_frames(frame: bytes) -> tuple[bytes, int | None]:
    """Name and frame count of the Xing, Info or VBRI header in a file's first frame, as far as there."""
    for tag in (b"Xing", b"Info"):
        at = frame.find(tag, 4, 48)
        if at >= 0:
            has_count = int.from_bytes(frame[at + 4 : at + 8]) & 1
            return tag, int.from_bytes(frame[at + 8 : at + 12]) if has_count else None
    if frame[36:40] == b"VBRI":
        return b"VBRI", int.from_bytes(frame[50:54])
    return b"", None

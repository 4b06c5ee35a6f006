"""MP3: the frames that a file holds, counted by their headers, against those that it declares.

ISO/IEC 11172-3 and 13818-3 (frame headers, layer III); the Xing and Info headers as LAME writes them, the
VBRI header as Fraunhofer's encoders do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

from auscult.errors import TruncatedAudio
from auscult.sound.chunks import skip_id3

_KBITS_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
_SEARCH = 65_536  # bytes before the first frame that may be something else
_TRIMMED_FRAMES = 6  # what a decoder may cut off as the encoder's delay and padding, with a frame to spare


@dataclass(frozen=True)
class _Frame:
    samples: int  # a channel
    length: int  # bytes, header included
    kind: tuple[int, int]  # version bits and sample rate: the same in every frame of a file


@dataclass(frozen=True)
class _Count:
    samples_per_frame: int
    found: int  # whole frames with sound
    declared: int | None  # frames by the Xing, Info or VBRI header, if there is one
    cut: bool  # the file ends inside a frame
    lost: bool  # something that is no frame interrupts them


def check_mpeg(name: str) -> int | None:
    """Counts the frames of an MP3 file.

    Returns:
        The least number of samples that decoding must give, or ``None`` where frames cannot be followed.

    Raises:
        TruncatedAudio: fewer frames than declared, or the file ends inside a frame.
    """
    with open(name, "rb") as file:
        count = _count_frames(file, skip_id3(file), os.fstat(file.fileno()).st_size)
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
    frames = max(count.found, count.declared or 0)
    return max(0, frames - _TRIMMED_FRAMES) * count.samples_per_frame


def _count_frames(file: BinaryIO, start: int, end: int) -> _Count | None:
    first = _first_frame(file, start, end)
    if first is None:
        return None
    position, frame = first
    file.seek(position)
    declared = _declared_frames(file.read(frame.length))
    found = 0 if declared is None else -1  # a header frame has no sound
    cut = False
    while (here := _frame_at(file, position)) is not None and here.kind == frame.kind:
        if position + here.length > end:
            cut = True
            break
        found += 1
        position += here.length
    lost = not cut and _first_frame(file, position, end, kind=frame.kind) is not None
    return _Count(frame.samples, found, declared, cut, lost)


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
    """The layer III frame whose header stands here, or ``None``; one of free bit rate cannot be followed."""
    file.seek(position)
    head = file.read(4)
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer != 1 or bit_rate in (0, 15) or rate == 3:
        return None
    samples, kbits = (1152, _KBITS_MPEG1) if version == 3 else (576, _KBITS_MPEG2)
    hertz = _RATES[version][rate]
    return _Frame(samples, samples // 8 * kbits[bit_rate] * 1000 // hertz + padding, (version, hertz))


def _declared_frames(frame: bytes) -> int | None:
    """Frames declared by a Xing, Info or VBRI header in the first frame; ``None`` without a count."""
    for tag in (b"Xing", b"Info"):
        at = frame.find(tag, 4, 48)
        if at >= 0:
            has_count = int.from_bytes(frame[at + 4 : at + 8]) & 1
            return int.from_bytes(frame[at + 8 : at + 12]) if has_count else None
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54])
    return None

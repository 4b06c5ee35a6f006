"""MP3: the number of frames in a file, counted by their headers, against the declared number.

ISO/IEC 11172-3 and 13818-3 (frame headers, layer III); the Xing and Info headers as written by LAME, the VBRI
header as written by Fraunhofer encoders.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

from auscult.errors import TruncatedAudio
from auscult.sound.chunks import skip_id3
from auscult.sound.patched_file import PatchedFile

_KBITS_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
_SEARCH = 65_536  # bytes in which to search for a frame
_TRIMMED_FRAMES = 6  # the most that a decoder removes as encoder delay and padding, and one to spare


@dataclass(frozen=True)
class _Frame:
    header: bytes  # the first four bytes
    samples: int  # per channel
    length: int  # bytes, including the header
    kind: tuple[int, int]  # version bits and sample rate: the same in every frame of a file


@dataclass(frozen=True)
class FrameCount:
    """The frames of an MP3 file."""

    first: _Frame
    start: int  # byte offset of the audio, after tags and the frame that declares the count
    count: int  # complete frames of audio
    declared: int | None  # frame count in a Xing, Info or VBRI header, if there is one
    read_by_libsndfile: bool  # whether libsndfile uses the count of that header (Xing or Info)
    ends_in_frame: bool  # the file ends inside a frame
    interrupted: bool  # further frames follow after data that is not a frame

    @property
    def min_samples(self) -> int:
        """The minimum number of samples per channel that decoding must give."""
        return max(0, max(self.count, self.declared or 0) - _TRIMMED_FRAMES) * self.first.samples


def count_frames(name: str) -> FrameCount | None:
    """Count the frames of an MP3 file by their headers; ``None`` if no frame header is found.

    Raises:
        TruncatedAudio: fewer frames than declared, or the file ends inside a frame.
    """
    with open(name, "rb") as file:
        frames = _scan_frames(file, skip_id3(file), os.fstat(file.fileno()).st_size)
    if frames is None:
        return None
    missing = 0 if frames.declared is None else frames.declared - frames.count
    if frames.ends_in_frame and (frames.declared is None or missing > 0):
        raise TruncatedAudio(name, "the file is truncated: it ends inside a frame; copy or record it again")
    if missing > 1 and not frames.interrupted:  # some encoders count their header as a frame
        raise TruncatedAudio(
            name,
            f"the file is truncated: its header declares {frames.declared} frames but it has {frames.count}; "
            "copy or record it again",
        )
    return frames


def open_with_frame_count(name: str, frames: FrameCount) -> PatchedFile | None:
    """Open a file with a header of its actual frame count, or return ``None`` if libsndfile needs none.

    Without a declared count libsndfile estimates the length from the first frame. A declared count that is
    too small is trusted. In both cases libsndfile stops before the end of the audio without an error.
    """
    declared = frames.declared if frames.read_by_libsndfile else None
    if frames.interrupted or (declared is not None and declared >= frames.count - 1):
        return None
    return PatchedFile(name, frames.start, _count_header(frames))


def _count_header(frames: FrameCount) -> bytes:
    """Return a frame without audio that declares the number of frames after it (Info header)."""
    version_byte, mode_byte = frames.first.header[1], frames.first.header[3]
    mpeg1, mono = version_byte >> 3 & 3 == 3, mode_byte >> 6 == 3
    # No CRC; 128 or 80 kbit/s.
    head = bytes([0xFF, version_byte | 1, 0x90 | frames.first.header[2] & 0x0C, mode_byte])
    side_information = bytes((17 if mono else 32) if mpeg1 else (9 if mono else 17))
    body = head + side_information + b"Info" + (1).to_bytes(4) + frames.count.to_bytes(4)
    frame = _parse_header(head)
    return body.ljust(frame.length if frame else 0, b"\0")


def _scan_frames(file: BinaryIO, start: int, end: int) -> FrameCount | None:
    """Count the frames from byte ``start`` to the end of the file, ``end``."""
    first_frame = _find_frame(file, start, end)
    if first_frame is None:
        return None
    position, first = first_frame
    file.seek(position)
    tag, declared = _declared_frames(file.read(first.length))
    if tag:
        position += first.length
    start, count, truncated = position, 0, False
    while (frame := _frame_at(file, position)) is not None and frame.kind == first.kind:
        if position + frame.length > end:
            truncated = True
            break
        count += 1
        position += frame.length
    return FrameCount(
        first=first,
        start=start,
        count=count,
        declared=declared,
        read_by_libsndfile=tag in (b"Xing", b"Info"),
        ends_in_frame=truncated or position > end,
        interrupted=not truncated and _find_frame(file, position, end, kind=first.kind) is not None,
    )


def _find_frame(
    file: BinaryIO, start: int, end: int, *, kind: tuple[int, int] | None = None
) -> tuple[int, _Frame] | None:
    """Return the position and header of the next frame that is followed by another or ends the file."""
    file.seek(start)
    data = file.read(_SEARCH)
    offset = data.find(b"\xff")
    while offset >= 0:
        frame = _frame_at(file, start + offset)
        if frame is not None and kind in (None, frame.kind):
            frame_end = start + offset + frame.length
            following = _frame_at(file, frame_end)
            if frame_end >= end or (following is not None and following.kind == frame.kind):
                return start + offset, frame
        offset = data.find(b"\xff", offset + 1)
    return None


def _frame_at(file: BinaryIO, position: int) -> _Frame | None:
    file.seek(position)
    return _parse_header(file.read(4))


def _parse_header(head: bytes) -> _Frame | None:
    """Parse a layer III frame header; ``None`` if invalid, or of free bit rate (unknown frame length)."""
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
    """Return name and frame count of the Xing, Info or VBRI header in a file's first frame, if present."""
    for tag in (b"Xing", b"Info"):
        offset = frame.find(tag, 4, 48)
        if offset >= 0:
            has_count = int.from_bytes(frame[offset + 4 : offset + 8]) & 1
            return tag, int.from_bytes(frame[offset + 8 : offset + 12]) if has_count else None
    if frame[36:40] == b"VBRI":
        return b"VBRI", int.from_bytes(frame[50:54])
    return b"", None

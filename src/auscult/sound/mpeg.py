"""MP3: the number of frames in a file, counted by their headers, against the declared number.

Several files that were joined, with or without tags between them, are several runs of frames.

ISO/IEC 11172-3 and 13818-3 (frame headers, layer III); the Xing and Info headers as written by LAME, the VBRI
header as written by Fraunhofer encoders.
"""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass
from typing import BinaryIO

from auscult.errors import TruncatedAudio
from auscult.sound.chunks import skip_id3
from auscult.sound.patched_file import PatchedFile

_KBITS_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
_SEARCH = 65_536  # bytes in which to search for a frame
_SYNC_OR_TAG = re.compile(rb"\xff(?=[\xe0-\xff])|ID3")
_COUNT_END = 64  # bytes of a frame that contain the declared count
_MIN_LATER_FRAMES = 3  # fewer, after something that is no frame, are taken for chance
_TRIMMED_FRAMES = 6  # the most that a decoder removes as encoder delay and padding, and one to spare


@dataclass(frozen=True)
class _Frame:
    header: bytes  # the first four bytes
    samples: int  # per channel
    length: int  # bytes, including the header
    kind: tuple[int, int]  # version bits and sample rate: the same in every frame of a file


@dataclass(frozen=True)
class Run:
    """Frames that follow each other without a gap: all of a file, unless several were joined or it has holes.

    Attributes:
        first: its first frame.
        start, end: byte range of its audio, without the frame that declares the count.
        count: complete frames of audio.
        header: byte offset of the frame that declares a count, or ``start`` if there is none.
        declared: frame count in a Xing, Info or VBRI header, if there is one.
        read_by_libsndfile: whether libsndfile uses the count of that header (Xing or Info).
        ends_in_frame: the file ends inside a frame.
    """

    first: _Frame
    start: int
    end: int
    count: int
    header: int
    declared: int | None
    read_by_libsndfile: bool
    ends_in_frame: bool

    @property
    def min_samples(self) -> int:
        """The minimum number of samples per channel that decoding must give."""
        return max(0, max(self.count, self.declared or 0) - _TRIMMED_FRAMES) * self.first.samples


def count_frames(name: str) -> list[Run]:
    """Count the frames of an MP3 file by their headers; empty if no frame header is found.

    Raises:
        TruncatedAudio: fewer frames than declared, or the file ends inside a frame.
    """
    with open(name, "rb") as file:
        runs = _scan_runs(file, os.fstat(file.fileno()).st_size)
    for index, run in enumerate(runs):
        later = runs[index + 1 :]
        parts = [run, *itertools.takewhile(lambda part: part.header == part.start, later)]
        count = sum(part.count for part in parts)  # frames after a hole belong to the same stream
        missing = 0 if run.declared is None else run.declared - count
        if run.ends_in_frame and (run.declared is None or missing > 0):
            raise TruncatedAudio(
                name, "the file is truncated: it ends inside a frame; copy or record it again"
            )
        if missing > 1:  # some encoders count their header as a frame
            raise TruncatedAudio(
                name,
                f"the file is truncated or damaged: its header declares {run.declared} frames but it has "
                f"{count}; copy or record it again",
            )
    return runs


def open_run(name: str, run: Run) -> PatchedFile:
    """Open the frames of a run only, with a header of its actual frame count if it lacks one."""
    header = _count_header(run) if needs_frame_count(run) else b""
    return PatchedFile(name, run.start if header else run.header, header, run.end)


def needs_frame_count(run: Run) -> bool:
    """Whether libsndfile stops before the end of a run without an error.

    Without a declared count libsndfile estimates the length from the first frame. A declared count that is
    too small is trusted.
    """
    declared = run.declared if run.read_by_libsndfile else None
    return declared is None or declared < run.count - 1


def _count_header(run: Run) -> bytes:
    """Return a frame without audio that declares the number of frames after it (Info header)."""
    version_byte, mode_byte = run.first.header[1], run.first.header[3]
    mpeg1, mono = version_byte >> 3 & 3 == 3, mode_byte >> 6 == 3
    # No CRC; 128 or 80 kbit/s.
    head = bytes([0xFF, version_byte | 1, 0x90 | run.first.header[2] & 0x0C, mode_byte])
    side_information = bytes((17 if mono else 32) if mpeg1 else (9 if mono else 17))
    body = head + side_information + b"Info" + (1).to_bytes(4) + run.count.to_bytes(4)
    frame = _parse_header(head)
    return body.ljust(frame.length if frame else 0, b"\0")


def _scan_runs(file: BinaryIO, size: int) -> list[Run]:
    """Find the runs of frames in a file of ``size`` bytes."""
    start = skip_id3(file)
    runs: list[Run] = []
    candidate = _find_frame(file, start, min(size, start + _SEARCH), size)
    while candidate is not None:
        run = _scan_run(file, *candidate, size)
        if not runs or run.count >= _MIN_LATER_FRAMES:
            runs.append(run)
        candidate = _find_frame(file, max(run.end, candidate[0] + 1), size, size)
    return runs


def _scan_run(file: BinaryIO, position: int, first: _Frame, size: int) -> Run:
    """Count the frames from a byte position on, up to a gap, a header of another count, or the end."""
    header = position
    tag, declared = _declared_frames(_read_at(file, position, first.length))
    if tag:
        position += first.length
    start, count, ends_in_frame = position, 0, False
    while True:
        head = _read_at(file, position, _COUNT_END)
        frame = _parse_header(head)
        if frame is None or frame.kind != first.kind or (count and _declared_frames(head)[0]):
            break
        if position + frame.length > size:
            ends_in_frame = True
            break
        count += 1
        position += frame.length
    return Run(
        first=first,
        start=start,
        end=min(position, size),
        count=count,
        header=header,
        declared=declared,
        read_by_libsndfile=tag in (b"Xing", b"Info"),
        ends_in_frame=ends_in_frame or position > size,
    )


def _find_frame(file: BinaryIO, start: int, end: int, size: int) -> tuple[int, _Frame] | None:
    """Return the position, up to ``end``, and header of the next frame that another or the end follows.

    ID3v2 tags are skipped, since the pictures in them may contain what looks like frames.
    """
    position = start
    while position < end:
        data = _read_at(file, position, _SEARCH)
        step = max(1, len(data) - 2)  # a match may begin with the last two bytes
        for match in _SYNC_OR_TAG.finditer(data):
            at = position + match.start()
            if match[0] == b"ID3":
                if (after := skip_id3(file, at)) > at:
                    step = after - position
                    break
                continue
            frame = _parse_header(_read_at(file, at, 4))
            if frame is None:
                continue
            following = _parse_header(_read_at(file, at + frame.length, 4))
            if at + frame.length >= size or (following is not None and following.kind == frame.kind):
                return at, frame
        position += step
    return None


def _read_at(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)


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

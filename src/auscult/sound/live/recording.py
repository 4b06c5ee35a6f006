"""Reading all channels of a recording of any length in blocks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.errors import AudioError, UnreadableAudio, UnsupportedAudio
from auscult.sound.audio_file import audio_info
from auscult.sound.decoding import decode_channel
from auscult.sound.live.file_times import finished
from auscult.sound.live.source import layout


class OtherLayout(UnsupportedAudio):
    """Another sample rate, or fewer channels, than required."""


def kind_of(error: AudioError) -> Literal["gone", "wrong_rate"]:
    """Return the kind of the interruption by a recording that cannot be used."""
    return "wrong_rate" if isinstance(error, OtherLayout) else "gone"


@dataclass(frozen=True)
class OpenRecording:
    """A recording that is being read.

    Attributes:
        sample_rate: in Hz.
        channels: number of channels that are read.
        declared: number of samples per channel by the header; ``None`` if it does not declare it.
        modified: when the file was last modified, in seconds since 1970.
        blocks: (N, channels) float32 blocks of a given length, read while they are consumed; the last one is
            shorter.
    """

    sample_rate: int
    channels: int
    declared: int | None
    modified: float
    blocks: Iterator[np.ndarray]

    @property
    def start(self) -> float | None:
        """When the recording began, if the file was last modified at its end; ``None`` if unknown."""
        return None if self.declared is None else self.finished - self.declared / self.sample_rate

    @property
    def finished(self) -> float:
        """When the file was last modified, if that can be; otherwise now."""
        return finished(self.modified, time.time())


@contextmanager
def open_recording(
    path: str, block_seconds: float, *, sample_rate: int | None = None, channels: int | None = None
) -> Iterator[OpenRecording]:
    """Open a recording in order to read it in blocks.

    Args:
        path: the file.
        block_seconds: length of a block.
        sample_rate: the required rate in Hz; by default any.
        channels: read only so many channels, the first ones; by default all.

    Raises:
        OtherLayout: the sample rate is another one, or there are fewer channels.
        AudioError: as `stream_audio`, at once or while iterating.
        MissingExtraError: the package that reads this kind of table is not installed.
    """
    info = audio_info(path)
    try:
        modified = os.stat(path).st_mtime
    except OSError as error:  # deleted meanwhile
        raise UnreadableAudio(path, error.strerror or str(error)) from error
    count, rate = channels or info.channels, sample_rate or info.sample_rate
    if count > info.channels or rate != info.sample_rate:
        present, required = layout(info.sample_rate, info.channels), layout(rate, count)
        raise OtherLayout(path, f"has {present}, but {required} are required")
    declared = None if info.seconds is None else round(info.seconds * info.sample_rate)
    length = max(1, round(block_seconds * info.sample_rate))
    with ExitStack() as stack:
        decoded = [stack.enter_context(decode_channel(path, channel=channel)) for channel in range(count)]
        # Each channel is decoded by itself: all of them have blocks of the same lengths.
        parts = (np.stack(columns, axis=1) for columns in zip(*(one.blocks for one in decoded), strict=True))
        yield OpenRecording(info.sample_rate, count, declared, modified, in_blocks(parts, length))


def in_blocks(parts: Iterator[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Divide (M, channels) parts of any lengths into blocks of so many samples; the last one is shorter."""
    rest: np.ndarray | None = None
    for part in parts:
        rest = part if rest is None or not len(rest) else np.concatenate([rest, part])
        for start in range(0, len(rest) - length + 1, length):
            yield rest[start : start + length]
        rest = rest[len(rest) - len(rest) % length :]
    if rest is not None and len(rest):
        yield rest

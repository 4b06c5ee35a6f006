"""Streaming an audio file of any length as consecutive windows, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from auscult.errors import OptionError
from auscult.sound.decoding import decode_channel
from auscult.sound.limits import MAX_RATE
from auscult.sound.resampling import resampled_blocks, resampling_note
from auscult.sound.tables import TableSettings
from auscult.sound.waveform import Waveform


@dataclass(frozen=True)
class Window:
    """A section of a longer recording: its waveform, and its start in seconds from the start of the file."""

    start_seconds: float
    waveform: Waveform


def stream_audio(
    path: str | os.PathLike[str],
    *,
    seconds: float,
    hop_seconds: float | None = None,
    channel: int = 0,
    sample_rate: int | None = None,
    table: TableSettings | None = None,
) -> Iterator[Window]:
    """Yield windows of one channel of a file, reading the file as they are consumed.

    If at least half a window remains after the last full window, it is returned as a shorter last window. A
    file shorter than one window is returned as a single shorter window, regardless of its length.

    Args:
        path: the audio file.
        seconds: length of a window.
        hop_seconds: distance between the starts of windows; by default the length of a window.
        channel: index of the channel, starting at 0.
        sample_rate: resample to this rate in Hz, without discontinuities between windows; ``None`` keeps the
            rate of the file.
        table: how the file is read if it is a table; by default as the ``auscult.toml`` of its folder says.

    Raises:
        OptionError: a length or the rate is not positive.
        AudioError (while iterating): as `read_audio`, but no file is too long. Errors that only decoding
            detects, such as a truncated FLAC, are raised after the windows before them.
    """
    hop_seconds = seconds if hop_seconds is None else hop_seconds
    if not 0 < seconds * MAX_RATE < float("inf") or not 0 < hop_seconds * MAX_RATE < float("inf"):
        raise OptionError(
            "window and hop must be positive and finite, got a window of "
            f"{seconds} s and a hop of {hop_seconds} s"
        )
    if sample_rate is not None and sample_rate <= 0:
        raise OptionError(f"sample_rate must be positive, got {sample_rate}")
    return _windows(os.fspath(path), seconds, hop_seconds, channel, sample_rate, table)


def _windows(
    name: str,
    seconds: float,
    hop_seconds: float,
    channel: int,
    sample_rate: int | None,
    table: TableSettings | None,
) -> Iterator[Window]:
    with decode_channel(name, channel=channel, table=table) as decoded:
        rate, blocks, notes = decoded.sample_rate, decoded.blocks, decoded.notes
        if sample_rate is not None and sample_rate != rate:
            blocks = resampled_blocks(blocks, rate, sample_rate)
            notes = (*notes, resampling_note(rate, sample_rate))
            rate = sample_rate
        length, hop = max(1, round(seconds * rate)), max(1, round(hop_seconds * rate))

        def window(start: int, samples: np.ndarray) -> Window:
            waveform = Waveform(
                samples,
                rate,
                path=name,
                notes=notes,
                channels=decoded.channels,
                file_rate=None if rate == decoded.sample_rate else decoded.sample_rate,
                channel_names=decoded.names,
            )
            return Window(start / rate, waveform)

        start, buffer_start = 0, 0  # positions of the next window and of the buffer in the recording
        buffer = np.zeros(0, dtype=np.float32)
        for block in blocks:
            buffer = np.concatenate([buffer, block])
            while start + length <= buffer_start + len(buffer):
                yield window(start, buffer[start - buffer_start : start - buffer_start + length].copy())
                start += hop
            used = min(start - buffer_start, len(buffer))
            buffer, buffer_start = buffer[used:], buffer_start + used
        rest = buffer[start - buffer_start :]
        if len(rest) and (start == 0 or 2 * len(rest) >= length):
            yield window(start, rest.copy())

"""An audio file of any length as consecutive windows, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from auscult.errors import OptionError
from auscult.sound.audio_file import MAX_RATE, decoding
from auscult.sound.resampling import resampled_blocks, resampling_note
from auscult.sound.waveform import Waveform


@dataclass(frozen=True)
class Window:
    """A stretch of a longer recording: its sound, and where it begins, in seconds from the start."""

    start_seconds: float
    waveform: Waveform


def stream_audio(
    path: str | os.PathLike[str],
    *,
    seconds: float,
    hop_seconds: float | None = None,
    channel: int = 0,
    sample_rate: int | None = None,
) -> Iterator[Window]:
    """Windows of one channel of a file, read as they are asked for.

    After the last whole window comes a shorter one with what is left, if that is at least half a window; a
    file shorter than one window comes as a single shorter window, however short.

    Args:
        seconds: length of a window.
        hop_seconds: from start to start of windows; the window's length by default.
        channel: which channel, from 0.
        sample_rate: resample to this rate in Hz, without seams between windows; ``None`` keeps the file's.

    Raises:
        OptionError: lengths or a rate that are not positive.
        AudioError (while iterating): as ``read_audio``, but no file is too long. What only decoding can
            tell, such as a FLAC that was cut short, is raised after the windows before it.
    """
    hop_seconds = seconds if hop_seconds is None else hop_seconds
    if not 0 < seconds * MAX_RATE < float("inf") or not 0 < hop_seconds * MAX_RATE < float("inf"):
        raise OptionError(
            f"a window of {seconds} s and a hop of {hop_seconds} s must both be positive and finite"
        )
    if sample_rate is not None and sample_rate <= 0:
        raise OptionError(f"a sample rate of {sample_rate} Hz is none; it must be positive")
    return _windows(os.fspath(path), seconds, hop_seconds, channel, sample_rate)


def _windows(
    name: str, seconds: float, hop_seconds: float, channel: int, sample_rate: int | None
) -> Iterator[Window]:
    with decoding(name, channel=channel) as (rate, blocks):
        notes: tuple[str, ...] = ()
        if sample_rate is not None and sample_rate != rate:
            blocks = resampled_blocks(blocks, rate, sample_rate)
            notes = (resampling_note(rate, sample_rate),)
            rate = sample_rate
        length, hop = max(1, round(seconds * rate)), max(1, round(hop_seconds * rate))

        def window(start: int, samples: np.ndarray) -> Window:
            return Window(start / rate, Waveform(samples, rate, path=name, notes=notes))

        start, begin = 0, 0  # in the whole recording: of the next window, and of what is at hand
        at_hand = np.zeros(0, dtype=np.float32)
        for block in blocks:
            at_hand = np.concatenate([at_hand, block])
            while start + length <= begin + len(at_hand):
                yield window(start, at_hand[start - begin : start - begin + length].copy())
                start += hop
            used = min(start - begin, len(at_hand))
            at_hand, begin = at_hand[used:], begin + used
        rest = at_hand[start - begin :]
        if len(rest) and (start == 0 or 2 * len(rest) >= length):
            yield window(start, rest.copy())

"""The windows of a stream of samples, one about each second; each frame of their log-mels is computed once.

A window begins on every ``step``-th sample, which is a multiple of all hops, so that the frames of successive
windows lie on one grid. Only the frames at the ends of a window, which reach into the zero padding, belong to
that window alone. The log-mels are those of `auscult.spectrum.log_mel` of the samples of the window, to
rounding. Frames are computed when a window is complete, not for each block, since a call costs more than a
few frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.errors import OptionError
from auscult.monitor.stream.sample_blocks import SampleBlocks
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd, log_mels

#: Seconds between the starts of windows, about.
STEP_SECONDS = 1.0


@dataclass(frozen=True)
class Window:
    """A window of the stream.

    Attributes:
        first: index of the first sample.
        blocks: (N,) float32 samples, in parts that windows and stream share.
        log_mels: (T, n_mels) log-mel of the window, for each front end.
    """

    first: int
    blocks: Sequence[np.ndarray] = field(repr=False)
    log_mels: dict[FrontEnd, np.ndarray] = field(repr=False)

    @property
    def samples(self) -> np.ndarray:
        """(N,) float32, a copy."""
        return np.concatenate(self.blocks)

    def audio_clip(self, sample_rate: int, *, with_log_mels: bool = True) -> AudioClip:
        """Return the window as an audio clip.

        Args:
            sample_rate: of the samples, Hz.
            with_log_mels: do not compute the log-mels again. Without them the clip takes no memory besides
                the blocks, which it shares with others.
        """
        load = partial(_waveform, self.blocks, sample_rate)
        return AudioClip(Clip(path="<memory>"), load, log_mels=self.log_mels if with_log_mels else None)


def _waveform(blocks: Sequence[np.ndarray], sample_rate: int) -> Waveform:
    return Waveform(np.concatenate(blocks), sample_rate)


def step_samples(front_ends: Sequence[FrontEnd], seconds: float = STEP_SECONDS) -> int:
    """Return the multiple of all hops that is nearest to a duration, at least one of it, in samples.

    Example:
        >>> step_samples([FrontEnd()]) / 16000  # 31 hops of 512 samples
        0.992
    """
    grid = math.lcm(*(front_end.hop for front_end in front_ends))
    return grid * max(1, round(seconds * front_ends[0].sample_rate / grid))


class WindowStream:
    """Cuts a stream of samples into windows.

    Args:
        front_ends: whose log-mels are needed, all of one sample rate.
        length: of a window, in samples.
        step: samples between the starts of windows, a multiple of all hops.

    Raises:
        OptionError: the step is not a multiple of all hops, or the length is not positive.

    Attributes:
        next_sample: index of the sample that continues the stream; with any other it starts again.
    """

    def __init__(self, front_ends: Sequence[FrontEnd], length: int, step: int) -> None:
        if length < 1 or step < 1 or any(step % front_end.hop for front_end in front_ends):
            raise OptionError(f"windows of {length} samples with a step of {step}: not on the grid of frames")
        self.length, self.step = length, step
        self._front_ends = tuple(front_ends)
        self.restart(0)

    def restart(self, first: int) -> None:
        """Forget all samples; the next window begins at the sample with this index."""
        self.next_sample = self._window = first
        self._blocks = SampleBlocks(first)  # from the start of the next window on
        self._frames = [_Frames(front_end, self.length, self.step) for front_end in self._front_ends]

    def push(self, samples: np.ndarray, first: int) -> Iterator[Window]:
        """Add samples, and yield the windows that they complete.

        Args:
            samples: (B,) the next samples, which must not change any more.
            first: index of the first of them. If it does not continue the stream there is a gap, which no
                window spans.
        """
        if first != self.next_sample:
            self.restart(first)
        self.next_sample += len(samples)
        self._blocks.push(np.asarray(samples, np.float32))
        while self.due <= self.next_sample:
            yield self._next_window()

    @property
    def due(self) -> int:
        """Index after the last sample of the next window."""
        return self._window + self.length

    @property
    def waiting(self) -> int:
        """Number of samples that are held for the next window."""
        return max(0, self._blocks.last - self._blocks.first)

    def _next_window(self) -> Window:
        first, last = self._window, self._window + self.length
        log_mels = {frames.front_end: frames.of_window(self._blocks, first) for frames in self._frames}
        window = Window(first, self._blocks.cut(first, last), log_mels)
        self._window = first + self.step
        self._blocks.drop_before(self._window)
        return window


class _Frames:
    """The log-mels of successive windows, of which each has most frames in common with the one before."""

    def __init__(self, front_end: FrontEnd, length: int, step: int) -> None:
        self.front_end, self._length = front_end, length
        half, hop = front_end.n_fft // 2, front_end.hop
        self._edge = math.ceil(half / hop)  # frames that reach before their window
        self._shift = step // hop  # by which frames move from window to window
        self._known = (length - half) // hop + 1 - self._shift  # frames from here on are new
        self._before: np.ndarray | None = None  # the log-mel of the window before

    def of_window(self, blocks: SampleBlocks, first: int) -> np.ndarray:
        """Return the (T, n_mels) log-mel of the window that begins at an index."""
        before, edge, hop = self._before, self._edge, self.front_end.hop
        last = first + self._length
        if before is None or self._known <= edge:
            (frames,) = log_mels([_joined(blocks, first, last)], self.front_end)
        else:
            start = _joined(blocks, first, first + (edge - 1) * hop + self.front_end.n_fft // 2)
            new = _joined(blocks, first + (self._known - edge) * hop, last)
            of_start, of_new = log_mels([start, new], self.front_end)
            shared = before[edge + self._shift : self._known + self._shift]
            frames = np.concatenate([of_start[:edge], shared, of_new[edge:]])
        frames.flags.writeable = False
        self._before = frames
        return frames


def _joined(blocks: SampleBlocks, first: int, last: int) -> np.ndarray:
    return np.concatenate(blocks.cut(first, last))

"""The windows of a stream of samples, one about each second; each frame of their log-mels is computed once.

A window begins on every ``step``-th sample, which is a multiple of all hops, so that the frames of successive
windows lie on one grid. Only the frames at the ends of a window, which reach into the zero padding, belong to
that window alone. The log-mels are those of `auscult.spectrum.log_mel` of the samples of the window, to
rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from auscult.corpus import AudioClip
from auscult.errors import OptionError
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd, LogMelStream, log_mel_push, log_mel_start, log_mels

#: Seconds between the starts of windows, about.
STEP_SECONDS = 1.0


@dataclass(frozen=True)
class Window:
    """A window of the stream.

    Attributes:
        first: index of the first sample.
        samples: (N,) float32.
        log_mels: (T, n_mels) log-mel of the window, for each front end.
    """

    first: int
    samples: np.ndarray
    log_mels: dict[FrontEnd, np.ndarray] = field(repr=False)

    def audio_clip(self, sample_rate: int) -> AudioClip:
        """Return the window as an audio clip whose log-mels are not computed again."""
        return AudioClip.from_waveform(Waveform(self.samples, sample_rate), log_mels=self.log_mels)


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
        self.next_sample = first
        self._origin = self._window = first  # of the grid of frames, and the start of the next window
        self._samples = np.zeros(0, np.float32)  # from the start of the next window on
        self._frames = {front_end: _Frames(front_end) for front_end in self._front_ends}

    def push(self, samples: np.ndarray, first: int) -> Iterator[Window]:
        """Add samples, and yield the windows that they complete.

        Args:
            samples: (B,) the next samples.
            first: index of the first of them. If it does not continue the stream there is a gap, which no
                window spans.
        """
        if first != self.next_sample:
            self.restart(first)
        self.next_sample += len(samples)
        self._samples = np.concatenate([self._samples, np.asarray(samples, np.float32)])
        for frames in self._frames.values():
            frames.push(samples)
        while len(self._samples) >= max(self.length, self.step):
            yield self._next_window()

    @property
    def waiting(self) -> int:
        """Number of samples that are held for the next window."""
        return len(self._samples)

    def _next_window(self) -> Window:
        samples, first = self._samples[: self.length].copy(), self._window
        position = first - self._origin
        log_mels = {
            front_end: frames.of_window(samples, position // front_end.hop)
            for front_end, frames in self._frames.items()
        }
        self._samples, self._window = self._samples[self.step :], first + self.step
        for front_end, frames in self._frames.items():
            frames.drop_before((self._window - self._origin) // front_end.hop)
        return Window(first, samples, log_mels)


class _Frames:
    """The frames of one front end, from the start of the next window on."""

    def __init__(self, front_end: FrontEnd) -> None:
        self.front_end = front_end
        self._stream: LogMelStream = log_mel_start(front_end)
        self._frames = np.zeros((0, front_end.n_mels), np.float32)
        self._first = 0  # index of the first frame held
        self._edge = math.ceil(front_end.n_fft / 2 / front_end.hop)  # frames that reach before their window

    def push(self, samples: np.ndarray) -> None:
        frames, self._stream = log_mel_push(samples, self._stream)
        self._frames = np.concatenate([self._frames, frames])

    def drop_before(self, frame: int) -> None:
        dropped = min(frame - self._first, len(self._frames))
        self._frames, self._first = self._frames[dropped:], self._first + dropped

    def of_window(self, samples: np.ndarray, frame: int) -> np.ndarray:
        """Return the (T, n_mels) log-mel of a window whose first frame has an index."""
        hop, half, edge = self.front_end.hop, self.front_end.n_fft // 2, self._edge
        count = self.front_end.frames_in(len(samples))
        end = (len(samples) - half) // hop + 1  # first frame that reaches beyond the window
        if end <= edge:
            return log_mels([samples], self.front_end)[0]
        # The frames at both ends, from as few samples as determine them.
        start, stop = log_mels(
            [samples[: (edge - 1) * hop + half], samples[max(0, end - edge) * hop :]], self.front_end
        )
        inner = self._frames[frame - self._first :][edge:end]
        return np.concatenate([start[:edge], inner, stop[end - max(0, end - edge) :]])[:count]

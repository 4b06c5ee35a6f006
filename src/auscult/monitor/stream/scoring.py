"""Scores of the windows of a live stream, equal to those of recordings that consist of the same samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from auscult.corpus import AudioClip
from auscult.decision.alarms import AlarmPolicy
from auscult.errors import OptionError
from auscult.model import Model
from auscult.monitor.stream.windows import STEP_SECONDS, Window, WindowStream, step_samples
from auscult.spectrum import FrontEnd

#: Length of a window for models that do not know the length of their training recordings, seconds.
DEFAULT_SECONDS = 10.0
#: Longest time between scores, seconds.
MAX_PERIOD = 3600.0


@dataclass(frozen=True)
class ScoredWindow:
    """A window with its score.

    Attributes:
        first: index of its first sample, at the rate of the model.
        last: index after its last sample.
        score: the score that the model compares with its threshold.
        recent: (n_mels,) mean log-mel of the last step of the window, dB, of the first channel.
        frames: (T, n_mels) the log-mel frames of that step.
        clip: the window, for an explanation; its log-mels are computed again, since scores are held back.
    """

    first: int
    last: int
    score: float
    recent: np.ndarray = field(repr=False)
    frames: np.ndarray = field(repr=False)
    clip: AudioClip = field(repr=False)


def score_period(model: Model, policy: AlarmPolicy | None, wanted: float | None) -> float:
    """Return the seconds between scores: a multiple of all hops of the model's frames.

    Args:
        model: the model.
        policy: whose rule counts scores, so that it holds for its period only.
        wanted: the period, about; by default that of the policy, or `STEP_SECONDS`.

    Raises:
        OptionError: the policy has another period, or the wanted one is not valid.
    """
    if wanted is None:
        wanted = policy.period if policy else STEP_SECONDS
    if not 0 < wanted <= MAX_PERIOD:
        raise OptionError(f"period={wanted:g}: give a number of seconds between 0 and {MAX_PERIOD:g}")
    period = step_samples(front_ends_of(model), wanted) / model.sample_rate
    if policy and not math.isclose(period, policy.period, rel_tol=1e-3):
        raise OptionError(
            f"a score each {period:.3g} s, but its alarms are calibrated for one each {policy.period:.3g} s: "
            f"calibrate again with `every={wanted:g}`"
        )
    return period


def front_ends_of(model: Model) -> tuple[FrontEnd, ...]:
    """Return the front ends whose log-mels a model needs."""
    return type(model.detector).front_ends(model.detector.config)


class WindowScorer:
    """Scores a stream of samples window by window.

    Windows are as long as the shortest training recording, since the score of a model depends on the length.

    Args:
        model: the model; with several axes it scores as many channels.
        period: seconds between the starts of windows, about.

    Attributes:
        model: the model.
        channels: the channels of the stream that are scored.
        length: of a window, samples at the model's rate.
        step: between the starts of windows, samples.
    """

    def __init__(self, model: Model, *, period: float = STEP_SECONDS) -> None:
        self.model = model
        axes = model.axes or (model,)
        self.channels = [axis.channel for axis in axes]
        front_ends = front_ends_of(model)
        seconds = (model.provenance.get("seconds") or (DEFAULT_SECONDS,))[0]
        self.length = max(round(seconds * model.sample_rate), model.detector.minimum_samples())
        self.step = step_samples(front_ends, period)
        self._streams = [WindowStream(front_ends, self.length, self.step) for _ in axes]

    @property
    def period(self) -> float:
        """Seconds between scores."""
        return self.step / self.model.sample_rate

    @property
    def due(self) -> int:
        """Index after the last sample of the next window, at the model's rate."""
        return self._streams[0].due

    def push(self, samples: np.ndarray, first: int) -> Iterator[ScoredWindow]:
        """Add samples at the model's rate, and yield the windows that they complete.

        Args:
            samples: (B, C) the next samples of all channels of the stream.
            first: index of the first of them; a jump is a gap, which no window spans.

        Raises:
            OptionError: the stream lacks a channel that the model needs.
        """
        self.check_channels(samples.shape[1])
        streams = zip(self._streams, self.channels, strict=True)
        per_channel = [stream.push(samples[:, channel], first) for stream, channel in streams]
        for windows in zip(*per_channel, strict=True):
            yield self._scored(windows)

    def check_channels(self, channels: int) -> None:
        """Raise `OptionError` if a source with so many channels lacks one that the model needs."""
        if channels <= max(self.channels):
            raise OptionError(
                f"the model needs channel {max(self.channels)} (counted from 0), but the source has "
                f"{channels}"
            )

    def skip(self) -> None:
        """Forget all samples, so that the next window begins with the next ones."""
        for stream in self._streams:
            stream.restart(-1)

    def _scored(self, windows: tuple[Window, ...]) -> ScoredWindow:
        front_end = self.model.detector.config.front_end
        score = self.model.scores_of(self._clip(windows))[self.model.detector.decisive_score]
        frames = windows[0].log_mels[front_end][-max(1, self.step // front_end.hop) :].copy()
        first, clip = windows[0].first, self._clip(windows, with_log_mels=False)
        return ScoredWindow(first, first + self.length, float(score), frames.mean(axis=0), frames, clip)

    def _clip(self, windows: tuple[Window, ...], *, with_log_mels: bool = True) -> AudioClip:
        rate = self.model.sample_rate
        clips = [window.audio_clip(rate, with_log_mels=with_log_mels) for window in windows]
        return AudioClip.of_axes(clips) if self.model.axes else clips[0]

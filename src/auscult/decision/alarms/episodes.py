"""From the scores of successive windows to alarms: persistence, hysteresis and cool-down.

An alarm starts when at least ``k`` of the last ``n`` scores exceed the threshold. This is the case exactly if
the k-th largest of them does, so the k-th largest score, here called the *persistent score*, is the one
number whose distribution decides how many false alarms there are. An alarm ends when the persistent score has
not exceeded the lower ``release`` level for the cool-down time. All that lies between is one episode, and one
episode is one alarm.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from auscult.decision.alarms.slow_baseline import BaselineTracker
from auscult.errors import OptionError

#: Seconds by which times of windows may differ from multiples of the period by rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class AlarmRule:
    """When an alarm starts and ends.

    Attributes:
        threshold: an alarm starts when the persistent score exceeds it.
        release: level that the persistent score has to fall to before an alarm ends; at most the threshold.
        k: number of scores above the threshold that start an alarm …
        n: … among so many successive ones.
        cool_down: seconds at or below the release level after which an alarm ends.

    Raises:
        OptionError: k is not between 1 and n, the release level is above the threshold, or the cool-down is
            negative.
    """

    threshold: float
    release: float
    k: int = 1
    n: int = 1
    cool_down: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.n:
            raise OptionError(f"k must be between 1 and n, got k={self.k} and n={self.n}")
        if not self.release <= self.threshold:
            raise OptionError(f"release={self.release:g} is above the threshold {self.threshold:g}")
        if not self.cool_down >= 0:
            raise OptionError(f"cool_down={self.cool_down:g} is not a valid duration in seconds")

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AlarmRule:
        """Invert `to_json`."""
        return cls(**data)


@dataclass(frozen=True)
class Episode:
    """One alarm.

    Attributes:
        start: seconds at which it started.
        end: seconds of the last persistent score above the release level.
        peak: the largest persistent score.
        peak_time: seconds of the peak.
        shift: of the slow baseline at the peak, which is relative to it.
    """

    start: float
    end: float
    peak: float
    peak_time: float
    shift: float = 0.0


class AlarmTracker:
    """Applies a rule to scores as they arrive.

    Args:
        rule: the rule.
        baseline: whose shift is subtracted from the scores, which it follows; those of an alarm only if its
            settings have a reach.

    Attributes:
        rule: the rule.
        baseline: as given.
        episode: the current alarm, or ``None``.
        persistent: the last persistent score, or ``None`` if there are too few scores.
        shift: what was subtracted from the last score.
    """

    def __init__(self, rule: AlarmRule, baseline: BaselineTracker | None = None) -> None:
        self.rule, self.baseline = rule, baseline
        self.episode: Episode | None = None
        self.persistent: float | None = None
        self.shift = baseline.shift if baseline else 0.0
        self._recent: deque[float] = deque(maxlen=rule.n)

    def push(self, time: float, score: float) -> Episode | None:
        """Add the score of a window.

        Args:
            time: seconds, later than all earlier ones.
            score: the score.

        Returns:
            The alarm that this score ends, or ``None``; `episode` is the current one.
        """
        if self.baseline is None:
            return self._apply(time, score)
        self.shift = self.baseline.shift
        ended = self._apply(time, score - self.shift)
        if self.episode is None or self.baseline.settings.reach is not None:
            self.baseline.push(score)
        else:
            self.baseline.discard()
        return ended

    def _apply(self, time: float, score: float) -> Episode | None:
        self._recent.append(score)
        if len(self._recent) < self.rule.k:
            return None
        self.persistent = value = sorted(self._recent)[-self.rule.k]
        known = self.episode
        if known is None:
            if value > self.rule.threshold:
                self.episode = Episode(time, time, value, time, self.shift)
        elif value > self.rule.release:
            if value > known.peak:
                known = Episode(known.start, time, value, time, self.shift)
            self.episode = replace(known, end=time)
        elif time - known.end >= self.rule.cool_down - _ROUNDING:
            self.episode = None
            return known
        return None

    def level_of(self, value: float) -> float:
        """Return a value relative to the baseline at the last score, such as a threshold, as a level."""
        return value + self.shift

    def interrupt(self) -> None:
        """Forget the recent scores, because of a gap in the recording.

        A current alarm stays until scores after the gap end it.
        """
        self._recent.clear()
        self.persistent = None


def persistent_scores(scores: ArrayLike, k: int, n: int) -> np.ndarray:
    """Return the k-th largest of the last n scores at every time.

    Args:
        scores: (N,) scores of successive windows.
        k, n: as in `AlarmRule`.

    Returns:
        (N,) float64; −∞ as long as there are fewer than k scores.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not len(values):
        return values
    from scipy.ndimage import rank_filter  # slow to import

    padded = np.concatenate([np.full(n - 1, -np.inf), values])
    return rank_filter(padded, rank=n - k, size=n)[n // 2 : n // 2 + len(values)]


def released_scores(rule: AlarmRule, period: float) -> int:
    """Return how many scores after the last one above the release level an alarm ends: by the cool-down."""
    return max(1, math.ceil((rule.cool_down - _ROUNDING) / period))


def find_episodes(
    persistent: np.ndarray, period: float, rule: AlarmRule, start: float = 0.0
) -> list[Episode]:
    """Return the alarms in persistent scores; the same as from `AlarmTracker`.

    Args:
        persistent: (N,) from `persistent_scores`.
        period: seconds between successive scores.
        rule: the rule.
        start: time of the first score, seconds.
    """
    above = np.flatnonzero(persistent > rule.release)
    pauses = np.flatnonzero(np.diff(above) > released_scores(rule, period))
    episodes = []
    for group in np.split(above, pauses + 1):
        alarms = group[persistent[group] > rule.threshold]
        if len(alarms):
            within = group[group >= alarms[0]]
            peak = within[np.argmax(persistent[within])]
            times = (start + period * float(index) for index in (within[0], within[-1], peak))
            first, last, of_peak = times
            episodes.append(Episode(first, last, float(persistent[peak]), of_peak))
    return episodes

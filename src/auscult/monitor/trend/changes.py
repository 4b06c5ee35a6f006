"""Whether a quantity has changed slowly, by how much, and when: values of hours, with no assumption on noise.

A change has to pass three tests, since values of hours depend on each other and wander without a cause:

- It is significant in the test of Mann and Kendall (H. B. Mann, Econometrica 13, 1945), which depends on the
  order of the values only. The medians of groups of successive hours are compared, not hours.
- It is large enough to matter, which the caller states.
- A curve that is level, changes, and is level again explains most of the variance of the groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

HOUR, DAY = 3600.0, 86400.0
#: Spans before the last value in which a change is looked for, seconds.
SPANS = (2 * DAY, 7 * DAY, 30 * DAY, 120 * DAY, 365 * DAY, 10 * 365 * DAY)
#: Fewest and most groups of successive hours that are compared, and fewest hours of a group.
_GROUPS, _GROUP_HOURS = (6, 24), 2
#: Fewest values of hours that say anything of a trend: less is the noise of a few loads.
LEAST_HOURS = _GROUPS[0] * _GROUP_HOURS
#: Probability of a trend in values without one that a change has to fall below.
_SIGNIFICANCE = 0.001
#: Part of the variance of the groups that the change has to explain.
_EXPLAINED = 0.7


@dataclass(frozen=True)
class SlowChange:
    """A change of a quantity.

    Attributes:
        start: when it began, seconds since 1970 (UTC).
        end: when it ended; the last time if it goes on.
        last: the last time of the values.
        amount: by how much the quantity changed.
    """

    start: float
    end: float
    last: float
    amount: float

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended: in the last fifth of the time since it began it still changed."""
        return self.last - self.end <= 0.2 * (self.last - self.start)


def find_change(time: np.ndarray, values: np.ndarray, least: float) -> SlowChange | None:
    """Return the largest significant change in the spans before the last value, or ``None``.

    Args:
        time: (N,) seconds since 1970 (UTC), increasing.
        values: (N,) of an hour each; NaN where there is none.
        least: smallest change that matters.
    """
    known = np.isfinite(values)
    time, values = time[known], values[known]
    if not len(time):
        return None
    changes = [
        change
        for part in _spans(time)
        if (change := _change(time[part], values[part])) and abs(change.amount) >= least
    ]
    return max(changes, key=lambda change: abs(change.amount), default=None)


def _spans(time: np.ndarray) -> Iterator[slice]:
    """Yield the last values in each of the spans, without repeating any."""
    before = -1
    for span in SPANS:
        first = int(np.searchsorted(time, time[-1] - span))
        if first != before:
            yield slice(first, None)
        before = first


def _change(time: np.ndarray, values: np.ndarray) -> SlowChange | None:
    from scipy.stats import kendalltau  # slow to import

    groups = min(_GROUPS[1], len(values) // _GROUP_HOURS)
    if groups < _GROUPS[0]:
        return None
    times = np.array([part.mean() for part in np.array_split(time, groups)])
    medians = np.array([np.median(part) for part in np.array_split(values, groups)])
    if np.ptp(medians) == 0:
        return None
    test = kendalltau(times, medians)
    knots = np.array([part[0] for part in np.array_split(time, groups)] + [time[-1]])
    start, end, amount, explained = _ramp(times, medians, knots)
    if test.pvalue > _SIGNIFICANCE or explained < _EXPLAINED or amount * test.statistic < 0:
        return None
    half = (times[1] - times[0]) / 2  # a group stands for the time around the mean
    start = float(time[0]) if start == times[0] else start + half
    end = float(time[-1]) if end == times[-1] else end
    return SlowChange(min(start, end), end, float(time[-1]), amount)


def _ramp(times: np.ndarray, values: np.ndarray, knots: np.ndarray) -> tuple[float, float, float, float]:
    """Fit a curve that is level, changes linearly, and is level again, by least squares.

    Args:
        times, values: (G,) of the groups.
        knots: (G + 1,) times at which the change may begin or end.

    Returns:
        Start and end of the change, its amount, and the part of the variance that it explains.
    """
    first, last = np.triu_indices(len(knots), 1)
    begin, end = knots[first][:, None], knots[last][:, None]
    shape = np.clip((times - begin) / (end - begin), 0.0, 1.0)
    shape -= shape.mean(axis=1, keepdims=True)
    centred = values - values.mean()
    amounts = shape @ centred / (shape**2).sum(axis=1)
    explained = amounts**2 * (shape**2).sum(axis=1) / float(centred @ centred)
    best = int(np.argmax(explained))
    return float(begin[best, 0]), float(end[best, 0]), float(amounts[best]), float(explained[best])

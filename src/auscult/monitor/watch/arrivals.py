"""How often recordings of a machine arrive, and whether one is overdue."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

#: Without a stated interval, a recording is overdue after so many times the usual one, …
FACTOR = 2.0
#: … which is the second longest of the last intervals, so that one pause does not count, …
LEARNED_FROM, MIN_INTERVALS = 100, 5
#: … but not before this time, seconds.
SHORTEST = 300.0
#: Recordings that arrive within so many seconds are one arrival: a batch tells nothing of intervals.
TOGETHER = SHORTEST / MIN_INTERVALS


class Arrivals:
    """Follows the arrivals of the recordings of one machine.

    Time is counted by a steady clock, so that a jump of the clock neither makes a recording overdue nor hides
    that one is.

    Args:
        times: seconds since 1970 of the last arrivals, the first one first.
        started: seconds since 1970 from which a first recording is expected. The times of those that were
            there before tell when they were made or copied, and nothing of intervals.
        now: current time, seconds since 1970.
        steady: the same instant by a clock that never jumps.
        expected: longest time between two recordings in seconds; ``None``: learned from those of the past.

    Attributes:
        any: whether any recording has arrived.
        overdue: whether the next recording was reported as overdue.
    """

    def __init__(
        self, times: Iterable[float], started: float, now: float, steady: float, expected: float | None
    ) -> None:
        times = sorted(min(time, now) for time in times)
        self._intervals: deque[float] = deque(maxlen=LEARNED_FROM)
        self._counted: float | None = None  # the last arrival that was apart from those before
        self._started = self._last = steady - (now - min(started, now))
        self.any = False
        self._expected = expected
        self.overdue = False
        for time in times:
            self.add(steady - (now - time))

    @property
    def limit(self) -> float | None:
        """Seconds without a recording after which one is overdue; ``None`` as long as that is unknown."""
        if self._expected is not None:
            return self._expected
        if len(self._intervals) < MIN_INTERVALS:
            return None
        return max(SHORTEST, FACTOR * sorted(self._intervals)[-2])

    def add(self, steady: float) -> None:
        """A recording has arrived at an instant of the steady clock."""
        if steady >= self._started:
            if self._counted is None:
                self._counted = steady
            elif steady - self._counted >= TOGETHER:
                self._intervals.append(steady - self._counted)
                self._counted = steady
        self._last, self.any = max(steady, self._last) if self.any else steady, True

    def age(self, steady: float) -> float:
        """Return the seconds since the last arrival, or since the beginning if there was none."""
        return max(0.0, steady - self._last)

    def is_overdue(self, steady: float) -> bool:
        """Return whether a recording is overdue."""
        limit = self.limit
        return limit is not None and self.age(steady) > limit

"""Times of samples: when they were recorded, and when recordings are played back."""

from __future__ import annotations

import math
import threading
import time
from typing import NamedTuple, Self

#: A delay is the smallest of this period and the one before, so that it follows clocks that drift, seconds.
_PERIOD = 60.0
#: Changes of the system clock by at least this are followed at once, seconds.
JUMP = 1.0


class Instant(NamedTuple):
    """A moment by two clocks.

    Attributes:
        steady: seconds of a clock that is never set.
        utc: seconds since 1970 (UTC) by the clock of the system, which may be set at any time.
    """

    steady: float
    utc: float

    @classmethod
    def now(cls) -> Self:
        """Return the current moment."""
        return cls(time.monotonic(), time.time())

    def earlier(self, seconds: float) -> Self:
        """Return the moment so many seconds before."""
        return type(self)(self.steady - seconds, self.utc - seconds)


class ArrivalClock:
    """When samples were recorded, estimated from when they arrive.

    A sample arrives after it was recorded, sometimes much later, but never before. Therefore the estimate is
    the earliest that the arrivals of the last one to two minutes allow: arrival times minus the lengths
    before them. The smallest of these has the shortest delay. Sound cards whose clock differs by 0.01 % from
    that of the computer are followed with an error of 12 ms at most. A constant delay of the way remains in
    the estimate: usually 10 to 100 ms for a sound card, and up to seconds for a network camera.

    Arrivals are compared by a clock that is never set. If the clock of the system is set by a second or more,
    the times jump by as much, ahead or back.

    Args:
        sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._last = -math.inf
        self._utc: float | None = None  # of the zero of the steady clock
        self.reset()

    def reset(self) -> None:
        """Forget the arrivals, after a time without any: it is not known what is missing."""
        self._start = self._start_before = math.inf  # time of sample 0 by the arrivals of both periods
        self._period_ends = -math.inf

    def delay(self, first: int, length: int, arrival: Instant) -> float:
        """Return by how many seconds a block arrives later than those before it imply, at least 0."""
        start = min(self._start, self._start_before)
        late = arrival.steady - (first + length) / self._rate - start
        return max(0.0, late) if math.isfinite(start) else 0.0

    def time_of(self, first: int, length: int, arrival: Instant) -> float:
        """Return when a block was recorded, in seconds since 1970.

        It is never less than for the block before, unless the clock of the system was set back.

        Args:
            first: index of its first sample.
            length: number of samples.
            arrival: when the last one arrived.
        """
        steady, utc = arrival
        if self._utc is None or abs(utc - steady - self._utc) >= JUMP:
            self._utc = utc - steady
        if steady >= self._period_ends:
            self._start_before, self._start = self._start, math.inf
            self._period_ends = steady + _PERIOD
        self._start = min(self._start, steady - (first + length) / self._rate)
        self._last = max(self._last, min(self._start, self._start_before) + first / self._rate)
        return self._last + self._utc


class Pacer:
    """Waits until recordings are played back at a given speed, by a clock that is never set.

    Args:
        speed: 1 for real time, infinity for as fast as possible.
        closed: ends the waiting.
    """

    def __init__(self, speed: float, closed: threading.Event) -> None:
        self._speed, self._closed = speed, closed
        self._start = time.monotonic()

    def wait_until(self, seconds: float) -> None:
        """Wait until so many seconds of audio would have been recorded since the start."""
        due = self._start + seconds / self._speed
        if (remaining := due - time.monotonic()) > 0:
            self._closed.wait(remaining)

"""Times of samples: when they were recorded, and when recordings are played back."""

from __future__ import annotations

import math
import threading
import time

#: A delay is the smallest of this period and the one before, so that it follows clocks that drift, seconds.
_PERIOD = 60.0


class ArrivalClock:
    """When samples were recorded, estimated from when they arrive.

    A sample arrives after it was recorded, sometimes much later, but never before. Therefore the estimate is
    the earliest that the arrivals of the last one to two minutes allow: arrival times minus the lengths
    before them. The smallest of these has the shortest delay. Sound cards whose clock differs by 0.01 % from
    that of the computer are followed with an error of 12 ms at most. A constant delay of the way remains in
    the estimate: usually 10 to 100 ms for a sound card, and up to seconds for a network camera.

    Args:
        sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._last = -math.inf
        self.reset()

    def reset(self) -> None:
        """Forget the arrivals, after a time without any: it is not known what is missing."""
        self._start = self._start_before = math.inf  # time of sample 0 by the arrivals of both periods
        self._period_ends = -math.inf

    def delay(self, first: int, length: int, arrival: float) -> float:
        """Return by how many seconds a block arrives later than those before it imply, at least 0."""
        start = min(self._start, self._start_before)
        return max(0.0, arrival - (first + length) / self._rate - start) if math.isfinite(start) else 0.0

    def time_of(self, first: int, length: int, arrival: float) -> float:
        """Return when a block was recorded, in seconds since 1970; never less than for the block before.

        Args:
            first: index of its first sample.
            length: number of samples.
            arrival: when the last one arrived, in seconds since 1970.
        """
        if arrival >= self._period_ends:
            self._start_before, self._start = self._start, math.inf
            self._period_ends = arrival + _PERIOD
        self._start = min(self._start, arrival - (first + length) / self._rate)
        self._last = max(self._last, min(self._start, self._start_before) + first / self._rate)
        return self._last


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

"""The current time for retention, which a wrong clock must not shorten."""

from __future__ import annotations

import time
from collections.abc import Callable

#: A jump ahead by more than this is believed only after the clock has kept it for a while.
LARGEST_JUMP = 30 * 86400.0
#: Seconds of running until it is believed.
CONFIRMATION = 86400.0


class RetentionClock:
    """UTC for deciding what is old.

    A clock that jumps years ahead would make everything old at once. Such a jump counts only after the
    monitor has run for a day with it; until then the time goes on as before. A clock that is set back is
    believed at once, since then less is old.

    Args:
        newest: time of the newest row of the store, or ``None``.
        clock: seconds since 1970 UTC, by the clock of the system.
        steady: seconds of a clock that never jumps.
    """

    def __init__(
        self,
        newest: float | None,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._steady = clock, steady
        self._latest = clock() if newest is None else newest
        self._at = steady()
        self._jumped_at: float | None = None

    def now(self) -> float:
        """Return the current time."""
        wall, steady = self._clock(), self._steady()
        expected = self._latest + steady - self._at
        if wall - expected > LARGEST_JUMP:
            if self._jumped_at is None:
                self._jumped_at = steady
            if steady - self._jumped_at < CONFIRMATION:
                return expected
        self._jumped_at = None
        if wall > expected:  # after being set back, a clock may return to the time that it had
            self._latest, self._at = wall, steady
        return wall

"""The time for deciding what is old: that of the newest data, which a wrong clock must not shorten."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

#: A jump ahead by more than this is believed only after the data have kept it for a while.
LARGEST_JUMP = 30 * 86400.0
#: Seconds of running until it is believed.
CONFIRMATION = 86400.0
#: Seconds after its last score for which a machine counts.
_ACTIVE = 3600.0


class RetentionClock:
    """UTC for deciding what is old.

    It is the time of the newest scores, so that recordings of past years that are replayed do not expire as
    they are written. Of several machines the one whose scores are the oldest counts.

    A clock that jumps years ahead would make everything old at once. Such a jump counts only after the
    monitor has run for a day with it; until then the time goes on as before. A clock that is set back is
    believed at once, since then less is old, and so is its return to the time that it had.

    Args:
        start: time before there are scores, seconds since 1970 UTC.
        state: `state` of an earlier object, which counts instead.
        steady: seconds of a clock that never jumps.
    """

    def __init__(
        self,
        start: float,
        state: Mapping[str, float | None] | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        state = state or {}
        self._latest = state.get("time") or start
        self._highest = state.get("highest") or start
        self._ahead = state.get("ahead")  # seconds of running since a jump that does not count yet
        self._steady = steady
        self._at = steady()
        self._newest: dict[str, tuple[float, float]] = {}  # by machine: time of the last score, and when

    @property
    def state(self) -> dict[str, float | None]:
        """What has to be known after a restart; JSON-compatible."""
        return {"time": self.now(), "highest": self._highest, "ahead": self._ahead}

    def observe(self, times: Mapping[str, float]) -> None:
        """Take the times of the last scores of machines into account.

        Args:
            times: by name of the machine; at least one.
        """
        steady = self._steady()
        self._newest.update({machine: (time, steady) for machine, time in times.items()})
        self._newest = {m: (time, at) for m, (time, at) in self._newest.items() if steady - at <= _ACTIVE}
        newest = min(time + steady - at for time, at in self._newest.values())
        passed = steady - self._at
        self._at = steady
        self._latest += passed
        self._highest += passed
        if newest - self._highest > LARGEST_JUMP:
            self._ahead = 0.0 if self._ahead is None else self._ahead + passed
            if self._ahead < CONFIRMATION:
                return
        self._latest, self._highest, self._ahead = newest, max(newest, self._highest), None

    def now(self) -> float:
        """Return the current time."""
        return self._latest + self._steady() - self._at

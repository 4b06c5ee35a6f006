"""Whether the computer keeps up with its machines: if not, that is a condition of the monitor."""

from __future__ import annotations

from collections.abc import Collection

from auscult.monitor.service.runner import Runner
from auscult.monitor.store import EventStore
from auscult.monitor.store.full import unless_full

#: Seconds of sound that wait to be scored from which on a machine is late.
LATE_SECONDS = 5.0
#: Seconds without a late machine after which the overload is over.
CLEAR_SECONDS = 30.0


class OverloadWatch:
    """Keeps the condition ``overload`` of the monitor as a whole.

    Args:
        store: where the condition is written.
        now: seconds since 1970 (UTC). An overload that an earlier process has left is over.
    """

    def __init__(self, store: EventStore, now: float) -> None:
        self._store = store
        self._skipped = 0.0  # seconds of sound that all machines had skipped at the last check
        self._late = -CLEAR_SECONDS  # when a machine was late
        self._lasting = True
        self._set(False, now)

    def check(self, runners: Collection[Runner], now: float) -> None:
        """Begin or end the condition; to be called about every second.

        Args:
            runners: of all machines.
            now: seconds since 1970 (UTC).
        """
        late = [
            runner for runner in runners if runner.backlog.seconds > LATE_SECONDS and not runner.machine.waits
        ]
        skipped = sum(runner.backlog.skipped for runner in runners)
        if late or skipped > self._skipped:
            self._late = now
            self._set(
                True,
                now,
                f"{len(late)} of {len(runners)} machines wait more than {LATE_SECONDS:g} s to be scored, and "
                f"{skipped - self._skipped:.0f} s of sound were skipped: set a longer time between scores, "
                "or monitor fewer machines or with a faster detector",
            )
        elif now - self._late >= CLEAR_SECONDS:
            self._set(False, now)
        self._skipped = skipped

    def close(self, now: float) -> None:
        """End the condition with the monitor."""
        self._set(False, now)

    def _set(self, lasting: bool, now: float, detail: str = "") -> None:
        if lasting == self._lasting:
            return
        with unless_full():
            self._store.set_condition(None, "overload", lasting, now, detail)
            self._lasting = lasting

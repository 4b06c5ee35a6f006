"""Machines whose recordings no longer arrive, as a condition in the event store."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from auscult.decision.alarms.wording import duration
from auscult.monitor.store import EventStore
from auscult.monitor.watch.arrivals import LEARNED_FROM, Arrivals
from auscult.monitor.watch.reports import Overdue


class OverdueMachines:
    """Follows the arrivals of all machines, and reports a machine whose next recording is overdue.

    Args:
        store: where the condition ``source gone`` is written.
        expected: seconds between recordings; ``None``: learned.
        report: called when a machine becomes overdue, and when a recording of it arrives again.
    """

    def __init__(self, store: EventStore, expected: float | None, report: Callable[[Overdue], None]) -> None:
        self._store, self._expected, self._report = store, expected, report
        self._arrivals: dict[str, Arrivals] = {}

    @property
    def unknown(self) -> list[str]:
        """The machines of which it is not known yet how often recordings arrive, so that none is overdue."""
        return [name for name, arrivals in self._arrivals.items() if arrivals.limit is None]

    def add_machine(self, name: str, since: float, *, overdue: bool = False) -> None:
        """Follow a machine that the store knows.

        Args:
            name: of the machine.
            since: from when on recordings are expected, seconds since 1970.
            overdue: whether that was reported before.
        """
        times = [file.arrived for file in self._store.read.last_judged(name, LEARNED_FROM + 1)]
        arrivals = Arrivals(times, since, time.time(), time.monotonic(), self._expected)
        arrivals.overdue = overdue
        self._arrivals[name] = arrivals

    def remove_machine(self, name: str) -> None:
        """Do not follow a machine any more, since it has no model."""
        if self._arrivals.pop(name).overdue:
            self._set(name, False, "there is no model of it any more")

    def arrived(self, name: str, at: float) -> None:
        """A recording of a machine has arrived, seconds since 1970."""
        arrivals = self._arrivals[name]
        arrivals.add(time.monotonic() - max(0.0, time.time() - at))

    def check(self, waiting: Callable[[], Collection[str | None]]) -> None:
        """Report what has changed.

        Args:
            waiting: returns the machines of recordings that have arrived and were not judged yet.
        """
        now = time.monotonic()
        changed = {n: a for n, a in self._arrivals.items() if a.is_overdue(now) != a.overdue}
        waiting_machines = waiting() if changed else ()
        for name, arrivals in changed.items():
            if not arrivals.overdue and name in waiting_machines:
                continue
            overdue = arrivals.overdue = not arrivals.overdue
            limit = arrivals.limit
            last = time.time() - arrivals.age(now) if arrivals.any else None
            detail = ""
            if overdue and limit is not None:
                detail = f"no recording for more than {duration(limit)}"
            self._set(name, overdue, detail)
            self._report(Overdue(name, overdue, last, limit))

    def _set(self, name: str, overdue: bool, detail: str) -> None:
        self._store.set_condition(name, "source gone", overdue, time.time(), detail)

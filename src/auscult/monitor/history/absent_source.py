"""A source that has delivered nothing since the monitor was started, as a condition in the store."""

from __future__ import annotations

import time

from auscult.monitor.store import EventStore
from auscult.monitor.store.full import unless_full
from auscult.sound.live import Interruption

#: Seconds in which a source may connect.
_CONNECTING = 30.0


class AbsentSource:
    """Follows a source until its first samples arrive; after that its faults are those of the sensor.

    Args:
        store: the store, which knows the machine.
        machine: its name.
    """

    def __init__(self, store: EventStore, machine: str) -> None:
        self._store, self._machine = store, machine
        self._began = time.monotonic()
        self._reason: str | None = None

    def interrupted(self, interruption: Interruption) -> None:
        """Note why nothing arrives."""
        connecting = interruption.kind == "stalled" and time.monotonic() - self._began < _CONNECTING
        if not connecting and interruption.reason != self._reason:
            self._write(True, interruption.reason)
            self._reason = interruption.reason

    def ended(self) -> None:
        """Note that samples arrive, or that the monitor ends."""
        if self._reason is not None:
            self._write(False, "")
            self._reason = None

    def _write(self, lasting: bool, reason: str) -> None:
        with unless_full():  # without room it is left out
            self._store.set_condition(self._machine, "source gone", lasting, time.time(), reason)

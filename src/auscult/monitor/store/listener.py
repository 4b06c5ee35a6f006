"""What is notified of events and conditions when they are written."""

from __future__ import annotations

from typing import Protocol

from auscult.monitor.store.records import Event


class StoreListener(Protocol):
    """Notified after something is written, in the thread that writes it: it must return soon."""

    def event(self, number: int, event: Event, added: bool) -> None:
        """An event was added or changed."""

    def condition(self, machine: str | None, condition: str, lasting: bool, time: float, detail: str) -> None:
        """A condition of a machine, or of the monitor, has begun or ended."""

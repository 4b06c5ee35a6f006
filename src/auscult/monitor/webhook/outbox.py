"""What is to be sent: collected as the store is written, and kept there until it is delivered."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable, Collection
from typing import Any

from auscult.errors import StoreError
from auscult.monitor.store import Event, EventStore
from auscult.monitor.store.records import Condition

#: Channel of the deliveries in the store.
CHANNEL = "webhook"
#: Condition of the monitor while messages cannot be sent.
FAILING: Condition = "webhook failing"
#: Messages that wait at most; if there are more, the oldest are given up.
MAX_WAITING = 1000


class Outbox:
    """Writes a delivery for each event that starts or ends, and for each condition.

    The store notifies it of these in the thread that writes them; it only adds a row.

    Args:
        store: the store; the outbox must be one of its listeners.
        subjects: what is sent; see `auscult.monitor.webhook.settings.SUBJECTS`.

    Attributes:
        given_up: number of messages that were deleted, because too many waited.
        on_add: called when there is something to send.
    """

    def __init__(self, store: EventStore, subjects: Collection[str]) -> None:
        self._store, self._subjects = store, set(subjects)
        self._lock = threading.Lock()
        lasting = store.read.events(lasting=True, limit=1000)
        self._lasting = {event.id for event in lasting}  # events of which the end is to be sent
        self.given_up = 0
        self.on_add: Callable[[], None] = lambda: None

    def event(self, number: int, event: Event, added: bool) -> None:
        """Note that an event was added or changed."""
        change = None
        with self._lock:
            if added:  # one of a moment, such as a change of state, only happens
                change = "started" if event.end is None else "happened"
            elif number in self._lasting and event.end is not None:
                change = "ended"
            if event.end is None:
                self._lasting.add(number)
            else:
                self._lasting.discard(number)
        if change and event.kind in self._subjects:
            self._add({"subject": event.kind, "change": change, "event": number})

    def condition(self, machine: str | None, condition: str, lasting: bool, time: float, detail: str) -> None:
        """Note that a condition of a machine, or of the monitor, has begun or ended."""
        subject = "monitor" if machine is None else "sensor"
        if subject in self._subjects and condition != FAILING:
            change = "started" if lasting else "ended"
            about = {"machine": machine, "condition": condition, "time": time, "detail": detail}
            self._add({"subject": subject, "change": change, **about})

    def _add(self, delivery: dict[str, Any]) -> None:
        try:
            self.given_up += self._store.deliveries.add(CHANNEL, clock.time(), delivery, MAX_WAITING)
        except StoreError as error:
            if not error.full:
                raise
            logging.getLogger("auscult").warning("a message of the webhook is lost: %s", error)
            return
        self.on_add()

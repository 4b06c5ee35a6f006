"""The thread that sends messages, one after the other, and tries again with growing pauses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from auscult.errors import StoreError
from auscult.monitor.store import EventStore
from auscult.monitor.webhook.message import message_of
from auscult.monitor.webhook.outbox import CHANNEL, FAILING, Outbox
from auscult.monitor.webhook.post import DeliveryError, Post
from auscult.monitor.webhook.settings import WebhookSettings

#: Pauses after failed attempts, seconds; the last one is repeated.
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
#: Attempts after which a message that the server refuses is given up, so that others are sent.
REFUSALS = 3
#: Seconds from an event to the first attempt, in which it is explained.
DELAY = 0.5


@contextmanager
def sending(store: EventStore, settings: WebhookSettings | None) -> Iterator[None]:
    """Send the events of a store in a block of code, if there are settings; see `Webhook`.

    That the last process could not send is over, also if nothing is sent any more.
    """
    store.set_condition(None, FAILING, False, time.time())
    with Webhook(store, settings) if settings else nullcontext():
        yield


class Webhook:
    """Sends the events of a store while it is entered.

    The writers of events never wait for it. Messages stay in the store until they are delivered, also over
    a restart. While an attempt fails, the monitor has the condition ``webhook failing``.

    Args:
        store: the store; to be entered before anything is written that is to be sent.
        settings: where they are sent.
        pauses: as `PAUSES`.

    Raises:
        OptionError: a secret cannot be read.

    Attributes:
        delivered: number of messages that were delivered.
        refused: number of messages that were given up, because the server refuses them.
    """

    def __init__(
        self, store: EventStore, settings: WebhookSettings, *, pauses: tuple[float, ...] = PAUSES
    ) -> None:
        self._store, self._pauses, self._timeout = store, pauses, settings.timeout
        self._post = Post(settings)
        self._outbox = Outbox(store, settings.events)
        self._outbox.on_add = self._wake
        self._changed, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="webhook")
        self._failed = 0  # attempts since the last success
        self._attempts = 0  # to send the current message
        self.delivered = self.refused = 0

    def __enter__(self) -> Webhook:
        self._store.listeners.append(self._outbox)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; what is not delivered yet is sent at the next start. An attempt in progress may finish."""
        self._closed.set()
        self._changed.set()
        self._thread.join(self._timeout + DELAY)
        self._store.listeners.remove(self._outbox)

    def _wake(self) -> None:
        self._changed.set()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._changed.clear()
            try:
                pause = self._send_waiting()
            except Exception as error:  # nothing would be sent any more
                known = isinstance(error, StoreError)
                logging.getLogger("auscult").warning(
                    "the webhook cannot send what waits: %s", error, exc_info=None if known else error
                )
                pause = self._pauses[-1]
            if pause is None:
                self._changed.wait()
                self._closed.wait(DELAY)
            else:
                self._closed.wait(pause)
        with suppress(StoreError):  # a last attempt, so that what just happened is sent
            if not self._failed:
                self._send_waiting()

    def _send_waiting(self) -> float | None:
        """Send what waits; return the pause before the next attempt if one failed."""
        while (delivery := self._store.deliveries.first(CHANNEL)) is not None:
            message = message_of(self._store.read, delivery.number, delivery.body)
            try:
                if message is not None:
                    self._post.send(message)
            except DeliveryError as error:
                self._attempts += 1
                if not error.refused or self._attempts < REFUSALS:
                    return self._pause_after(error)
                logging.getLogger("auscult").warning("message %d is given up: %s", delivery.number, error)
                self.refused += 1
            else:
                self.delivered += message is not None
                self._recovered()
            self._attempts = 0
            self._store.deliveries.remove(delivery.number)
        return None

    def _pause_after(self, error: DeliveryError) -> float:
        self._failed += 1
        given_up = self._outbox.given_up
        waiting = self._store.deliveries.count(CHANNEL)
        detail = f"{error}; {waiting} messages wait" + (f", {given_up} were given up" if given_up else "")
        self._condition(True, detail)
        return self._pauses[min(self._failed, len(self._pauses)) - 1]

    def _recovered(self) -> None:
        if self._failed:
            self._failed = 0
            self._condition(False)

    def _condition(self, lasting: bool, detail: str = "") -> None:
        with suppress(StoreError):  # without room there is another condition
            self._store.set_condition(None, FAILING, lasting, time.time(), detail)

"""What happens, sent to pages while it happens: server-sent events.

Machines are scored in threads that must never wait for a page. They append to short queues, one for each
client, from which the oldest is dropped. The event loop sends what the queues hold when a client has taken
what was sent before; of the states all at first, and then what has changed since. So a client that reads
slowly or not at all loses what it could not show anyway, and holds no more memory than its queues.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from auscult.errors import AuscultError
from auscult.monitor.service.engine import Engine
from auscult.monitor.stream.changes import Change, Judgement
from auscult.monitor.web.client import Client
from auscult.monitor.web.messages import change_message, frames_message, status_message
from auscult.monitor.web.numbers import MachineNumbers
from auscult.monitor.web.params import NotThere
from auscult.monitor.web.statuses import Snapshot

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

#: Most clients at a time.
MAX_CLIENTS = 200
#: Seconds between states of all machines.
STATUS_SECONDS = 1.0
#: Seconds after which a client that takes nothing is given up.
SEND_SECONDS = 30.0
#: Messages with states that are kept for other clients.
_MESSAGES = 4


class Hub:
    """Passes changes and states on to all clients.

    Args:
        states: returns the states of all machines; called in the event loop.
        engine: the engine, whose changes are passed on.
        numbers: of its machines.
    """

    def __init__(
        self, states: Callable[[], Awaitable[Snapshot]], engine: Engine, numbers: MachineNumbers
    ) -> None:
        self._states, self._engine, self._numbers = states, engine, numbers
        # Most clients know the same states, so that few messages serve all.
        self._status_message = lru_cache(maxsize=_MESSAGES)(status_message)
        engine.listeners.append(self.publish)
        self._clients: tuple[Client, ...] = ()  # replaced as a whole, so that threads need no lock
        self._ticker: asyncio.Task[None] | None = None
        self.closed = False

    @property
    def clients(self) -> int:
        """Number of clients."""
        return len(self._clients)

    def publish(self, name: str, change: Change) -> None:
        """Pass on what happened to a machine; called in the thread that scores it."""
        clients = self._clients
        if isinstance(change, Judgement):
            clients = tuple(client for client in clients if client.machine == name)
        if not clients:
            return
        try:
            number = self._numbers.number(name)
        except (NotThere, AuscultError):  # must not end the monitoring
            return
        if isinstance(change, Judgement):
            front_end = self._engine.runners[name].machine.model.detector.config.front_end
            data = frames_message(number, change, front_end.hop / front_end.sample_rate)
            for client in clients:
                client.add_frames(data)
        else:
            data = change_message(number, change)
            for client in clients:
                client.add_change(data)

    def connect(self, machine: str | None) -> Client | None:
        """Add a client, in the event loop; ``None`` if there are too many.

        Args:
            machine: name of the machine whose spectrogram it shows, if any.
        """
        if self.closed or len(self._clients) >= MAX_CLIENTS:
            return None
        loop = asyncio.get_running_loop()
        client = Client(loop, machine, self._status_message)
        self._clients = (*self._clients, client)
        if self._ticker is None or self._ticker.done():
            self._ticker = loop.create_task(self._tick())
        return client

    def disconnect(self, client: Client) -> None:
        """Remove a client."""
        self._clients = tuple(other for other in self._clients if other is not client)

    def close(self) -> None:
        """End all streams and listen to the engine no longer; in the event loop."""
        self.closed = True
        with suppress(ValueError):  # closed before
            self._engine.listeners.remove(self.publish)
        for client in self._clients:
            client.close()

    def close_from_thread(self) -> None:
        """As `close`, from another thread; returns at once."""
        self.closed = True
        for client in self._clients:
            client.close_from_thread()

    async def status(self) -> Snapshot | None:
        """Return the states of all machines; ``None`` if they cannot be read now."""
        try:
            return await self._states()
        except AuscultError as error:  # the next ones come in a second
            logging.getLogger("auscult").warning("the states of the machines cannot be read: %s", error)
            return None

    async def _tick(self) -> None:
        """Send the states about once a second as long as anyone listens."""
        while self._clients and not self.closed:
            await asyncio.sleep(STATUS_SECONDS)
            if snapshot := await self.status():
                for client in self._clients:
                    client.set_status(snapshot)


class EventStream:
    """The response to a client that listens.

    Args:
        hub: where it listens.
        client: the client.
    """

    def __init__(self, hub: Hub, client: Client) -> None:
        self._hub, self._client = hub, client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watcher = asyncio.create_task(self._watch(receive))
        try:
            headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if snapshot := await self._hub.status():
                self._client.set_status(snapshot)
            while (part := await self._client.take()) is not None:
                body = {"type": "http.response.body", "body": part, "more_body": True}
                await asyncio.wait_for(send(body), SEND_SECONDS)
            await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), SEND_SECONDS)
        except TimeoutError:
            pass  # it takes nothing: the server closes the connection
        finally:
            watcher.cancel()
            self._hub.disconnect(self._client)

    async def _watch(self, receive: Receive) -> None:
        """Close the client when its connection ends."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._client.close()

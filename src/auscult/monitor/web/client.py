"""What waits for a page that listens, and what it has been sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from auscult.monitor.web.statuses import Snapshot

#: Most pictures and most changes that wait for a client.
_FRAMES, _CHANGES = 8, 100


class Client:
    """A page that listens.

    Args:
        loop: the event loop that sends.
        machine: name of the machine whose spectrogram it shows, if any.
        status_message: as `status_message`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        machine: str | None,
        status_message: Callable[[Snapshot, Snapshot | None], bytes],
    ) -> None:
        self.machine = machine
        self._status_message = status_message
        self.closed = False
        self._loop, self._news = loop, asyncio.Event()
        self._status: Snapshot | None = None
        self._sent: Snapshot | None = None  # what the client knows
        self._changes: deque[bytes] = deque(maxlen=_CHANGES)
        self._frames: deque[bytes] = deque(maxlen=_FRAMES)
        self._woken = False  # so that the loop has at most one call for each client

    def add_change(self, data: bytes) -> None:
        """Queue a change; for any thread."""
        self._changes.append(data)
        self._wake()

    def add_frames(self, data: bytes) -> None:
        """Queue a part of the spectrogram; for any thread."""
        self._frames.append(data)
        self._wake()

    def set_status(self, snapshot: Snapshot) -> None:
        """Replace the states that wait; in the event loop."""
        if snapshot is self._sent:
            return
        self._status = snapshot
        self._news.set()

    def close(self) -> None:
        """End the stream; in the event loop."""
        self.closed = True
        self._news.set()

    def close_from_thread(self) -> None:
        """As `close`, from another thread."""
        self.closed = True
        self._wake()

    @property
    def waiting(self) -> int:
        """Number of messages that wait."""
        return len(self._changes) + len(self._frames) + (self._status is not None)

    async def take(self) -> bytes | None:
        """Wait for something to send; ``None`` if the stream ends."""
        await self._news.wait()
        self._news.clear()
        if self.closed:
            return None
        parts = []
        if self._status:
            parts.append(self._status_message(self._status, self._sent))
            self._sent, self._status = self._status, None
        for waiting in (self._changes, self._frames):
            # As many as wait now: a machine that is replayed fast adds more meanwhile.
            parts += [waiting.popleft() for _ in range(len(waiting))]
        return b"".join(parts)

    def _wake(self) -> None:
        if self._woken:
            return
        self._woken = True
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        self._woken = False
        self._news.set()

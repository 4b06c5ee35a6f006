"""Connections that are opened and not used do not stay: there is a limit of connections for all clients."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds within which a request must have arrived.
REQUEST_SECONDS = 20.0


class PageProtocol(H11Protocol):
    """HTTP/1.1 as of uvicorn, with a limit of the time without a complete request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch a new connection."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End that."""
        self._watcher.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._seen = self.cycle
        self._watcher = self.loop.call_later(REQUEST_SECONDS, self._check)

    def _check(self) -> None:
        """Close the connection if there was no request since the last check and none is answered now."""
        if self.cycle is self._seen and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
        else:
            self._watch()

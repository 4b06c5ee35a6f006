"""HTTP connections that end at a deadline.

The timeout of a socket holds for each part that arrives, so that a server that sends a byte now and then
would keep a client for days. Here the socket is shut down when the time is over, whatever it waits for.
"""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Deadline:
    """Ends the connections that are opened within a time.

    Attributes:
        passed: whether the time was over.
    """

    def __init__(self) -> None:
        self.passed = False
        self._connections: list[http.client.HTTPConnection] = []

    def handlers(self) -> tuple[urllib.request.BaseHandler, ...]:
        """Return the handlers of ``urllib`` whose connections it ends."""
        return _Http(self._made), _Https(self._made)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End the connections that are opened in the block after so many seconds."""
        self.passed = False
        self._connections.clear()
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _made(self, connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
        self._connections.append(connection)
        return connection

    def _end(self) -> None:
        self.passed = True
        for connection in self._connections:
            sock = connection.sock
            if sock is not None:
                with suppress(OSError):  # it has just been closed
                    sock.shutdown(socket.SHUT_RDWR)


Made = Callable[[http.client.HTTPConnection], http.client.HTTPConnection]


class _Http(urllib.request.HTTPHandler):
    def __init__(self, made: Made) -> None:
        super().__init__()
        self._made = made

    def http_open(self, req: urllib.request.Request) -> Any:
        def connection(host: str, **options: Any) -> http.client.HTTPConnection:
            return self._made(http.client.HTTPConnection(host, **options))

        return self.do_open(connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, made: Made) -> None:
        super().__init__()
        self._made = made

    def https_open(self, req: urllib.request.Request) -> Any:
        def connection(host: str, **options: Any) -> http.client.HTTPConnection:
            return self._made(http.client.HTTPSConnection(host, **options))

        return self.do_open(connection, req)

"""A server that receives messages, and can be slow, refuse them or be down."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from auscult.monitor.store import EventStore, Machine

START = 1_700_000_000.0


class Receiver:
    """Listens on a free port of this computer.

    Attributes:
        messages: that were accepted.
        requests: headers and body of all requests.
        status: of the answers; 200 accepts.
        pause: seconds before an answer.
        location: where a redirect leads.
    """

    def __init__(self, port: int = 0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status: int | Callable[[dict[str, Any]], int] = 200
        self.pause = 0.0
        self.location = ""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((dict(self.headers), body))
                time.sleep(receiver.pause)
                message = json.loads(body)
                status = receiver.status if isinstance(receiver.status, int) else receiver.status(message)
                if status == 200:
                    receiver.messages.append(message)
                self.send_response(status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/events?token=hidden"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def store(tmp_path) -> Iterator[EventStore]:
    with EventStore(tmp_path / "store") as store:
        store.put_machine(Machine("fan", "a1b2", "", {}, START))
        yield store


@pytest.fixture
def wait() -> Callable[[Callable[[], object]], None]:
    def wait(condition: Callable[[], object], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)

    return wait

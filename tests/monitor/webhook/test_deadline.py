"""Servers that answer a byte at a time, or something else than HTTP."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from auscult.monitor.webhook.post import DeliveryError, Post
from auscult.monitor.webhook.settings import WebhookSettings


@pytest.fixture
def slow_server():
    """The address of a server that sends a byte of its answer every tenth of a second."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                try:
                    for byte in b"HTTP/1.1 200 OK\r\nX-Padding: " + 10_000 * b"x":
                        connection.sendall(bytes([byte]))
                        if ended.wait(0.1):
                            return
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        ended.set()
        thread.join(10)


def test_an_answer_that_never_ends_is_a_failure(slow_server):
    started = time.monotonic()
    with pytest.raises(DeliveryError, match="no answer within 1 s"):
        Post(WebhookSettings(slow_server, timeout=1.0)).send({"version": 1})
    assert time.monotonic() - started < 60


def test_an_answer_that_is_no_http_is_a_failure_with_a_reason_that_can_be_stored():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x00\xff\x1b[2J" * 5000 + b"\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(DeliveryError) as caught:
            Post(WebhookSettings(f"http://127.0.0.1:{server.getsockname()[1]}/")).send({"version": 1})
        thread.join(10)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000

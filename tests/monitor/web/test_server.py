"""The server itself: addresses, start and stop, and the page on the command line."""

from __future__ import annotations

import socket
import threading
import time

import httpx
import pytest
from tests.monitor.web.conftest import running, wait_for

from auscult.errors import OptionError
from auscult.monitor.service.engine import Engine
from auscult.monitor.settings.page_settings import DEFAULT_PORT, PageSettings
from auscult.monitor.store import EventStore
from auscult.monitor.web import answers, connections
from auscult.monitor.web.prefix import check_prefix
from auscult.monitor.web.server import PageServer
from auscult.monitor.web.tokens import Token, digest_of


@pytest.fixture
def engine(machines, tmp_path):
    with EventStore(tmp_path / "store") as store:
        yield Engine(machines(), store)


@pytest.fixture
def taken():
    """A port of this computer on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_an_error(engine, taken):
    with pytest.raises(OptionError, match=f"port {taken} .* in use"):
        PageServer(engine, PageSettings(port=taken))


def test_without_a_port_it_is_the_next_free_one(engine):
    servers = [PageServer(engine, PageSettings()) for _ in range(2)]
    try:
        first, second = (server.port for server in servers)
        assert DEFAULT_PORT <= first < second < DEFAULT_PORT + 20
    finally:
        for server in servers:
            server.stop()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a" * 300, "256.1.1.1"])
def test_addresses_that_are_not_of_this_computer(engine, host):
    with pytest.raises(OptionError, match=host[:20]):
        PageServer(engine, PageSettings(host=host, port=0), token=Token(digest_of("x")))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_other_addresses_need_a_token(engine, host):
    with pytest.raises(OptionError, match="token"):
        PageServer(engine, PageSettings(host=host, port=0))


def test_the_address_of_a_page_on_all_addresses_can_be_opened(engine):
    server = PageServer(engine, PageSettings(host="0.0.0.0", port=0), token=Token(digest_of("x")))
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10):
            pass
        assert server.address == f"http://127.0.0.1:{server.port}/"
        assert server.remote_address == f"http://{socket.gethostname()}:{server.port}/"
    finally:
        server.stop()


@pytest.mark.parametrize("prefix", ["plant", "/a b", "/a//b", "/../x", "/a?b", "/ä", "/a\r\nb", "/./a"])
def test_prefixes_that_are_not_paths(prefix):
    with pytest.raises(OptionError, match="prefix"):
        check_prefix(prefix)


def test_it_stops_with_open_streams(machines, tmp_path):
    with running(machines(), tmp_path / "store") as monitor:
        opened, ended = [], []

        def listen() -> None:
            with monitor.client() as client, client.stream("GET", "api/stream?machine=1") as response:
                opened.append(True)
                for _ in response.iter_lines():
                    pass
            ended.append(True)

        threads = [threading.Thread(target=listen) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(opened) == 3)
        with socket.create_connection((monitor.server.host, monitor.server.port)):  # sends nothing
            started = time.monotonic()
            monitor.server.stop()
            assert time.monotonic() - started < 10
        for thread in threads:
            thread.join(10)
        assert len(ended) == 3, "the streams ended in order"
        assert not monitor.engine.listeners
        with pytest.raises(httpx.ConnectError), monitor.client() as client:
            client.get("api/info")
        runner = monitor.engine.runners['pump "2"']
        windows = runner.windows
        wait_for(lambda: runner.windows > windows)  # the monitor goes on


def test_connections_without_a_request_are_closed(machines, tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(answers, "REQUEST_SECONDS", 0.5)
    with running(machines()[:1], tmp_path / "store") as monitor:
        address = (monitor.server.host, monitor.server.port)
        complete = b"GET /api/info HTTP/1.1\r\nHost: localhost\r\n\r\n"
        body = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"
        for sent, answer in ((b"", b""), (b"GET / HT", b""), (complete, b" 200 "), (body, b" 408 ")):
            with socket.create_connection(address, timeout=20) as connection:
                connection.sendall(sent)
                received = b""
                while part := connection.recv(1000):
                    received += part
                assert answer in received.partition(b"\r\n")[0]
        with monitor.client() as client, client.stream("GET", "api/stream") as response:
            lines = response.iter_lines()
            started = time.monotonic()
            while time.monotonic() < started + 2:  # a stream goes on
                assert next(lines) is not None


def test_a_server_that_was_never_started_is_closed(engine):
    server = PageServer(engine, PageSettings(port=0))
    server.stop()
    with socket.create_server(("127.0.0.1", server.port)):
        pass

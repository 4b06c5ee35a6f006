"""Who gets an answer: host, origin, token, sizes, and the headers of all answers."""

from __future__ import annotations

import http.client
import socket
from contextlib import suppress

import anyio
import pytest
from starlette.requests import Request
from tests.monitor.web.conftest import running

from auscult.monitor.web.answers import body_of
from auscult.monitor.web.security import MAX_BODY, Refused, host_name
from auscult.monitor.web.tokens import ATTEMPTS, FORGET_SECONDS, Attempts, Token, cookie_of, digest_of

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def guarded(machines, tmp_path_factory):
    """A monitor whose page asks for a token, below a prefix, with a name of its own."""
    folder = tmp_path_factory.mktemp("guarded") / "store"
    page = {"prefix": "/plant/auscult", "names": ("monitor.plant",), "token": Token(digest_of(TOKEN))}
    with running(machines(), folder, **page) as monitor:
        yield monitor


def raw(monitor, request: bytes) -> bytes:
    """The answer to bytes that no client library would send."""
    with socket.create_connection((monitor.server.host, monitor.server.port), timeout=10) as connection:
        connection.sendall(request)
        connection.settimeout(10)
        answer = b""
        with suppress(ConnectionResetError):  # the server does not read the rest
            while part := connection.recv(65536):
                answer += part
        return answer


def status(monitor, *, method="GET", path="/api/info", host="127.0.0.1", body=b"", **headers: str) -> int:
    connection = http.client.HTTPConnection(monitor.server.host, monitor.server.port, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", host)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    if body or method == "POST":
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8765", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8765", 200),
        ("192.168.1.7", 200),
        (socket.gethostname(), 200),
        ("evil.example", 400),
        ("evil.example:8765", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost@evil.example", 400),
        ("evil.example#localhost", 400),
        ("localhost:port", 400),
        ("", 400),
    ],
)
def test_only_names_of_this_computer_are_answered(monitor, host, expected):
    assert status(monitor, host=host) == expected


def test_a_request_without_or_with_two_hosts_is_refused(monitor):
    assert b" 400 " in raw(monitor, b"GET /api/info HTTP/1.1\r\nConnection: close\r\n\r\n")
    twice = b"GET /api/info HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert b" 400 " in raw(monitor, twice).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 403),  # a program that is no browser: refused later, since nothing is simulated
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Sec_Fetch_Site": "same-origin", "Origin": "https://plant.example"}, 403),
        ({"Origin": "http://evil.example"}, "origin"),
        ({"Origin": "null"}, "origin"),
        ({"Origin": "http://127.0.0.1:1"}, "origin"),
        ({"Sec_Fetch_Site": "cross-site"}, "origin"),
        ({"Sec_Fetch_Site": "same-site", "Origin": "http://127.0.0.1"}, "origin"),
    ],
)
def test_other_sites_cannot_change_anything(monitor, headers, expected):
    connection = http.client.HTTPConnection(monitor.server.host, monitor.server.port, timeout=10)
    connection.putrequest("POST", "/api/machines/1/fault", skip_host=True)
    connection.putheader("Host", "127.0.0.1")
    connection.putheader("Content-Length", "2")
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(b"{}")
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == 403
    assert ("other sites" in text) == (expected == "origin")


def test_headers_of_all_answers(client):
    for address in ("api/info", "api/machines/99", "metrics", "nothing", "api/stream?machine=x"):
        headers = client.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_sizes(monitor, client):
    assert client.post("login", content=b" " * (MAX_BODY + 1)).status_code == 413
    parts = iter([b" " * MAX_BODY, b" "])  # sent in chunks, without a length
    assert client.post("login", content=parts).status_code == 413
    assert client.get("api/info?" + "x" * 5000).status_code == 413
    assert status(monitor, Content_Length="x") in (400, 413)
    assert status(monitor, Content_Length="-1") in (400, 413)
    long = b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert not raw(monitor, long).startswith(b"HTTP/1.1 2")
    assert client.get("api/info").status_code == 200


def test_a_client_that_leaves_within_a_request_is_answered_like_a_bad_one():
    async def left():
        return {"type": "http.disconnect"}

    with pytest.raises(Refused) as caught:
        anyio.run(body_of, Request({"type": "http"}, left))
    assert caught.value.status == 400


def test_bytes_that_are_no_request(monitor, client):
    for request in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00"):
        assert not raw(monitor, request + b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    upgrade = (
        b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection((monitor.server.host, monitor.server.port), timeout=10) as connection:
        connection.sendall(upgrade)
        assert b" 101 " not in connection.recv(1000)
    assert client.get("api/info").status_code == 200


def test_paths_outside_are_not_served(monitor):
    for path in (
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/..\\app.py",
        "/../../etc/passwd",
        "/api/sounds/../../events.sqlite",
        "/api/sounds/..%2f..%2fevents.sqlite",
        "/api/sounds/%00",
    ):
        assert status(monitor, path=path) in (400, 404), path


def test_a_token_is_required(guarded):
    with guarded.client() as client:
        for address in ("api/info", "api/machines", "api/events", "api/sounds/1", "api/stream", "metrics"):
            response = client.get(address)
            assert response.status_code == 401, address
            assert response.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in response.text
        assert client.get(f"api/info?token={TOKEN}").status_code == 401
        assert client.get("api/info", headers={"authorization": f"Basic {TOKEN}"}).status_code == 401
        assert client.get("api/info", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("api/info", headers={"authorization": f"bearer  {TOKEN}"}).status_code == 200
        assert client.post("api/machines/1/fault", json={}).status_code == 401


def test_login_sets_a_cookie(guarded):
    with guarded.client() as client:
        response = client.post("login", json={"token": TOKEN})
        assert response.status_code == 200
        cookie = response.headers["set-cookie"].lower()
        for part in ("httponly", "samesite=strict", "path=/plant/auscult/"):
            assert part in cookie
        assert "secure" not in cookie
        assert TOKEN not in cookie
        assert client.get("api/info").status_code == 200
        (name, value) = next(iter(client.cookies.items()))
    with guarded.client() as other:
        both = f"other=a=b; x; {name}={value}; more={{}}"
        assert other.get("api/info", headers={"cookie": both}).status_code == 200
        as_token = {"authorization": f"Bearer {value}"}
        assert other.get("api/info", headers=as_token).status_code == 401, "a cookie is no token"
        assert other.get("api/info", headers={"cookie": f"{name}={TOKEN}"}).status_code == 401
        assert other.get("api/info", headers={"cookie": f"{name}="}).status_code == 401
        refused = other.post("login", json={"token": TOKEN}, headers={"origin": "https://x.example"})
        assert refused.status_code == 403
        host = {"host": "monitor.plant", "origin": "https://monitor.plant"}
        accepted = other.post("login", json={"token": TOKEN}, headers=host)
        assert "secure" in accepted.headers["set-cookie"].lower()


def test_prefix(guarded):
    for path, expected in (
        ("/plant/auscult", 307),
        ("/plant/auscult/api/info", 401),
        ("/api/info", 401),  # from a proxy that removes the prefix
        ("/plant/auscultx/api/info", 401),
        ("/plant/auscult/nothing", 401),
        ("/plant/auscult//api/info", 401),
    ):
        assert status(guarded, path=path) == expected, path
    token = {"Authorization": f"Bearer {TOKEN}"}
    assert status(guarded, path="/plant/auscult/api/info", **token) == 200
    assert status(guarded, path="/api/info", **token) == 200
    assert status(guarded, path="/plant/auscult/plant/auscult/api/info", **token) == 404
    assert status(guarded, path="/plant/auscultx/api/info", **token) == 404
    assert status(guarded, path="/api/info", host="monitor.plant", **token) == 200
    for name in ("X_Forwarded_Host", "X_Forwarded_For", "Forwarded", "X_Forwarded_Prefix"):
        assert status(guarded, path="/api/info", host="evil.example", **{name: "127.0.0.1"}, **token) == 400
        assert status(guarded, path="/api/info", **{name: "127.0.0.1"}) == 401


def test_wrong_tokens_are_limited(machines, tmp_path):
    with running(machines(), tmp_path / "store", token=Token(digest_of(TOKEN))) as monitor:
        with monitor.client() as client:
            assert client.post("login", json={"token": TOKEN}).status_code == 200
            name, value = next(iter(client.cookies.items()))
        with monitor.client() as client:
            for attempt in range(ATTEMPTS):
                forwarded = {"x-forwarded-for": f"10.0.0.{attempt}"}
                response = client.post("login", json={"token": f"wrong {attempt}"}, headers=forwarded)
                assert response.status_code == 401
            for answer in (
                client.post("login", json={"token": TOKEN}),
                client.get("api/info", headers={"authorization": f"Bearer {TOKEN}"}),
                client.get("api/info", headers={"cookie": f"{name}=wrong"}),
            ):
                assert answer.status_code == 429
                assert 0 < int(answer.headers["retry-after"]) <= FORGET_SECONDS + 1
            assert client.get("api/info").status_code == 401
            assert client.get("api/info", headers={"cookie": f"{name}={value}"}).status_code == 200


def test_attempts_are_forgotten_and_bounded():
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for _ in range(ATTEMPTS):
        assert attempts.wait("a") == 0
        attempts.failed("a")
    assert attempts.wait("a") == FORGET_SECONDS
    assert attempts.wait("b") == 0
    now[0] = FORGET_SECONDS
    assert attempts.wait("a") == 0
    attempts.failed("a")
    assert attempts.wait("a") == 0
    for number in range(20_000):
        attempts.failed(str(number))
    assert len(attempts._wrong) <= 10_000


def test_tokens_of_any_text():
    token = Token(digest_of("ümläut token"))
    assert token.matches("ümläut token")
    for wrong in ("", "ümläut token ", "\udcff", "x" * 100_000, cookie_of("ümläut token")):
        assert not token.matches(wrong)
    assert token.matches_cookie(cookie_of("ümläut token"))
    assert not token.matches_cookie("é")


@pytest.mark.parametrize("host", ["a/b", "a b", "a?b", "a#b", "@", "[::1", "a:70000", "a:x", "\\a"])
def test_hosts_that_are_not_valid(host):
    assert host_name(host) is None

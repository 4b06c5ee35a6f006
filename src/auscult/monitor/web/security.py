"""What is checked before a request is answered, and the headers of every answer.

- The name of the host: a page of another site that resolves its own name to this computer is refused.
- The origin of requests that change something: only the page itself, or a program that is no browser.
- The token, if one is required, in ``Authorization: Bearer`` or in the cookie that ``POST login`` sets. The
  page itself and its static files contain nothing and need none.
- The size of a request.

What a proxy says about the client (``X-Forwarded-For`` and others) is not used.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from auscult.monitor.web.encoding import json_bytes
from auscult.monitor.web.tokens import Attempts, Token

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Largest request body and query, bytes.
MAX_BODY, MAX_QUERY = 64 << 10, 4096
_READING = ("GET", "HEAD")
_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Refused(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        text: why.
        headers: further headers.
    """

    def __init__(self, status: int, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers


class Guard:
    """Answers only requests that may be answered (ASGI).

    Args:
        app: what answers them.
        token: that clients need, or ``None``.
        names: of this computer, besides ``localhost``, its own name and all IP addresses.
        attempts: counts wrong tokens.
    """

    def __init__(
        self, app: ASGIApp, *, token: Token | None, names: Collection[str], attempts: Attempts
    ) -> None:
        self._app, self._token, self._attempts = app, token, attempts
        own = socket.gethostname().lower()
        self._names = {"localhost", own, f"{own}.local", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # websockets are not answered, which refuses them
        path = scope["path"][len(scope.get("root_path", "")) :]
        public = path == "/" or path.startswith("/static/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                caching = b"no-cache" if public else b"no-store"
                message["headers"] = [*message["headers"], *_HEADERS, (b"cache-control", caching)]
            await send(message)

        try:
            headers = _headers(scope)
            self._check_host(headers)
            self._check_size(scope, headers)
            if scope["method"] not in _READING:
                self._check_origin(headers)
            if self._token and not public and path != "/login":
                self._check_token(scope, headers)
        except Refused as refused:
            await send_refusal(refused, send_with_headers)
            return
        await self._app(scope, _limited(receive), send_with_headers)

    def _check_host(self, headers: dict[str, str]) -> None:
        name = host_name(headers.get("host", ""))
        if name is None or not (_is_address(name) or name in self._names):
            raise Refused(400, "unknown host name: add it to names in the section [page] of monitor.toml")

    def _check_size(self, scope: Scope, headers: dict[str, str]) -> None:
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > MAX_BODY:
            raise Refused(413, f"a request has at most {MAX_BODY} bytes")
        if len(scope["query_string"]) > MAX_QUERY:
            raise Refused(413, f"a query has at most {MAX_QUERY} bytes")

    def _check_origin(self, headers: dict[str, str]) -> None:
        """Refuse what a page of another site sends; a program that is no browser sends neither header."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            same = site in ("same-origin", "none")
        else:
            same = origin is None or _netloc(origin) == headers.get("host", "").lower()
        if not same:
            raise Refused(403, "requests from other sites are not accepted")

    def _check_token(self, scope: Scope, headers: dict[str, str]) -> None:
        assert self._token is not None
        cookie = _cookie(headers.get("cookie", ""), self._token.cookie_name)
        if cookie is not None and self._token.matches_cookie(cookie):
            return
        kind, _, token = headers.get("authorization", "").partition(" ")
        address = client_address(scope)
        given = kind.lower() == "bearer"
        if given or cookie is not None:
            check_attempts(self._attempts, address)
        if given and self._token.matches(token.strip()):
            return
        if given or cookie is not None:
            self._attempts.failed(address)
        raise Refused(401, "a token is required", ((b"www-authenticate", b"Bearer"),))


def check_attempts(attempts: Attempts, address: str) -> None:
    """Raise `Refused` if there were too many wrong tokens from an address."""
    if wait := attempts.wait(address):
        headers = ((b"retry-after", str(int(wait) + 1).encode()),)
        raise Refused(429, "too many wrong tokens: try again later", headers)


def client_address(scope: Scope) -> str:
    """Return the address of the client, or of the proxy in front of it."""
    return scope["client"][0] if scope.get("client") else ""


async def send_refusal(refused: Refused, send: Send) -> None:
    """Answer with the reason as JSON."""
    body = json_bytes({"error": refused.text})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *refused.headers,
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def host_name(host: str) -> str | None:
    """Return the name in a ``Host`` header without port and brackets; ``None`` if it is not valid.

    Example:
        >>> host_name("Localhost:8765"), host_name("[::1]:8765"), host_name("a@b")
        ('localhost', '::1', None)
    """
    if not host or any(character in host for character in "/@?#\\ "):
        return None
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 # raises if it is no number
        return parts.hostname.rstrip(".") if parts.hostname else None
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers by name in lower case.

    Raises:
        Refused: one on which a decision depends is there twice.
    """
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in headers and key in ("host", "origin", "authorization", "content-length", "sec-fetch-site"):
            raise Refused(400, f"the header {key} is there twice")
        separator = "; " if key == "cookie" else ", "
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}{separator}{text}" if key in headers else text
    return headers


def _cookie(header: str, name: str) -> str | None:
    """Return a cookie; those of other programs on this computer may be of any form."""
    for part in header.split(";"):
        key, _, value = part.partition("=")
        if key.strip() == name:
            return value.strip()
    return None


def _limited(receive: Receive) -> Receive:
    """Return ``receive`` that raises `Refused` if a body without a stated length is too long."""
    received = 0

    async def limited() -> dict[str, Any]:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY:
            raise Refused(413, f"a request has at most {MAX_BODY} bytes")
        return dict(message)

    return limited

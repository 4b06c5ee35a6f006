"""The page below a path of a proxy, such as ``/plant/auscult/``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auscult.errors import OptionError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def check_prefix(prefix: str) -> str:
    """Return a prefix without a slash at its end, empty for none.

    Raises:
        OptionError: it is not a path.
    """
    prefix = prefix.rstrip("/")
    if prefix and (not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/"))):
        raise OptionError(f"prefix {prefix!r:.80} must be a path like /plant/auscult")
    return prefix


class Prefix:
    """Accepts requests with the prefix and, from a proxy that removes it, without (ASGI).

    Args:
        app: what answers them; ``root_path`` is the prefix if the request has it.
        prefix: from `check_prefix`.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._prefix:
            path = scope["path"]
            if path == self._prefix:  # relative addresses of the page need the slash
                location = f"{self._prefix}/".encode()
                await send(
                    {"type": "http.response.start", "status": 307, "headers": [(b"location", location)]}
                )
                await send({"type": "http.response.body", "body": b""})
                return
            if path.startswith(f"{self._prefix}/"):
                scope = {**scope, "root_path": self._prefix}
        await self._app(scope, receive, send)

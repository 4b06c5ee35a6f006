"""Answers in JSON, also to requests that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from auscult.errors import OptionError, StoreError
from auscult.monitor.web.connections import REQUEST_SECONDS
from auscult.monitor.web.encoding import json_bytes
from auscult.monitor.web.params import NotThere
from auscult.monitor.web.security import Refused


async def body_of(request: Request) -> bytes:
    """Return the body of a request, which must arrive within `REQUEST_SECONDS`."""
    with anyio.move_on_after(REQUEST_SECONDS):
        try:
            return await request.body()
        except ClientDisconnect:
            raise Refused(400, "the request ends before its body") from None
    raise Refused(408, "the request took too long")


def json_answer(data: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(json_bytes(data), status, media_type="application/json")


def _error(status: int) -> Callable[[Request, Exception], Any]:
    async def handle(request: Request, error: Exception) -> Response:
        return json_answer({"error": str(error)}, status)

    return handle


async def _store_error(request: Request, error: Exception) -> Response:
    logging.getLogger("auscult").warning("a request failed: %s", error)
    return json_answer({"error": "the event store cannot be read now"}, 503)  # without paths of this computer


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    response = json_answer({"error": error.text}, error.status)
    response.raw_headers.extend(error.headers)
    return response


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = json_answer({"error": error.detail}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _unexpected(request: Request, error: Exception) -> Response:
    logging.getLogger("auscult").error("a request failed: %s", request.url.path, exc_info=error)
    return json_answer({"error": "unexpected error"}, 500)


#: Answers to the errors of handlers.
HANDLERS: Mapping[Any, Callable[[Request, Exception], Any]] = {
    NotThere: _error(404),
    OptionError: _error(400),
    StoreError: _store_error,
    Refused: _refused,
    HTTPException: _http_error,
    Exception: _unexpected,
}

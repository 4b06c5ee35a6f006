"""Fetching a file over HTTP, with resumption of interrupted transfers and verification of the checksum."""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from auscult.errors import DownloadError

ATTEMPTS = 6  # consecutive attempts without new bytes
TIMEOUT = 60.0  # seconds without a byte
_LONG_WAIT = 5.0  # seconds; a longer wait that the server asks for is reported
MAX_WAIT = 600.0  # seconds that a server may ask to wait; if it asks for more, the user should decide
_CHUNK = 1 << 18
_MAX_DOCUMENT_BYTES = 1 << 24
_PERMANENT_ERRORS = frozenset({400, 401, 403, 404, 405, 410, 451})  # retrying does not help


class _Interrupted(Exception):
    """A network failure that may be temporary.

    Attributes:
        wait: seconds after which the server asks to try again (``Retry-After``); 0 if it does not say.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class _Changed(_Interrupted):
    """The file on the server is not the one whose beginning has been fetched."""


def fetch_json(url: str, *, attempts: int = 3, backoff: float = 1.0) -> Any:
    """Fetch a JSON document; as `fetch_bytes`, and a response that is not JSON is a `DownloadError` too."""
    content = fetch_bytes(url, attempts=attempts, backoff=backoff)
    try:
        return json.loads(content)
    except ValueError as error:
        raise DownloadError(url, f"the response is not JSON: {error}") from error


def fetch_bytes(url: str, *, attempts: int = 3, backoff: float = 1.0) -> bytes:
    """Fetch a small document.

    Args:
        url: the address.
        attempts: how often to try.
        backoff: seconds before the second attempt, doubled each time, unless the server asks to wait longer.

    Raises:
        DownloadError: there is no response, or the server asks to wait for more than ten minutes; ``path`` is
            the address.
    """
    failure = ""
    for attempt in range(attempts):
        wait = backoff * 2**attempt
        try:
            with _network(url), _request(url) as response:
                return response.read(_MAX_DOCUMENT_BYTES)
        except _Interrupted as error:
            failure, wait = str(error), max(wait, error.wait)
        if attempt < attempts - 1:
            _sleep(wait, url)
    raise DownloadError(url, f"no response ({failure})")


def fetch_file(
    url: str,
    path: str,
    *,
    size: int,
    md5: str | None,
    progress: Callable[[int], None] | None = None,
    attempts: int = ATTEMPTS,
    backoff: float = 1.0,
) -> None:
    """Fetch a file to ``<path>.part``, resuming if that exists, and rename it to ``path`` when complete.

    Args:
        url: the address.
        path: the file to write.
        size: expected size in bytes.
        md5: expected checksum in hexadecimal, or ``None`` if it is unknown.
        progress: called with the number of bytes fetched so far.
        attempts: number of consecutive attempts without progress before giving up.
        backoff: seconds before the second attempt, doubled each time, unless the server asks to wait longer.

    Raises:
        DownloadError: the file cannot be fetched or does not have the expected size and checksum; ``path``
            is the address, or the file that cannot be written. The bytes fetched so far are kept in
            ``<path>.part``, unless they are known to be wrong.
    """
    part = f"{path}.part"
    resumed = _size(part) > 0  # its beginning may be of another file
    failures, failure = 0, "the server sent an incomplete file"
    most_fetched = _size(part)
    while True:
        start, asked_wait = _size(part), 0.0
        if start < size:
            try:
                _append(url, part, start=start, size=size, progress=progress)
            except _Interrupted as error:
                failure, asked_wait = str(error), error.wait
                if isinstance(error, _Changed):
                    os.remove(part)
                    if not resumed:
                        raise DownloadError(
                            url, f"{failure}: it does not match the record; try again later"
                        ) from error
                    resumed, most_fetched = False, 0
        fetched = _size(part)
        if fetched >= size:
            if fetched == size and md5 in (None, md5_of(part)):
                os.replace(part, path)
                return
            os.remove(part)
            if not resumed:
                raise DownloadError(
                    url, "the file does not have the size and MD5 checksum of the record; try again later"
                )
            resumed, most_fetched = False, 0  # the beginning was of another file: start again
            continue
        failures = 0 if fetched > most_fetched else failures + 1
        most_fetched = max(most_fetched, fetched)
        if failures >= attempts:
            raise DownloadError(
                url,
                f"stopped at {fetched} of {size} bytes after {attempts} attempts ({failure}); "
                "run the command again to resume",
            )
        _sleep(max(asked_wait, backoff * 2**failures), url)


def md5_of(path: str) -> str:
    """Return the MD5 of a file in hexadecimal, as published by Zenodo; it only protects against damage."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _append(url: str, part: str, *, start: int, size: int, progress: Callable[[int], None] | None) -> None:
    """Append the missing bytes to ``part``, or write it from the start if the server ignores ranges."""
    with _network(url):
        response = _request(url, start=start)
    with response:
        if response.status != 206:
            start = 0
        elif not _continues(response.headers.get("Content-Range", ""), start=start, size=size):
            raise _Changed("the file on the server has changed")
        with _disk(part), open(part, "ab" if start else "wb") as out:
            while start <= size:  # a single chunk beyond the size shows that it is the wrong file
                with _network(url):
                    chunk = response.read(_CHUNK)
                if not chunk:
                    return
                start += out.write(chunk)
                if progress:
                    progress(min(start, size))


def _request(url: str, *, start: int = 0) -> http.client.HTTPResponse:
    headers = {"User-Agent": "auscult", **({"Range": f"bytes={start}-"} if start else {})}
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)


def _continues(content_range: str, *, start: int, size: int) -> bool:
    span = re.match(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)", content_range)
    return span is not None and int(span[1]) == start and span[2] in ("*", str(size))


@contextmanager
def _network(url: str) -> Iterator[None]:
    """Convert network errors to `_Interrupted` if they may be temporary, else to `DownloadError`."""
    try:
        yield
    except urllib.error.HTTPError as error:
        message = f"the server responded with {error.code} {error.reason}"
        if error.code == 416:
            raise _Changed("the file on the server has become shorter") from error
        if error.code in _PERMANENT_ERRORS:
            raise DownloadError(url, message) from error
        raise _Interrupted(message, _retry_after(error.headers.get("Retry-After"))) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(str(getattr(error, "reason", error)) or type(error).__name__) from error


def _retry_after(header: str | None) -> float:
    """The seconds to wait that a ``Retry-After`` header states, as a number or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return 0.0
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return 0.0


def _sleep(seconds: float, url: str) -> None:
    if seconds > MAX_WAIT:
        raise DownloadError(
            url,
            f"the server asks to wait for {seconds / 60:.0f} minutes; run the command again then to resume",
        )
    if seconds > _LONG_WAIT:
        logging.getLogger("auscult").warning("%s: the server asks to wait for %.0f s", url, seconds)
    time.sleep(seconds)


@contextmanager
def _disk(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(path, f"cannot be written: {error.strerror or error}") from error


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0

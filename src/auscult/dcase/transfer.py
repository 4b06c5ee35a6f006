"""Fetching one file over HTTP: resumed where it broke off, and not believed before its checksum is right."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from auscult.errors import DownloadError

ATTEMPTS = 6  # in a row that bring nothing new
TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 1 << 18
_LARGEST_JSON = 1 << 24
_HOPELESS = frozenset({400, 401, 403, 404, 405, 410, 451})  # asking again changes nothing


class _Interrupted(Exception):
    """The network failed in a way that may pass."""


class _Changed(_Interrupted):
    """The server's file is not the one whose beginning is here."""


def fetch_json(url: str, *, attempts: int = 3, backoff: float = 1.0) -> Any:
    """A JSON document.

    Raises:
        DownloadError: no answer, or one that is no JSON; ``path`` is the address.
    """
    failure = ""
    for attempt in range(attempts):
        try:
            with _network(url), _request(url) as response:
                return json.loads(response.read(_LARGEST_JSON))
        except _Interrupted as error:
            failure = str(error)
        except ValueError as error:
            raise DownloadError(url, f"the answer is not JSON: {error}") from error
        if attempt < attempts - 1:
            time.sleep(backoff * 2**attempt)
    raise DownloadError(url, f"no answer ({failure})")


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
    """Fetches a file by way of ``<path>.part``, which is taken up again if it is there.

    Args:
        size: bytes that the file must have.
        md5: its checksum in hexadecimal, or ``None`` if none is known.
        progress: told how many bytes there are so far.
        attempts: how often in a row to try without getting further.
        backoff: seconds before the second attempt, doubled each time.

    Raises:
        DownloadError: not to be had, or not what was promised; ``path`` is the address, or the file that
            cannot be written. What came by then stays in ``<path>.part``, unless it is known to be wrong.
    """
    part = f"{path}.part"
    from_before = _size(part) > 0
    failures, failure = 0, "the server sent less than it has"
    furthest = _size(part)
    while True:
        start = _size(part)
        if start < size:
            try:
                _append(url, part, start=start, size=size, progress=progress)
            except _Interrupted as error:
                failure = str(error)
                if isinstance(error, _Changed):
                    os.remove(part)
                    if not from_before:
                        raise DownloadError(
                            url, f"{failure}: it is not what its record says; try later"
                        ) from error
                    from_before, furthest = False, 0
        now = _size(part)
        if now >= size:
            if now == size and md5 in (None, md5_of(part)):
                os.replace(part, path)
                return
            os.remove(part)
            if not from_before:
                raise DownloadError(
                    url, "what came has not the size and MD5 checksum of the record; try later"
                )
            from_before, furthest = False, 0  # its beginning was of another file: once more from the start
            continue
        failures = 0 if now > furthest else failures + 1
        furthest = max(furthest, now)
        if failures >= attempts:
            raise DownloadError(
                url,
                f"stopped at {now} of {size} bytes after {attempts} attempts ({failure}); "
                "run the same again to go on from there",
            )
        time.sleep(backoff * 2**failures)


def md5_of(path: str) -> str:
    """MD5 of a file in hexadecimal: what Zenodo publishes, and good against damage alone."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _append(url: str, part: str, *, start: int, size: int, progress: Callable[[int], None] | None) -> None:
    """Goes on writing ``part``, or begins it anew if the server will only send the whole file."""
    with _network(url):
        response = _request(url, start=start)
    with response:
        if response.status != 206:
            start = 0
        elif not _continues(response.headers.get("Content-Range", ""), start=start, size=size):
            raise _Changed("the server's file has changed")
        with _disk(part), open(part, "ab" if start else "wb") as out:
            while start <= size:  # one piece too much is enough to see that it is the wrong file
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
    """Sorts failures of the network into those that may pass and those that will not."""
    try:
        yield
    except urllib.error.HTTPError as error:
        said = f"the server answers {error.code} {error.reason}"
        if error.code == 416:
            raise _Changed("the server's file has become shorter") from error
        if error.code in _HOPELESS:
            raise DownloadError(url, said) from error
        raise _Interrupted(said) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(str(getattr(error, "reason", error)) or type(error).__name__) from error


@contextmanager
def _disk(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(path, f"cannot be written: {error.strerror or error}") from error


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0

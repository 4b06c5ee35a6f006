"""Detecting whether earlier results are still valid: fingerprints of files, and a hash of all inputs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from auscult.corpus.clip import Clip


def fingerprints(clips: Sequence[Clip], folder: str) -> list[list[str | int]]:
    """Return the path relative to ``folder``, the size and the modification time (ns) of each file.

    A change of the fingerprint shows that a file has changed, or that it is read in another way as a table.
    """
    result: list[list[str | int]] = []
    for clip in clips:
        try:
            stat = os.stat(clip.path)
            state: list[str | int] = [stat.st_size, stat.st_mtime_ns]
        except OSError:  # a dangling link; it is reported as unreadable when it is read
            state = []
        if clip.table is not None:
            state.append(json.dumps(clip.table.to_json()))
        result.append([os.path.relpath(clip.path, folder), *state])
    return result


def file_digests(paths: Sequence[str]) -> list[str]:
    """Return the SHA-256 of each file in hexadecimal; empty text for one that cannot be read."""
    digests = []
    for path in paths:
        try:
            state = os.stat(path)
            digests.append(_file_digest(path, (state.st_size, state.st_mtime_ns, state.st_ino)))
        except OSError:  # reported when the detector reads it
            digests.append("")
    return digests


def content_key(data: Sequence[Any]) -> str:
    """Return the SHA-256 of JSON-compatible data in hexadecimal: equal for equal data, else different."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=16)
def _file_digest(path: str, state: tuple[int, ...]) -> str:
    """Return the SHA-256 of a file; ``state`` changes when it changes, so that it is read again."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Whether work is done already: what files looked like, and a key of all that a result depends on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

from auscult.corpus.clip import Clip


def stamps(clips: Sequence[Clip], folder: str) -> list[list[str | int]]:
    """Name, size and time of each file, by which it is known whether it changed."""
    found: list[list[str | int]] = []
    for clip in clips:
        try:
            stat = os.stat(clip.path)
            stamp: list[str | int] = [stat.st_size, stat.st_mtime_ns]
        except OSError:  # a link that leads nowhere is an unreadable clip, told of when it is heard
            stamp = []
        found.append([os.path.relpath(clip.path, folder), *stamp])
    return found


def key_of(told: Sequence[Any]) -> str:
    """A short name of plain data, another for other data."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

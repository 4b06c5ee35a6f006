"""Whether the models that a monitor has read are still those on disk: if not, that is a condition of it.

A monitor keeps the models with which it was started. Someone who calibrates again, or replaces a model, while
it runs would otherwise believe that the new one judges.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from auscult.errors import ModelFileError
from auscult.model import Model
from auscult.model.model_file import load_model, model_digest
from auscult.monitor.store import EventStore
from auscult.monitor.store.full import unless_full

#: Seconds between looks at the files.
_SECONDS = 10.0

#: Number, length and time of modification of a file; ``None`` if there is none.
Version = tuple[int, int, int] | None


@dataclass(frozen=True)
class ModelFile:
    """A model file as it was when it was read.

    Attributes:
        path: of the file.
        version: changes whenever it is written.
    """

    path: str
    version: Version

    @classmethod
    def of(cls, path: str) -> ModelFile:
        """Look at a file, before it is read."""
        return cls(path, version_of(path))


class ModelFileWatch:
    """Keeps the condition ``model changed`` of the monitor as a whole.

    Args:
        store: where the condition is written.
        models: names of machines, each with its model and the file of it.
        now: seconds since 1970 (UTC). The models have just been read.
    """

    def __init__(self, store: EventStore, models: Iterable[tuple[str, Model, ModelFile]], now: float) -> None:
        self._store = store
        self._models: dict[str, tuple[str, Model]] = {}
        self._versions: dict[str, Version] = {}
        for name, model, file in models:
            self._models[file.path], self._versions[file.path] = (name, model), file.version
        self._changed: dict[str, str] = {}  # what has happened to a file, for people
        self._shown: str | None = None
        self._next = time.monotonic()
        self._write(now)

    def check(self, now: float) -> None:
        """Look at the files, if it is time; to be called about every second."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SECONDS
        for path, (name, model) in self._models.items():
            version = version_of(path)
            if version != self._versions[path]:
                self._versions[path] = version
                self._changed[path] = _difference(path, name, model)
        self._write(now)

    def _write(self, now: float) -> None:
        detail = "; ".join(text for text in self._changed.values() if text)
        if detail == self._shown:
            return
        with unless_full():
            self._store.set_condition(None, "model changed", False, now)
            if detail:
                self._store.set_condition(None, "model changed", True, now, detail)
            self._shown = detail


def version_of(path: str) -> Version:
    """Return the present version of a file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _difference(path: str, name: str, model: Model) -> str:
    """Return how a file differs from the model that was read from it; empty if it does not."""
    file = os.path.basename(path)
    try:
        present = load_model(path)
    except ModelFileError as error:
        return f"{name} is judged by a model whose file {file} cannot be read any more: {error}"
    if model_digest(present) == model_digest(model) and present.alarm_policy == model.alarm_policy:
        return ""
    return (
        f"{name} is judged by the model that {file} contained when the monitor was started, and the file has "
        "changed: restart the monitor to use it"
    )

"""``auscult.toml`` in a folder of tables: how they are read.

::

    [recordings]
    rate = 25600                # Hz
    column = ["acc_h", "acc_v"] # a name, a number from 0, a pattern, or a list of these
    scale = 9.81                # to multiply the values by
    files = "acc_*.csv"         # which files are recordings; a pattern or a list of these

It holds for the folder and those below it, unless these have one of their own.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from typing import Any

from auscult.errors import OptionError
from auscult.sound.tables.settings import TableSettings

NAME = "auscult.toml"
_SECTION = "recordings"
_KEYS = ("rate", "column", "scale", "files")


@dataclass(frozen=True)
class Sidecar:
    """The contents of an ``auscult.toml``.

    Attributes:
        settings: how tables are read.
        files: patterns of the names of files that are recordings; empty: all tables are.
    """

    settings: TableSettings
    files: tuple[str, ...] = ()

    def selects(self, path: str) -> bool:
        """Whether a file is one of the recordings, by its name."""
        name = os.path.basename(path)
        return not self.files or any(fnmatch(name, pattern) for pattern in self.files)


def settings_for(path: str, given: TableSettings | None = None) -> TableSettings:
    """Return how the table at a path is read: as given, and for the rest as its sidecar says.

    Raises:
        OptionError: the sidecar is not valid.
    """
    sidecar = find_sidecar(os.path.dirname(path))
    return (given or TableSettings()).or_else(sidecar.settings if sidecar else None)


def find_sidecar(folder: str) -> Sidecar | None:
    """Return the sidecar of a folder: its own, or that of the nearest folder above that has one.

    Files of that name without a section ``[recordings]`` are ignored.

    Raises:
        OptionError: it is not valid.
    """
    folder = os.path.abspath(folder)
    while True:
        path = os.path.join(folder, NAME)
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            pass
        else:
            if sidecar := _read(path, (status.st_mtime_ns, status.st_size)):
                return sidecar
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


@lru_cache(maxsize=64)
def _read(path: str, _state: tuple[int, int]) -> Sidecar | None:
    """Read a sidecar; ``_state`` changes when the file changes, so that it is read again."""
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: cannot be read: {error}") from error
    if _SECTION not in content:
        return None
    section = content[_SECTION]
    if not isinstance(section, dict):
        raise OptionError(f"{path}: [{_SECTION}] must be a section with {', '.join(_KEYS)}")
    if unknown := [key for key in section if key not in _KEYS]:
        raise OptionError(f"{path}: unknown key {unknown[0]!r}; known keys: {', '.join(_KEYS)}")
    try:
        settings = TableSettings(
            _number(section, "rate"), _texts(section, "column", numbers=True), _number(section, "scale")
        )
        return Sidecar(settings, _texts(section, "files"))
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


def _number(section: dict[str, Any], key: str) -> float | None:
    value = section.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise OptionError(f"{key} must be a number, got {value!r}")
    return value


def _texts(section: dict[str, Any], key: str, *, numbers: bool = False) -> tuple[str, ...]:
    """A text or a list of texts; ``numbers`` may stand for texts."""
    value = section.get(key, [])
    values = value if isinstance(value, list) else [value]
    allowed = str | int if numbers else str
    if not all(isinstance(v, allowed) and not isinstance(v, bool) for v in values):
        raise OptionError(f"{key} must be a text or a list of texts, got {value!r}")
    return tuple(map(str, values))

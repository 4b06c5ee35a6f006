"""Files that describe a whole benchmark: TOML with the options of ``auscult bench`` as keys.

::

    root = "data"                                    # paths are relative to the file
    seeds = 5
    machines = ["fan", "valve"]

    [detectors]
    autoencoder = {}
    spectral_memory = [{ groups = 1 }, { groups = 8 }]

    [set]
    n_mels = 64                                      # for every detector that has it
    autoencoder.epochs = 50                          # for one

    [condition]                                      # PATTERN = normal or anomaly
    "knock_*" = "anomaly"

    [scores]
    theirs = "submissions/theirs/seed*"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from auscult.errors import OptionError
from auscult.runtime.files import write_atomically

#: Name of the copy in the results folder.
COPY = "experiment.toml"


def is_experiment(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a file that describes a benchmark, by its extension; folders are not."""
    return os.fspath(path).lower().endswith(".toml") and not os.path.isdir(path)


def read_experiment(path: str | os.PathLike[str], options: Collection[str]) -> dict[str, Any]:
    """Read the options of a benchmark, as they would be given on the command line.

    Args:
        path: the file.
        options: names of the options that it may contain besides ``root``, such as ``group_by``.

    Returns:
        Option to value. Lists and tables are text as in the command line: ``detectors``, ``machines``,
        ``group_by`` and ``seeds`` separated by commas; ``set``, ``condition`` and ``scores`` are lists of
        ``KEY=VALUE``.
        ``root``, ``output``, the folders of ``scores`` and the file of ``published`` are absolute paths.

    Raises:
        OptionError: the file cannot be read, is not TOML, has an unknown key, a value of the wrong kind, or
            no ``root``.
    """
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise OptionError(f"{os.fspath(path)}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{os.fspath(path)}: not a TOML file: {error}") from error
    reader = _Reader(os.fspath(path))
    known = {"root", *options}
    values = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the keys are {', '.join(sorted(known))}"
            raise OptionError(f"{os.fspath(path)}: unknown key {key!r}: {hint}")
        values[name] = reader.convert(name, value)
    if "root" not in values:
        raise OptionError(f"{os.fspath(path)}: the key 'root' is missing: the folder of the machines")
    return values


def write_copy(path: str | os.PathLike[str], output: Path, changed: Sequence[str] = ()) -> None:
    """Write a copy of the file into the results folder.

    It is preceded by a comment with the path of the original and the options that were changed, and not
    written if the file itself is that copy.

    Args:
        path: the file.
        output: the results folder, which is created if it does not exist.
        changed: options of the command line that took precedence over the file.
    """
    output.mkdir(parents=True, exist_ok=True)
    original, copy = Path(os.path.abspath(path)), output / COPY
    if copy.exists() and copy.samefile(original):
        return
    comment = [f"# Copy of {original}, whose folder relative paths start from."]
    comment += [f"# Changed on the command line: {', '.join(changed)}"] if changed else []
    write_atomically(copy, "\n".join([*comment, "", original.read_text(encoding="utf-8")]).encode())


class _Reader:
    """Converts the values of one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._folder = os.path.dirname(os.path.abspath(path))

    def convert(self, key: str, value: Any) -> Any:
        """The value of a key as on the command line."""
        if key in ("root", "output") or (key == "published" and not str(value).isdecimal()):
            return self._resolved(key, value)
        if key == "scores":
            self._check(key, value, dict, "a table of NAME = DIR")
            return [
                f"{name}={self._resolved(f'scores.{name}', folder)}"
                for name, folders in value.items()
                for folder in (folders if folders and isinstance(folders, list) else [folders])
            ]
        if key == "condition":
            self._check(key, value, dict, "a table of PATTERN = normal or anomaly")
            return [f"{pattern}={self._text(f'condition.{pattern}', v)}" for pattern, v in value.items()]
        if key == "set":
            self._check(key, value, dict, "a table of options")
            return [f"{name}={self._text(f'set.{name}', v)}" for name, v in _flat(value)]
        if key == "detectors" and value in ({}, [], ""):
            raise OptionError(f"{self._path}: detectors has no entries: name at least one detector")
        if key == "detectors" and isinstance(value, dict):
            return ",".join(name for detector, item in value.items() for name in self._names(detector, item))
        if key == "seeds" and isinstance(value, list):
            return self._text(key, value) + ","
        if key == "seeds" or isinstance(value, list):
            return self._text(key, value)
        self._check(key, value, (str, int, float), "a text, a number, true or false")
        return value

    def _names(self, detector: str, item: Any) -> list[str]:
        """The names of one entry of the table of detectors: a table of settings, or a list of such tables."""
        key = f"detectors.{detector}"
        if item == []:
            raise OptionError(
                f"{self._path}: {key} is an empty list: write {detector} = {{}} for its defaults"
            )
        names = []
        for settings in item if isinstance(item, list) else [item]:
            self._check(key, settings, dict, "a table of settings, or a list of such tables")
            own = ",".join(f"{name}={self._text(f'{key}.{name}', v)}" for name, v in settings.items())
            names.append(f"{detector}[{own}]" if own else detector)
        return names

    def _resolved(self, key: str, value: Any) -> str:
        self._check(key, value, str, "a path")
        return os.path.normpath(os.path.join(self._folder, os.path.expanduser(value)))

    def _text(self, key: str, value: Any) -> str:
        if isinstance(value, list):
            return ",".join(self._text(key, item) for item in value)
        self._check(key, value, (str, int, float), "a text, a number, true or false, or a list of these")
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _check(self, key: str, value: Any, kind: type | tuple[type, ...], expected: str) -> None:
        if not isinstance(value, kind):
            raise OptionError(f"{self._path}: {key} must be {expected}, got {value!r}")


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The entries of nested tables; keys of inner tables follow a dot."""
    entries: list[tuple[str, Any]] = []
    for key, value in table.items():
        entries += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return entries

"""Sections of ``monitor.toml`` as values of data classes, which check themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from auscult.errors import OptionError
from auscult.runtime.suggestions import did_you_mean

T = TypeVar("T")


def section(kind: type[T], table: Any, name: str) -> T:
    """Return a section as an object of a data class whose fields are the settings.

    Args:
        kind: the data class; it raises `OptionError` for values that are not valid, of any type.
        table: the section as read.
        name: of the section.

    Raises:
        OptionError: a setting is unknown or not valid; the message names the section and the setting.
    """
    if not isinstance(table, Mapping):
        raise OptionError(f"write {name} as a section [{name}]")
    known = fields(kind)  # type: ignore[arg-type]
    check_keys(table, [field.name for field in known], f"[{name}]")
    for field in known:
        if field.name not in table and field.default is MISSING and field.default_factory is MISSING:
            raise OptionError(f"[{name}]: {field.name} is missing")
    try:
        return kind(**table)
    except OptionError as error:
        raise OptionError(f"[{name}]: {error}") from error


def check_keys(table: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise `OptionError` if a table has a setting that is not known."""
    known = tuple(known)
    for key in table:
        if key not in known:
            raise OptionError(f"{where} has an unknown setting {key!r}{did_you_mean(key, known)}")

"""Checks of values from outside before they reach SQL, so that errors name the argument."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Mapping
from typing import Any

from auscult.errors import OptionError

#: Longest text, in characters: of a name, and of notes and descriptions.
NAME_LENGTH, TEXT_LENGTH = 200, 20_000
#: Longest JSON, in characters.
JSON_LENGTH = 2_000_000
_LARGEST_ID = 2**63 - 1
_LAST_TIME = 253_402_300_799.0


def check_time(name: str, value: float) -> float:
    """Return a time in seconds since 1970 UTC, up to the year 9999.

    Raises:
        OptionError: it is something else.
    """
    time = check_number(name, value)
    if not 0 <= time <= _LAST_TIME:
        raise OptionError(f"{name} must be in seconds since 1970-01-01 UTC, got {value!r}")
    return time


def optional_time(name: str, value: float | None) -> float | None:
    """As `check_time`; ``None`` is returned as such."""
    return None if value is None else check_time(name, value)


def check_number(name: str, value: float) -> float:
    """Return a finite number as float.

    Raises:
        OptionError: it is something else.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, str | bytes | bytearray) or not math.isfinite(number):
        raise OptionError(f"{name} must be a finite number, got {value!r}")
    return number


def optional_number(name: str, value: float | None) -> float | None:
    """As `check_number`; ``None`` is returned as such."""
    return None if value is None else check_number(name, value)


def check_count(name: str, value: int, largest: int) -> int:
    """Return a whole number between 1 and the largest.

    Raises:
        OptionError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        raise OptionError(f"{name} must be a whole number between 1 and {largest}, got {value!r}")
    return value


def check_id(name: str, value: int) -> int:
    """Return the number of a row.

    Raises:
        OptionError: it is not a positive whole number.
    """
    return check_count(name, value, _LARGEST_ID)


def check_text(name: str, value: str, longest: int = TEXT_LENGTH, *, empty: bool = True) -> str:
    """Return a text that can be stored.

    Raises:
        OptionError: it is no text, too long, empty where it must not be, or not Unicode.
    """
    if not isinstance(value, str) or len(value) > longest or not (value or empty):
        raise OptionError(f"{name} must be a text of at most {longest} characters, got {value!r:.80}")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise OptionError(f"{name} has characters that are not text: {value!r:.80}")
    return value


def check_path(name: str, value: str) -> bytes:
    """Return a path as bytes, whether it is Unicode or not.

    Raises:
        OptionError: it is empty, too long or has a zero byte.
    """
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_LENGTH or "\0" in value:
        raise OptionError(f"{name} must be a path of at most {TEXT_LENGTH} characters, got {value!r:.80}")
    try:
        return os.fsencode(value)
    except UnicodeEncodeError:
        raise OptionError(f"{name} cannot be the path of a file: {value!r:.80}") from None


def check_choice(name: str, value: str, choices: Collection[str]) -> str:
    """Return one of several texts.

    Raises:
        OptionError: it is none of them.
    """
    if value not in choices:
        raise OptionError(f"unknown {name} {value!r:.80}: choose one of {', '.join(choices)}")
    return value


def to_json(name: str, value: Mapping[str, Any]) -> str:
    """Return JSON text; NaN and infinity become ``null``.

    Raises:
        OptionError: the value has something that JSON has not, or is too long.
    """
    try:
        text = json.dumps(_finite(dict(value)), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise OptionError(f"{name} is not JSON-compatible: {error}") from None
    if len(text) > JSON_LENGTH:
        raise OptionError(f"{name} has {len(text)} characters of JSON, more than {JSON_LENGTH}")
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

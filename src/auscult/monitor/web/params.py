"""What clients send, checked: numbers in paths and queries, and JSON bodies."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from auscult.errors import OptionError
from auscult.runtime.suggestions import did_you_mean

_NUMBER = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_LARGEST = 2**63 - 1


class NotThere(Exception):
    """What the client asks for does not exist."""


def number_in_path(text: str) -> int:
    """Return the number of something in the store.

    Raises:
        NotThere: it cannot be one.
    """
    if not _NUMBER.fullmatch(text) or int(text) > _LARGEST:
        raise NotThere(f"nothing has the number {text!r:.40}")
    return int(text)


class Query:
    """The parameters after the question mark.

    Args:
        values: names and texts.
        known: names that may be there.

    Raises:
        OptionError: there is another name.
    """

    def __init__(self, values: Mapping[str, str], known: Collection[str]) -> None:
        self._values = values
        for name in values:
            if name not in known:
                raise OptionError(f"unknown parameter {name!r:.40}{did_you_mean(name[:40], known)}")

    def text(self, name: str) -> str | None:
        """Return a parameter; ``None`` if it is missing or empty."""
        return self._values.get(name) or None

    def time(self, name: str) -> float | None:
        """Return a time in seconds since 1970 (UTC)."""
        text = self.text(name)
        if text is None:
            return None
        try:
            value = float(text) if len(text) <= 40 else math.nan
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise OptionError(f"{name} must be a number of seconds since 1970, got {text!r:.40}")
        return value

    def integer(self, name: str) -> int | None:
        """Return a positive whole number."""
        text = self.text(name)
        if text is None:
            return None
        if not _NUMBER.fullmatch(text):
            raise OptionError(f"{name} must be a positive whole number, got {text!r:.40}")
        return int(text)

    def flag(self, name: str) -> bool:
        """Return whether a parameter is ``1`` or ``true``."""
        text = self.text(name)
        if text not in (None, "0", "1", "false", "true"):
            raise OptionError(f"{name} must be true or false, got {text!r:.40}")
        return text in ("1", "true")


def json_object(body: bytes, known: Collection[str]) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises:
        OptionError: it is something else, or has an unknown key.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise OptionError("the request must contain JSON") from None
    if not isinstance(data, dict):
        raise OptionError("the request must contain a JSON object")
    for key in data:
        if key not in known:
            raise OptionError(f"unknown key {key!r:.40}{did_you_mean(key[:40], known)}")
    return data

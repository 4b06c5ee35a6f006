"""A time in the past as a user states it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from auscult.errors import OptionError

#: Seconds in the units of a duration such as 12h.
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def moment(since: str) -> float:
    """Return the time that a user states, in seconds since 1970.

    Raises:
        OptionError: it is neither a time nor a duration.
    """
    number, unit = since[:-1], since[-1:]
    try:
        if unit in _UNITS and number.replace(".", "", 1).isdigit():
            return (datetime.now(UTC) - timedelta(seconds=float(number) * _UNITS[unit])).timestamp()
        return datetime.fromisoformat(since).timestamp()
    except (ValueError, OverflowError):
        raise OptionError(
            f"--since {since}: write a time like 2026-11-28T06:00, or a duration like 12h or 7d"
        ) from None

"""When a recording was finished, as far as the time of modification of its file can be believed."""

from __future__ import annotations

#: 2000-01-01: earlier times are those of a clock that was never set.
EARLIEST = 946_684_800.0


def finished(modified: float, now: float) -> float:
    """Return when a file was finished: when it was last modified, if that can be; otherwise now.

    Args:
        modified: time of modification, seconds since 1970.
        now: current time.

    Example:
        >>> finished(1_700_000_000.0, now=1_800_000_000.0)
        1700000000.0
        >>> finished(0.0, now=1_800_000_000.0)
        1800000000.0
    """
    return modified if EARLIEST <= modified <= now else now

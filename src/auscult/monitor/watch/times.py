"""When a recording was made and when it arrived, as far as clocks can be trusted."""

from __future__ import annotations

#: 2000-01-01: earlier times of modification are those of a recorder whose clock was never set.
_EARLIEST = 946_684_800.0


def arrival(modified: float, present_since: float, now: float) -> float:
    """Return when a file was completed here.

    This is the time of modification, unless the file was seen otherwise: it cannot have been there before the
    last look without it, nor after now.

    Args:
        modified: time of modification, in seconds since 1970 as the others.
        present_since: of the last look without this file; minus infinity without any.
        now: current time.
    """
    return min(max(modified, present_since), now)


def recorded(modified: float, arrived: float) -> float:
    """Return when a recording ended: when the file was last modified, if that can be."""
    return modified if _EARLIEST <= modified <= arrived else arrived

"""When a recording was made and when it arrived, as far as clocks can be trusted."""

from __future__ import annotations

from auscult.sound.live.file_times import finished


def arrival(modified: float, present_since: float, now: float) -> float:
    """Return when a file was completed here.

    This is the time of modification, if that can be, unless the file was seen otherwise: it cannot have been
    there before the last look without it.

    Args:
        modified: time of modification, in seconds since 1970 as the others.
        present_since: of the last look without this file; minus infinity without any.
        now: current time.
    """
    return min(max(finished(modified, now), present_since), now)


def recorded(modified: float, arrived: float) -> float:
    """Return when a recording ended: when the file was last modified, if that can be."""
    return finished(modified, arrived)

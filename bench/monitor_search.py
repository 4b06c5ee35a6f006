"""The largest number of machines with which a monitor keeps up, in few runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: Share of the cores at which the largest number is expected: Python runs one thread at a time between
#: array operations.
FULL = 0.7
#: The search ends if the smallest number that was too large is less than this factor above the largest that
#: was not.
CLOSE = 1.06
#: Largest factor between successive numbers.
_MOST = 2.0


@dataclass(frozen=True)
class Tried:
    """One run.

    Attributes:
        machines: their number.
        kept_up: whether no window was dropped and the sound that waits did not become more.
        load: processor time over time and cores, from 0 to 1.
    """

    machines: int
    kept_up: bool
    load: float


def next_number(tried: Sequence[Tried], start: int) -> int | None:
    """Return the number of machines to try next; ``None`` if the largest is known well enough.

    Args:
        tried: the runs so far.
        start: the first number.
    """
    if not tried:
        return start
    low = max((run.machines for run in tried if run.kept_up), default=0)
    high = min((run.machines for run in tried if not run.kept_up and run.machines > low), default=None)
    if high is None:
        (best,) = {run for run in tried if run.machines == low}
        factor = min(_MOST, max(1.1, FULL / max(best.load, 0.01)))
        return round(low * factor) or 1
    if high <= CLOSE * low or high <= low + 1:
        return None
    return round((low + high) / 2) if low else max(1, round(0.7 * high))


def largest(tried: Sequence[Tried]) -> int:
    """Return the largest number that kept up, 0 if none did."""
    return max((run.machines for run in tried if run.kept_up), default=0)


def search(run: Callable[[int], Tried], start: int, has_time: Callable[[], bool]) -> list[Tried]:
    """Run the monitor with different numbers of machines.

    Args:
        run: runs the monitor with so many machines.
        start: the first number.
        has_time: whether there is time for another run.
    """
    tried: list[Tried] = []
    while (number := next_number(tried, start)) is not None and (not tried or has_time()):
        tried.append(run(number))
    return tried

"""Which machines are fitted together, and how many at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from auscult.detectors import Config, detector_type

T = TypeVar("T")

#: Networks that train together on a CPU. A step there costs hardly less for each network beyond four, and the
#: log-mels of all their machines lie in memory.
NETWORKS_ON_CPU = 4
#: Machines that train together on a GPU, which they fill the better the more they are; their log-mels, about
#: 160 MB for a thousand clips of 10 s, lie in memory together.
MACHINES_ON_GPU = 50


def fleet_size(detector: str, config: Config, *, networks: int, machines: int, workers: int) -> int:
    """How many machines are best fitted together.

    Args:
        detector: a name from the table of detectors.
        networks: that are trained for one machine, judges among them.
        machines: in all.
        workers: that share them; each is to have about as many.

    Raises:
        OptionError: the configuration names a device that is not here.
    """
    kind = detector_type(detector)
    if not kind.trains_together or kind.learns_from_others(config):
        return 1
    from auscult.detectors.learning.training import choose_device

    on_cpu = choose_device(getattr(config, "device", "cpu")).type == "cpu"
    most = NETWORKS_ON_CPU // networks if on_cpu else MACHINES_ON_GPU
    return max(1, min(most, math.ceil(machines / workers)))


def alike(config: Config) -> str:
    """The same for configurations that can train together: they differ in the seed alone."""
    return repr(replace(config, seed=0))


def fleets(
    members: Iterable[T], *, alike: Callable[[T], Hashable], size: Callable[[T], int]
) -> Iterator[list[T]]:
    """Members that are alike together, so many at most, a fleet as soon as it is full."""
    waiting: dict[Hashable, list[T]] = {}
    for member in members:
        fleet = waiting.setdefault(alike(member), [])
        fleet.append(member)
        if len(fleet) >= size(member):
            yield waiting.pop(alike(member))
    yield from waiting.values()

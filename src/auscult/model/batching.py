"""Which machines are fitted together, and how many at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TypeVar

from auscult.detectors import Config, detector_type
from auscult.runtime.parallel import each, worker_count

T = TypeVar("T")

#: Networks that train together on a CPU. A step there costs hardly less for each network beyond four, and the
#: log-mels of all their machines lie in memory.
NETWORKS_ON_CPU = 4
#: Machines that train together on a GPU, which they fill the better the more they are; their log-mels, about
#: 160 MB for a thousand clips of 10 s, lie in memory together.
MACHINES_ON_GPU = 50


def most_together(detector: str, config: Config, *, networks: int) -> int:
    """How many machines may be fitted together, by the device of whoever does it: a worker, where there are
    some.

    Args:
        detector: a name from the table of detectors.
        networks: that are trained for one machine, fold_models among them.

    Raises:
        OptionError: the configuration names a device that is not there.
    """
    kind = detector_type(detector)
    if not kind.trains_together or kind.learns_from_others(config):
        return 1
    (device,) = each(_kind_of_device, [getattr(config, "device", "cpu")])
    return max(1, NETWORKS_ON_CPU // networks) if device == "cpu" else MACHINES_ON_GPU


def _kind_of_device(name: str) -> str:
    from auscult.detectors.training.training import choose_device

    return choose_device(name).type


def alike(config: Config) -> str:
    """The same for configurations that can train together: they differ in the seed alone."""
    return repr(replace(config, seed=0))


def fleets(members: Sequence[T], *, kind: Callable[[T], Hashable], most: Callable[[T], int]) -> list[list[T]]:
    """Members of one kind together, in the order in which fleets are full.

    Args:
        most: may be together, the same for all of a kind; of fewer, each worker gets about as many.
    """
    kinds = [kind(member) for member in members]
    counts = Counter(kinds)
    size = {
        its: min(most(member), math.ceil(counts[its] / worker_count()))
        for its, member in dict(zip(kinds, members, strict=True)).items()
    }
    found: list[list[T]] = []
    waiting: dict[Hashable, list[T]] = {}
    for its, member in zip(kinds, members, strict=True):
        fleet = waiting.setdefault(its, [])
        fleet.append(member)
        if len(fleet) >= size[its]:
            found.append(waiting.pop(its))
    return [*found, *waiting.values()]

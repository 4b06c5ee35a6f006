"""Groups machines into batches that are fitted together, fits them, and names them in the progress."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import TypeVar

from auscult.detectors import Config, Progress, detector_type
from auscult.detectors.crossfit import FleetDetector
from auscult.errors import AuscultError, MissingExtraError
from auscult.model.axes import joined
from auscult.model.fit_spec import InspectedFit
from auscult.model.fitting import fit_models
from auscult.model.model import Model
from auscult.runtime.parallel import parallel_map, worker_count

T = TypeVar("T")

#: Networks that train together on a CPU. Beyond four, a training step is hardly cheaper per network, and the
#: log-mels of all their machines are held in memory.
NETWORKS_ON_CPU = 4
#: Machines that train together on a GPU: larger batches use it better, but the log-mels of all machines,
#: about 160 MB for a thousand clips of 10 s, are held in memory.
MACHINES_ON_GPU = 50


def max_batch(detector: str, config: Config, *, detectors: int) -> int:
    """The largest number of machines to fit together. It depends on the device, which is that of a worker if
    there are workers.

    Args:
        detector: a name from the table of detectors.
        config: the detector's configuration.
        detectors: number of detectors fitted for one machine, fold models included.

    Raises:
        OptionError: the device that the configuration names is not available.
    """
    kind = detector_type(detector)
    together = issubclass(kind, FleetDetector) and kind.trains_together
    if not together or kind.uses_other_machines(config):
        return 1
    (device,) = parallel_map(_device_type, [getattr(config, "device", "cpu")])
    return max(1, NETWORKS_ON_CPU // detectors) if device == "cpu" else MACHINES_ON_GPU


def _device_type(name: str) -> str:
    from auscult.detectors.training.training import choose_device

    return choose_device(name).type


def batch_key(config: Config) -> str:
    """A key that is equal for configurations that can train together: those that differ only in the seed."""
    return repr(replace(config, seed=0))


def batches(
    items: Sequence[T], *, key: Callable[[T], Hashable], max_size: Callable[[T], int]
) -> list[list[T]]:
    """Groups items with equal keys into batches, in the order in which the batches fill up.

    Args:
        items: what to group.
        key: returns the key of an item.
        max_size: returns the largest batch size for an item, the same for all items with one key. If there
            are few items, batches are smaller, so that each worker gets about the same number.
    """
    keys = [key(item) for item in items]
    counts = Counter(keys)
    sizes = {
        item_key: min(max_size(item), math.ceil(counts[item_key] / worker_count()))
        for item_key, item in dict(zip(keys, items, strict=True)).items()
    }
    full: list[list[T]] = []
    open_batches: dict[Hashable, list[T]] = {}
    for item_key, item in zip(keys, items, strict=True):
        batch = open_batches.setdefault(item_key, [])
        batch.append(item)
        if len(batch) >= sizes[item_key]:
            full.append(open_batches.pop(item_key))
    return [*full, *open_batches.values()]


def fit_batch(
    jobs: Sequence[tuple[str, Callable[[Progress | None], list[InspectedFit]]]], progress: Progress | None
) -> list[tuple[list[InspectedFit], Model] | AuscultError]:
    """Read the recordings of several machines and fit their models together.

    Args:
        jobs: name of each machine, and a function that reads its recordings, called with the progress.
        progress: called with the stages of `auscult.fit`, preceded by the machines.

    Returns:
        For each machine, in order, its inspected recordings and its model, or the error that prevented it.
    """
    results: dict[int, tuple[list[InspectedFit], Model] | AuscultError] = {}
    inspected: dict[int, list[InspectedFit]] = {}
    for index, (name, inspect) in enumerate(jobs):
        try:
            inspected[index] = inspect(naming_machines(progress, [name]))
        except AuscultError as error:
            results[index] = error
    outcomes: Iterator[Model | AuscultError] = iter(())
    if inspected:
        of_batch = naming_machines(progress, (jobs[index][0] for index in inspected))
        fits = [fit for of_machine in inspected.values() for fit in of_machine]
        try:
            outcomes = iter(fit_models(fits, of_batch))
        except MissingExtraError as error:
            outcomes = repeat(error)
    for index, of_machine in inspected.items():
        model = joined([next(outcomes) for _ in of_machine], of_machine[0].inspection.channel_names)
        results[index] = (of_machine, model) if isinstance(model, Model) else model
    return [results[index] for index in range(len(jobs))]


def naming_machines(progress: Progress | None, machines: Iterable[str]) -> Progress | None:
    """The progress with the machines before the name of the stage: ``fan: score``, ``fan and 2 more: train``.

    Args:
        progress: the callback to wrap.
        machines: the machines that the stage is about; a repeated name counts once.
    """
    if progress is None:
        return None
    report = progress
    first, *others = dict.fromkeys(machines)
    prefix = f"{first} and {len(others)} more" if others else first

    def report_with_machines(stage: str, done: int, total: int, figures: Mapping[str, float]) -> None:
        report(f"{prefix}: {stage}", done, total, figures)

    return report_with_machines

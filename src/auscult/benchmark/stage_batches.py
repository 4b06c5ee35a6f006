"""Runs the stages of a benchmark that are not finished, in batches of fits that can be trained together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.expected_time import PlannedFit, expected_seconds
from auscult.benchmark.machine import Machines
from auscult.benchmark.stage import Stage, StageResult, run_stages
from auscult.benchmark.unexpected import describe_unexpected
from auscult.detectors import Config, Progress
from auscult.errors import AuscultError, FitError, OptionError
from auscult.model.batching import batch_key, batches, max_batch
from auscult.runtime.parallel import parallel_map, worker_count

#: Number of training clips, over all fits, from which the time is estimated.
_WORTH_ESTIMATING = 1000


@dataclass(frozen=True)
class StageSpec:
    """A stage identified by names alone, so that it can be sent to a worker."""

    machine: str
    choice: DetectorChoice
    seed: int

    def stage(self, machines: Machines, output: Path, settings: Mapping[str, Any]) -> Stage:
        """The stage with its folder and its machine's data."""
        folder = output / "stages" / self.machine / self.choice.folder / f"seed{self.seed}"
        applicable = self.choice.applicable_settings(settings)
        return Stage(folder, machines[self.machine], self.choice, self.seed, applicable)

    def describe(self, error: Exception) -> str:
        """Why the stage failed; for an error that auscult does not raise itself also where."""
        if isinstance(error, AuscultError):
            return str(error)
        return describe_unexpected(error, self.choice.detector_class.__module__.partition(".")[0])


def run_unfinished(
    machines: Machines,
    output: Path,
    settings: Mapping[str, Any],
    specs: Sequence[StageSpec],
    progress: Progress | None,
    announce: Callable[[float, int, int], None] | None,
) -> dict[StageSpec, AuscultError | None]:
    """Runs every stage that is not finished.

    Returns:
        For each stage the error that prevented it, or ``None``.

    Raises:
        OptionError: a setting with an invalid value.
    """
    errors: dict[StageSpec, AuscultError | None] = {}
    configs: dict[StageSpec, Config] = {}  # of the unfinished stages
    for spec in specs:
        try:
            errors[spec] = None
            stage = spec.stage(machines, output, settings)
            if stage.saved_outcome() is None:
                configs[spec] = stage.config()
        except AuscultError as error:
            errors[spec] = error
    fits = [PlannedFit(s.stage(machines, output, settings), config) for s, config in configs.items()]
    if announce is not None and sum(len(fit.machine.train) for fit in fits) >= _WORTH_ESTIMATING:
        announce(expected_seconds(fits, progress), len(fits), len({spec.machine for spec in specs}))
    stage_batches = batches(
        list(configs),
        key=lambda spec: (spec.choice, batch_key(configs[spec])),
        max_size=lambda spec: max_batch(spec.choice.detector, configs[spec], detectors=1),
    )
    finished = len(specs) - len(configs)
    batch_progress = progress if worker_count() == 1 else None  # workers cannot call it
    run_batch = partial(_run_batch, machines, output, settings, batch_progress, len(specs))
    finished_before = accumulate(map(len, stage_batches), initial=finished)
    jobs = zip(stage_batches, finished_before, strict=False)
    for batch, batch_errors in zip(stage_batches, parallel_map(run_batch, jobs), strict=True):
        errors |= zip(batch, batch_errors, strict=True)
        finished += len(batch)
        if progress and not batch_progress:
            progress("stages", finished, len(specs), {})
    for stage_error in errors.values():
        if isinstance(stage_error, OptionError):
            raise stage_error
    return errors


def _run_batch(
    machines: Machines,
    output: Path,
    settings: Mapping[str, Any],
    progress: Progress | None,
    total: int,
    job: tuple[Sequence[StageSpec], int],
) -> list[AuscultError | None]:
    """Runs a batch of stages together; their results are on disk.

    Args:
        machines: the machines of the benchmark.
        output: folder of the benchmark.
        settings: settings of the benchmark.
        progress: called with the progress.
        total: number of all stages of the benchmark.
        job: the stages of the batch, and the number of stages that are finished before it.

    Returns:
        For each stage the error that prevented it, or ``None``.
    """
    specs, finished_before = job
    first = specs[0]
    machines.clear_cache_except({spec.machine for spec in specs})
    if progress:
        more = f" and {len(specs) - 1} more" if specs[1:] else ""
        name = f"{first.machine} {first.choice.name} seed {first.seed}{more}"
        progress(name, finished_before, total, {})
    try:
        outcomes = run_stages([spec.stage(machines, output, settings) for spec in specs], progress)
    except AuscultError:  # not about one stage, since those are among the outcomes
        raise
    except Exception as error:  # of a library, or a programming error in a detector
        if len(specs) > 1:  # the other machines of the batch may succeed
            jobs = (((spec,), finished_before + i) for i, spec in enumerate(specs))
            return [_run_batch(machines, output, settings, progress, total, job)[0] for job in jobs]
        outcomes = [FitError(first.describe(error))]
    return [None if isinstance(outcome, StageResult) else outcome for outcome in outcomes]

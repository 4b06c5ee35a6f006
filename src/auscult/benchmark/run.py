"""Runs a benchmark: all its stages, then the results of all systems with their scores and models."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from auscult.benchmark.baseline import choose_baseline
from auscult.benchmark.detector_choices import DetectorChoice, choose_detectors
from auscult.benchmark.differences import Comparison
from auscult.benchmark.expected_time import PlannedFit, expected_seconds
from auscult.benchmark.external_scores import (
    ScoreFolders,
    check_system_names,
    folders_by_seed,
    read_external_scores,
)
from auscult.benchmark.grouping import sources_of_test_clips
from auscult.benchmark.machine import MachineData, Machines, total_seconds
from auscult.benchmark.ranking import FitCost, costs, ranking
from auscult.benchmark.repeated_notes import one_line_each
from auscult.benchmark.result import BenchResult
from auscult.benchmark.stage import Stage, StageResult, run_stages
from auscult.benchmark.unexpected import describe_unexpected
from auscult.corpus import machine_folders
from auscult.corpus.files import FolderReport, audio_files, describe_other_files
from auscult.corpus.machine_search import find_machines, has_conditions
from auscult.dcase.published import PUBLISHED_MACHINES, describe_source, published_systems
from auscult.detectors import Config, Progress
from auscult.errors import AuscultError, CorpusError, EvaluationError, FitError, OptionError
from auscult.model.batching import batch_key, batches, max_batch
from auscult.runtime.parallel import parallel_map, worker_count
from auscult.runtime.versions import package_versions

#: What a warning about a threshold concerns, and what to do.
_ONLY_DECISIONS = (
    "Only decision_result_*.csv depend on this, not the metrics: for decisions at an accepted false-alarm "
    "rate, use auscult fit and auscult score"
)
#: Number of training clips, over all fits, from which the time is estimated.
_WORTH_ESTIMATING = 1000
#: Matches paths of DCASE 2024 data. Names of machines do not suffice: those of 2023 and 2025 are the same.
_DCASE_2024 = re.compile(r"dcase[^/\\]*2024", re.IGNORECASE)


def run_bench(
    root: str | os.PathLike[str],
    *,
    detectors: Sequence[str],
    seeds: Sequence[int],
    output: str | os.PathLike[str],
    machines: Sequence[str] | None = None,
    alone: bool = False,
    score_folders: Mapping[str, ScoreFolders] | None = None,
    settings: Mapping[str, Any] | None = None,
    channel: int = 0,
    group_by: Sequence[str] | None = None,
    baseline: str | None = None,
    published: str | None = None,
    progress: Progress | None = None,
    announce: Callable[[float, int], None] | None = None,
    started: Callable[[], None] | None = None,
) -> BenchResult:
    """Fits and scores every detector on every machine with every seed, and compares them.

    A stage is one detector, one machine and one seed. Finished stages are not run again; a stage that fails
    is listed and the others go on. Detectors that support it are trained together over machines and seeds.
    Within `auscult.runtime.parallel.workers` the stages are distributed over the workers, which write the
    files of their stages themselves.

    Args:
        root: a DCASE data root or any folder of machine folders.
        detectors: names of detectors. A name selects all presets of the detector, ``name@preset`` one of
            them, ``name[key=value]`` one with settings of its own, and ``all`` every detector that can be
            fitted with these settings, with its default preset.
        seeds: seeds; one fit each.
        output: folder for ``results.csv``, ``results.json``, ``scores/<detector>/<score>/seed<k>/`` and
            ``stages/<machine>/<detector>/seed<k>/``.
        machines: names of the machines to benchmark; ``None`` means all.
        alone: do not fit any detector on other machines. By default, detectors that learn how machines differ
            use the training clips of all other machines in ``root``, including those not in ``machines``.
        score_folders: other systems to add to the table: name to the folder of its score files, or to
            several folders or a pattern that matches several, one for each seed (see `folders_by_seed`).
        settings: options for all detectors that have them; ``detector.option`` is for that detector alone.
        channel: channel to read from files with several channels.
        group_by: attributes; training clips with equal values were cut from one recording, and stay in the
            same fold. Empty if all clips are independent. By default, clips are grouped as by `auscult.fit`.
        baseline: the system that the others are compared with, as `choose_baseline` takes it.
        published: published systems to be added to the table, as `published_systems` takes them. By default
            those of 2024, if the path of ``root`` shows that it is the data of that year.
        progress: called with the progress; the name of a stage is ``machine detector seed <k>``.
        announce: called before the first fit with the expected time in seconds and the number of fits, unless
            the benchmark is so small that measuring would take a notable part of it.
        started: called when the arguments are checked and ``output`` exists, before the first fit.

    Raises:
        CorpusError: no machines, or a named machine does not exist.
        OptionError: no or an unknown detector, a setting that no detector has, a missing option that a named
            detector requires, a baseline that is not run, or another system with the name of a detector.
    """
    root = os.path.abspath(root)  # workers may have another working directory
    output = Path(os.path.abspath(output))
    settings = dict(settings or {})
    unlisted = FolderReport()
    folders = machine_folders(root, report=unlisted)
    if not folders:
        unlisted.check_listed()
    names = _select_machines(root, folders, machines)
    choices, notes = choose_detectors(detectors, settings)
    if published is None and set(names) <= set(PUBLISHED_MACHINES) and _DCASE_2024.search(root):
        published = "2024"
    published_rows = [] if published is None else published_systems(published, names)
    check_system_names(score_folders or ())
    external = {system: folders_by_seed(given) for system, given in (score_folders or {}).items()}
    compared_with = choose_baseline(baseline, choices, settings, list(score_folders or ()))
    bench = BenchResult(output, notes=notes, baseline=compared_with)
    if machines is None:
        _report_other_folders(bench, root, folders)
    _make_folder(output)
    if started is not None:
        started()
    bench.simulated = [
        name for name in names if os.path.isfile(os.path.join(folders[name], "simulation.json"))
    ]
    if bench.simulated:
        bench.note(f"Simulated recordings, not of real machines: {', '.join(bench.simulated)}.")
    shared = not alone and any(choice.uses_other_machines(settings) for choice in choices)
    machine_data = _open_machines(
        bench,
        {name: folders[name] for name in (folders if shared else names)},
        names,
        channel,
        shared,
        group_by,
    )
    names = [name for name in names if name in machine_data.folders]
    specs = [_StageSpec(machine, choice, seed) for machine in names for choice in choices for seed in seeds]
    errors = _run_unfinished(machine_data, output, settings, specs, progress, announce)
    fit_costs: dict[str, list[FitCost]] = {}
    for spec in specs:
        try:
            if (error := errors[spec]) is not None:
                raise error
            stage = spec.stage(machine_data, output, settings)
            outcome = stage.saved_outcome()
            if not isinstance(outcome, StageResult):
                raise outcome or FitError(f"{stage.folder}: the results were removed")
            fit_costs.setdefault(spec.choice.name, []).append(_add_result(bench, stage, outcome))
        except Exception as error:  # also a programming error in a detector; the others are finished
            failed_stage = {"machine": spec.machine, "detector": spec.choice.name, "seed": spec.seed}
            bench.failures.append({**failed_stage, "error": spec.describe(error)})
    for name in names:
        for system, by_seed in external.items():
            for seed, scores_folder in by_seed.items():
                _add_external_scores(bench, machine_data[name], (system, "", seed), scores_folder)
    bench.notes += one_line_each(bench.repeated_notes)
    comparison = Comparison(bench.scored)
    bench.means, bench.differences = comparison.means(), comparison.differences(bench.baseline)
    decisive = {f"{c.name}:{c.detector_class(c.config(settings)).decisive_score}" for c in choices}
    bench.ranking = ranking(
        bench.results, bench.differences, decisive | set(score_folders or ()), bench.means
    )
    bench.costs = costs(fit_costs, {choice.name: choice.needs(settings) for choice in choices})
    if published is not None:
        bench.results += [row for row in published_rows if row.machine in names]
        source = describe_source(published)
        bench.note(f"The systems 'published …' are from {source}; they were not run here.")
    bench.write(
        {
            "root": root,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": {
                "cores": os.cpu_count(),
                "processor": platform.machine(),
                "system": platform.system(),
            },
            "versions": dict(package_versions()),
            "detectors": [choice.name for choice in choices],
            "seeds": list(seeds),
            "settings": {k: str(v) for k, v in settings.items()},
            "alone": alone,
            "group_by": None if group_by is None else list(group_by),
            "published": None if published is None else describe_source(published),
        }
    )
    return bench


def _make_folder(output: Path) -> None:
    """Create the results folder; that it cannot be written to is known before anything is fitted."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"{output}: the results folder cannot be created: {error.strerror}") from error
    if not os.access(output, os.W_OK):
        raise OptionError(f"{output}: the results folder is not writable; choose another one")


def _select_machines(
    root: str | os.PathLike[str], folders: Mapping[str, str], machines: Sequence[str] | None
) -> list[str]:
    """Names of the machines to benchmark; raises `CorpusError` if there are none or one does not exist."""
    if not folders:
        plain = find_machines(os.fspath(root)).folders if os.path.isdir(root) else {}
        unsplit = [folder for folder in plain.values() if has_conditions(folder)]
        hint = f". {_unsplit(unsplit[0])}" if unsplit else ""
        raise CorpusError(root, f"no machine folders (with train/ and test/) in it or below it{hint}")
    unknown = [name for name in machines or () if name not in folders]
    if unknown:
        raise CorpusError(root, f"no machine {unknown[0]!r}; the machines are {', '.join(folders)}")
    return list(machines or folders)


def _unsplit(folder: str) -> str:
    return (
        f"{folder} has folders for conditions, but it is not known which normal recordings to learn: "
        "put these into train/, and the other normal and all anomalous recordings, in their folders, into "
        "test/; or use auscult fit and auscult evaluate"
    )


def _report_other_folders(bench: BenchResult, root: str, folders: Mapping[str, str]) -> None:
    """Report machines without recordings or a split, and recordings that belong to no machine."""
    search = find_machines(root)
    errors = {name: f"{folder}: no recordings" for name, folder in search.empty.items()}
    errors |= {os.path.basename(folder): str(error) for folder, error in search.unlisted.items()}
    for name, folder in search.folders.items():
        if name in folders:
            continue
        report = FolderReport()
        number = len(audio_files(folder, report=report))
        if report.unlisted:
            errors[name] = str(report.errors()[0])
        elif has_conditions(folder):
            errors[name] = _unsplit(folder)
        else:
            search.ignored[folder] = number
    for name, error in errors.items():
        if os.path.realpath(search.empty.get(name, root)) != os.path.realpath(bench.output):
            bench.failures.append({"machine": name, "detector": "", "seed": "", "error": error})
    for folder, number in search.ignored.items():
        bench.note(f"{folder}: recordings without train/ and test/ are not used: {number:,}")
    for message in search.describe_other_files(os.fspath(bench.output)):
        bench.note(message)


@dataclass(frozen=True)
class _StageSpec:
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


def _open_machines(
    bench: BenchResult,
    folders: Mapping[str, str],
    names: Sequence[str],
    channel: int,
    shared: bool,
    group_by: Sequence[str] | None,
) -> Machines:
    """The machines whose folders can be opened, those to benchmark first.

    A machine in ``names`` that cannot be opened becomes a failure of the benchmark.
    """
    usable: dict[str, str] = {}
    for name in sorted(folders, key=lambda name: names.index(name) if name in names else len(names)):
        try:
            opened = MachineData(name, folders[name], channel, group_by=group_by)
            usable[name] = folders[name]
            of_user = name in names and name not in bench.simulated  # the simulation writes fault masks
            if of_user and (others := describe_other_files(opened.other_files, "read")):
                bench.note(f"{name}: {others}")
        except (CorpusError, OptionError) as error:  # an attribute for grouping is missing
            if name in names:
                bench.failures.append({"machine": name, "detector": "", "seed": "", "error": str(error)})
            else:
                bench.note(f"{name}: its recordings were not used for the other machines: {error}")
    return Machines(usable, channel=channel, shared=shared, group_by=group_by)


def _run_unfinished(
    machines: Machines,
    output: Path,
    settings: Mapping[str, Any],
    specs: Sequence[_StageSpec],
    progress: Progress | None,
    announce: Callable[[float, int], None] | None,
) -> dict[_StageSpec, AuscultError | None]:
    """Runs every stage that is not finished.

    Returns:
        For each stage the error that prevented it, or ``None``.

    Raises:
        OptionError: a setting with an invalid value.
    """
    errors: dict[_StageSpec, AuscultError | None] = {}
    configs: dict[_StageSpec, Config] = {}  # of the unfinished stages
    for spec in specs:
        try:
            errors[spec] = None
            stage = spec.stage(machines, output, settings)
            if stage.saved_outcome() is None:
                configs[spec] = stage.config()
        except AuscultError as error:
            errors[spec] = error
    fits = [PlannedFit(machines[s.machine], s.choice.detector, config) for s, config in configs.items()]
    if announce is not None and sum(len(fit.machine.train) for fit in fits) >= _WORTH_ESTIMATING:
        announce(expected_seconds(fits), len(fits))
    stage_batches = batches(
        list(configs),
        key=lambda spec: (spec.choice, batch_key(configs[spec])),
        max_size=lambda spec: max_batch(spec.choice.detector, configs[spec], networks=1),
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
    job: tuple[Sequence[_StageSpec], int],
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


def _add_result(bench: BenchResult, stage: Stage, result: StageResult) -> FitCost:
    """Adds the result of a stage to the benchmark and returns what the stage cost."""
    machine, detector = stage.machine.name, stage.choice.name
    bench.names[machine], bench.digests[machine] = stage.machine.test_names, stage.machine.test_digests
    if machine not in bench.sources:
        front_end = stage.choice.detector_class.front_ends(stage.config())[0]
        path = bench.output / "recordings" / f"{machine}.json"
        bench.sources[machine] = sources_of_test_clips(stage.machine, front_end, path)
    for error in result.errors:
        bench.note(f"{machine}: left out {error['path']}: {error['error']}")
    bench.contents.setdefault(machine, result.content)
    sensor = bench.sensor.setdefault(machine, result.sensor)
    for note in [*result.notes, *result.content.remarks(result.clips), *sensor.remarks()]:
        bench.note(f"{machine}: {note}")
    for warning in result.warnings:
        bench.repeated_notes.append((f"{machine} {detector} seed {stage.seed}", warning))
    for score, threshold in result.thresholds.items():
        if threshold.warning:
            system = {"machine": machine, "detector": detector, "score": score, "seed": stage.seed}
            bench.threshold_warnings.append({**system, "warning": threshold.warning})
            bench.repeated_notes.append(
                (f"{machine} {detector}:{score} seed {stage.seed}", f"{threshold.warning}. {_ONLY_DECISIONS}")
            )
    seconds = (result.fit_seconds, result.score_seconds)
    for score, values in result.scores.items():
        bench.add(
            machine, (detector, score, stage.seed), result.clips, values, result.thresholds[score], seconds
        )
    size = (stage.folder / "model.auscult").stat().st_size
    return FitCost(*seconds, len(result.clips), total_seconds(result.clips), size)


def _add_external_scores(
    bench: BenchResult, machine: MachineData, system: tuple[str, str, int], folder: Path
) -> None:
    """Adds another system's score files of one machine and seed to the benchmark."""
    name, _, seed = system
    try:
        external = read_external_scores(folder, machine.name, machine.test, machine.test_names)
    except EvaluationError as error:
        bench.failures.append({"machine": machine.name, "detector": name, "seed": seed, "error": str(error)})
        return
    bench.names[machine.name], bench.digests[machine.name] = machine.test_names, machine.test_digests
    bench.add(machine.name, system, external.clips, external.scores)

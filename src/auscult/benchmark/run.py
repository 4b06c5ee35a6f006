"""Runs a benchmark: all its stages, then the results of all systems with their scores and models."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from auscult.benchmark.baseline import choose_baseline
from auscult.benchmark.collect import add_external_scores, add_result
from auscult.benchmark.decisions import ThresholdRule
from auscult.benchmark.detector_choices import choose_detectors
from auscult.benchmark.differences import Comparison
from auscult.benchmark.external_scores import ScoreFolders, check_system_names, folders_by_seed
from auscult.benchmark.machine_selection import (
    check_root,
    open_machines,
    report_other_folders,
    select_machines,
)
from auscult.benchmark.ranking import FitCost, costs, ranking
from auscult.benchmark.repeated_notes import one_line_each
from auscult.benchmark.result import BenchResult
from auscult.benchmark.stage import StageResult
from auscult.benchmark.stage_batches import StageSpec, run_unfinished
from auscult.corpus import machine_folders
from auscult.corpus.files import FolderReport
from auscult.corpus.folders import check_patterns
from auscult.dcase.published import PUBLISHED_MACHINES, describe_source, published_systems
from auscult.detectors import Progress
from auscult.errors import FitError, OptionError
from auscult.runtime.versions import package_versions

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
    conditions: Mapping[str, str] | None = None,
    baseline: str | None = None,
    published: str | None = None,
    threshold_method: str = "gamma_scipy",
    false_alarms: float | None = None,
    progress: Progress | None = None,
    announce: Callable[[float, int, int], None] | None = None,
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
        conditions: what recordings are whose names do not say it, by pattern; as for `auscult.open_corpus`.
        baseline: the system that the others are compared with, as `choose_baseline` takes it.
        published: published systems to be added to the table, as `published_systems` takes them. By default
            those of 2024, if the path of ``root`` shows that it is the data of that year.
        threshold_method: how the thresholds for the decisions are computed, as in `ThresholdRule`. Changing
            it fits nothing again.
        false_alarms: accepted false-alarm rate of the thresholds; ``None`` for the default of the method.
        progress: called with the progress; the name of a stage is ``machine detector seed <k>``.
        announce: called before the first fit with the expected time in seconds and the numbers of fits and
            of machines, unless the benchmark is so small that measuring would take a notable part of it.
        started: called when the arguments are checked and ``output`` exists, before the first fit.

    Raises:
        CorpusError: no such folder, no machines, or a named machine does not exist.
        OptionError: no or an unknown detector, a setting that no detector has, a missing option that a named
            detector requires, a baseline that is not run, another system with the name of a detector, an
            unknown threshold method, or a pattern of ``conditions`` that no recording matches.
    """
    root = os.path.abspath(root)  # workers may have another working directory
    check_root(root)
    output = Path(os.path.abspath(output))
    settings = dict(settings or {})
    rule = ThresholdRule(threshold_method, false_alarms)
    unlisted = FolderReport()
    folders = machine_folders(root, report=unlisted)
    if not folders:
        unlisted.check_listed()
    names = select_machines(root, folders, machines)
    choices, notes = choose_detectors(detectors, settings)
    if published is None and set(names) <= set(PUBLISHED_MACHINES) and _DCASE_2024.search(root):
        published = "2024"
    published_rows = [] if published is None else published_systems(published, names)
    check_system_names(score_folders or ())
    external = {system: folders_by_seed(given) for system, given in (score_folders or {}).items()}
    compared_with = choose_baseline(baseline, choices, settings, list(score_folders or ()))
    stated = dict(conditions or {})
    if stated:
        check_patterns(folders.values(), stated)
    bench = BenchResult(output, notes=notes, baseline=compared_with)
    if machines is None:
        report_other_folders(bench, root, folders)
    _make_folder(output)
    if started is not None:
        started()
    bench.simulated = [
        name for name in names if os.path.isfile(os.path.join(folders[name], "simulation.json"))
    ]
    if bench.simulated:
        bench.note(f"Simulated recordings, not of real machines: {', '.join(bench.simulated)}.")
    shared = not alone and any(choice.uses_other_machines(settings) for choice in choices)
    machine_data = open_machines(
        bench,
        {name: folders[name] for name in (folders if shared else names)},
        names,
        channel,
        shared,
        group_by,
        stated,
    )
    names = [name for name in names if name in machine_data.folders]
    specs = [StageSpec(machine, choice, seed) for machine in names for choice in choices for seed in seeds]
    errors = run_unfinished(machine_data, output, settings, specs, progress, announce)
    fit_costs: dict[str, list[FitCost]] = {}
    for spec in specs:
        try:
            if (error := errors[spec]) is not None:
                raise error
            stage = spec.stage(machine_data, output, settings)
            outcome = stage.saved_outcome()
            if not isinstance(outcome, StageResult):
                raise outcome or FitError(f"{stage.folder}: the results were removed")
            fit_costs.setdefault(spec.choice.name, []).append(add_result(bench, stage, outcome, rule))
        except Exception as error:  # also a programming error in a detector; the others are finished
            failed_stage = {"machine": spec.machine, "detector": spec.choice.name, "seed": spec.seed}
            bench.failures.append({**failed_stage, "error": spec.describe(error)})
    for name in names:
        for system, by_seed in external.items():
            for seed, scores_folder in by_seed.items():
                add_external_scores(bench, machine_data[name], (system, "", seed), scores_folder)
    bench.report_missing_metrics()
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
            "conditions": stated,
            "threshold_method": rule.method,
            "false_alarms": rule.rate,
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

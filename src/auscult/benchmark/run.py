"""The whole benchmark: stages, then one table of all systems, with everything that it rests on beside it."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from auscult.benchmark.differences import differences
from auscult.benchmark.entries import Entry, entries
from auscult.benchmark.machine import MachineData, seconds_of
from auscult.benchmark.others import read_other_scores
from auscult.benchmark.ranking import Fit, costs, ranking
from auscult.benchmark.result import BASELINE, BenchResult
from auscult.benchmark.stage import run_stage
from auscult.corpus import machine_folders
from auscult.detectors import Progress
from auscult.errors import AuscultError, CorpusError, EvaluationError, OptionError
from auscult.evaluation import PUBLISHED_MACHINES, published_results
from auscult.fitting import versions

#: Names of folders that hold the data of 2024; the machines of 2023 and 2025 have the same names.
_OF_2024 = re.compile(r"dcase[^/\\]*2024", re.IGNORECASE)


def run_bench(
    root: str | os.PathLike[str],
    *,
    detectors: Sequence[str],
    seeds: Sequence[int],
    output: str | os.PathLike[str],
    machines: Sequence[str] | None = None,
    alone: bool = False,
    score_folders: Mapping[str, str | os.PathLike[str]] | None = None,
    settings: Mapping[str, Any] | None = None,
    channel: int = 0,
    progress: Progress | None = None,
) -> BenchResult:
    """Fits and scores every detector on every machine with every seed, and compares them.

    Stages that are done are not done again; a stage that fails is listed and the rest goes on.

    Args:
        root: a DCASE data root or any folder of machine folders.
        detectors: names; each stands with all its presets, ``name@preset`` with that alone, and ``all`` for
            every detector of the table, as it comes, that can be fitted with these settings.
        seeds: one fit each.
        output: folder for ``results.csv``, ``results.json``, ``scores/<detector>/<score>/seed<k>/`` and
            ``stages/<machine>/<detector>/seed<k>/``.
        machines: only these; default all.
        alone: gives detectors that learn how machines differ no other machine to learn it from; else they
            have the training clips of all other machines of the root, also of those not asked for.
        score_folders: name to folder of another system's score files, for the same table.
        settings: options for all detectors that have them.
        progress: told what is being done; stage names are ``machine detector seed``.

    Raises:
        CorpusError: no machines, or none of the named ones.
        OptionError: an unknown detector, a setting that no detector has, or one that a named detector lacks.
    """
    output, settings = Path(output), dict(settings or {})
    folders = machine_folders(root)
    wanted = _choose(root, folders, machines)
    columns, notes = entries(detectors, settings)
    bench = BenchResult(output, notes=notes)
    output.mkdir(parents=True, exist_ok=True)
    bench.simulated = [m for m in wanted if os.path.isfile(os.path.join(folders[m], "simulation.json"))]
    if bench.simulated:
        bench.note(f"Simulated recordings, not of real machines: {', '.join(bench.simulated)}.")
    share = not alone and any(entry.learns_from_others(settings) for entry in columns)
    fleet = _fleet(bench, {name: folders[name] for name in (folders if share else wanted)}, wanted, channel)
    if share:
        for machine in fleet:
            machine.others = [other for other in fleet if other is not machine]
    fits: dict[str, list[Fit]] = {}
    jobs = [(m, e, seed) for m in fleet if m.name in wanted for e in columns for seed in seeds]
    for done, (machine, entry, seed) in enumerate(jobs):
        if progress:
            progress(f"{machine.name} {entry.name} seed {seed}", done, len(jobs), {})
        try:
            fits.setdefault(entry.name, []).append(_one(bench, machine, entry, seed, settings, progress))
        except OptionError:
            raise
        except AuscultError as error:
            bench.failures.append(
                {"machine": machine.name, "detector": entry.name, "seed": seed, "error": str(error)}
            )
        if not share and jobs[done + 1 : done + 2] and jobs[done + 1][0] is not machine:
            machine.forget()
    for machine in fleet:
        for system, scores in (score_folders or {}).items() if machine.name in wanted else ():
            _other(bench, machine, system, Path(scores))
    bench.differences = differences(bench.scored, BASELINE)
    decisive = {f"{e.name}:{e.kind(e.config(settings)).decisive_score}" for e in columns}
    bench.ranking = ranking(bench.results, bench.differences, decisive | set(score_folders or ()))
    bench.costs = costs(
        {name: its for name, its in fits.items() if its},
        {entry.name: entry.needs(settings) for entry in columns},
    )
    published = set(wanted) <= set(PUBLISHED_MACHINES) and bool(_OF_2024.search(os.path.abspath(root)))
    if published:
        bench.results += [row for row in published_results() if row.machine in wanted]
        bench.note("The columns 'published …' are Table 2 of the GammaVAE report, not run here.")
    bench.write(
        {
            "root": os.path.abspath(root),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": {
                "cores": os.cpu_count(),
                "processor": platform.machine(),
                "system": platform.system(),
            },
            "versions": dict(versions()),
            "detectors": [entry.name for entry in columns],
            "seeds": list(seeds),
            "settings": {k: str(v) for k, v in settings.items()},
            "alone": alone,
            "published": published,
        }
    )
    return bench


def _choose(
    root: str | os.PathLike[str], folders: Mapping[str, str], machines: Sequence[str] | None
) -> list[str]:
    """Names of the machines that are asked for."""
    if not folders:
        raise CorpusError(root, "no machine folders (with train/ and test/) in it or below it")
    unknown = [m for m in machines or () if m not in folders]
    if unknown:
        raise CorpusError(root, f"no machine {unknown[0]!r}; there are {', '.join(folders)}")
    return list(machines or folders)


def _fleet(
    bench: BenchResult, folders: Mapping[str, str], wanted: Sequence[str], channel: int
) -> list[MachineData]:
    """The machines that can be opened; those that cannot are failures where they were asked for."""

    def opened() -> Iterator[MachineData]:
        for name in sorted(folders, key=lambda m: wanted.index(m) if m in wanted else len(wanted)):
            try:
                yield MachineData(name, folders[name], channel)
            except CorpusError as error:
                if name in wanted:
                    bench.failures.append({"machine": name, "detector": "", "seed": "", "error": str(error)})

    return list(opened())


def _one(
    bench: BenchResult,
    machine: MachineData,
    entry: Entry,
    seed: int,
    settings: Mapping[str, Any],
    progress: Progress | None,
) -> Fit:
    """Does one stage and adds what came of it."""
    folder = bench.output / "stages" / machine.name / entry.name / f"seed{seed}"
    stage = run_stage(folder, machine, entry, seed, entry.settings(settings), progress)
    for error in stage.errors:
        bench.note(f"{machine.name}: left out {error['path']}: {error['error']}")
    for warning in stage.warnings:
        bench.note(f"{machine.name} {entry.name} seed {seed}: {warning}")
    for score, values in stage.scores.items():
        seconds = (stage.fit_seconds, stage.score_seconds)
        which = (entry.name, score, seed)
        bench.add(machine.name, which, stage.clips, values, stage.thresholds[score], seconds)
    size = (folder / "model.auscult").stat().st_size
    return Fit(stage.fit_seconds, stage.score_seconds, len(stage.clips), seconds_of(stage.clips), size)


def _other(bench: BenchResult, machine: MachineData, system: str, folder: Path) -> None:
    """Adds another program's score files."""
    try:
        other = read_other_scores(folder, machine.name, machine.test)
    except EvaluationError as error:
        bench.failures.append({"machine": machine.name, "detector": system, "seed": "", "error": str(error)})
        return
    bench.add(machine.name, (system, "", 0), other.clips, other.scores)

"""The whole benchmark: stages, then one table of all systems, with everything that it rests on beside it."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from auscult.benchmark.differences import differences
from auscult.benchmark.entries import Entry, entries
from auscult.benchmark.machine import MachineData, Machines, seconds_of
from auscult.benchmark.others import read_other_scores
from auscult.benchmark.ranking import Fit, costs, ranking
from auscult.benchmark.result import BASELINE, BenchResult
from auscult.benchmark.stage import Stage, Work, run_stages
from auscult.corpus import machine_folders
from auscult.dcase.published import PUBLISHED_MACHINES, published_results
from auscult.detectors import Config, Progress
from auscult.errors import AuscultError, CorpusError, EvaluationError, FitError, OptionError
from auscult.model.batching import alike, fleets, most_together
from auscult.model.fitting import versions
from auscult.runtime.parallel import each, worker_count

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

    Stages that are done are not done again; a stage that fails is listed and the rest goes on. Detectors that
    train together do so over machines and seeds. Within `auscult.runtime.parallel.workers` the stages are
    distributed over the workers, which write their files themselves.

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
    root, output = os.path.abspath(root), Path(os.path.abspath(output))  # workers may be elsewhere
    settings = dict(settings or {})
    folders = machine_folders(root)
    wanted = _choose(root, folders, machines)
    columns, notes = entries(detectors, settings)
    bench = BenchResult(output, notes=notes)
    output.mkdir(parents=True, exist_ok=True)
    bench.simulated = [m for m in wanted if os.path.isfile(os.path.join(folders[m], "simulation.json"))]
    if bench.simulated:
        bench.note(f"Simulated recordings, not of real machines: {', '.join(bench.simulated)}.")
    share = not alone and any(entry.learns_from_others(settings) for entry in columns)
    machines_of = _opened(
        bench, {m: folders[m] for m in (folders if share else wanted)}, wanted, channel, share
    )
    wanted = [name for name in wanted if name in machines_of.folders]
    works = [_Order(machine, entry, seed) for machine in wanted for entry in columns for seed in seeds]
    errors = _done(machines_of, output, settings, works, progress)
    fits: dict[str, list[Fit]] = {}
    for order in works:
        work = order.work(machines_of, output, settings)
        stage = errors[order] or work.left()
        if isinstance(stage, Stage):
            fits.setdefault(order.entry.name, []).append(_add(bench, work, stage))
        else:
            told = {"machine": order.machine, "detector": order.entry.name, "seed": order.seed}
            bench.failures.append({**told, "error": str(stage)})
    for name in wanted:
        for system, scores in (score_folders or {}).items():
            _other(bench, machines_of[name], system, Path(scores))
    bench.differences = differences(bench.scored, BASELINE)
    decisive = {f"{e.name}:{e.kind(e.config(settings)).decisive_score}" for e in columns}
    bench.ranking = ranking(bench.results, bench.differences, decisive | set(score_folders or ()))
    bench.costs = costs(
        {name: its for name, its in fits.items() if its},
        {entry.name: entry.needs(settings) for entry in columns},
    )
    published = set(wanted) <= set(PUBLISHED_MACHINES) and bool(_OF_2024.search(root))
    if published:
        bench.results += [row for row in published_results() if row.machine in wanted]
        bench.note("The columns 'published …' are Table 2 of the GammaVAE report, not run here.")
    bench.write(
        {
            "root": root,
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


@dataclass(frozen=True)
class _Order:
    """A stage by name, as it travels to who does it."""

    machine: str
    entry: Entry
    seed: int

    def work(self, machines: Machines, output: Path, settings: Mapping[str, Any]) -> Work:
        """What is to be done."""
        folder = output / "stages" / self.machine / self.entry.name / f"seed{self.seed}"
        return Work(folder, machines[self.machine], self.entry, self.seed, self.entry.settings(settings))


def _opened(
    bench: BenchResult, folders: Mapping[str, str], wanted: Sequence[str], channel: int, share: bool
) -> Machines:
    """The machines that can be opened; those that cannot are failures where they were asked for."""
    fine: dict[str, str] = {}
    for name in sorted(folders, key=lambda m: wanted.index(m) if m in wanted else len(wanted)):
        try:
            MachineData(name, folders[name], channel)
            fine[name] = folders[name]
        except CorpusError as error:
            if name in wanted:
                bench.failures.append({"machine": name, "detector": "", "seed": "", "error": str(error)})
    return Machines(fine, channel=channel, shared=share)


def _done(
    machines: Machines,
    output: Path,
    settings: Mapping[str, Any],
    orders: Sequence[_Order],
    progress: Progress | None,
) -> dict[_Order, AuscultError | None]:
    """Does every stage that is not done, and tells what prevented those that cannot be.

    Raises:
        OptionError: a setting that a detector does not take.
    """
    found: dict[_Order, AuscultError | None] = {}
    configs: dict[_Order, Config] = {}
    for order in orders:
        work = order.work(machines, output, settings)
        try:
            found[order] = None
            if work.left() is None:
                configs[order] = work.config()
        except FitError as error:
            found[order] = error
    together = fleets(
        list(configs),
        kind=lambda order: (order.entry, alike(configs[order])),
        most=lambda order: most_together(order.entry.detector, configs[order], networks=1),
    )
    inside = progress if worker_count() == 1 else None
    do = partial(_do, machines, output, settings, inside, len(orders) - len(configs), len(orders))
    ahead = zip(together, accumulate(map(len, together), initial=0), strict=False)
    done = len(orders) - len(configs)
    for fleet, outcomes in zip(together, each(do, ahead), strict=True):
        found |= zip(fleet, outcomes, strict=True)
        done += len(fleet)
        if progress and not inside:
            progress("stages", done, len(orders), {})
    for outcome in found.values():
        if isinstance(outcome, OptionError):
            raise outcome
    return found


def _do(
    machines: Machines,
    output: Path,
    settings: Mapping[str, Any],
    progress: Progress | None,
    before: int,
    total: int,
    fleet: tuple[Sequence[_Order], int],
) -> list[AuscultError | None]:
    """Does stages that are done together, after so many others; what they leave is on disk."""
    orders, ahead = fleet
    first = orders[0]
    machines.forget_all_but({order.machine for order in orders})
    if progress:
        more = f" and {len(orders) - 1} more" if orders[1:] else ""
        name = f"{first.machine} {first.entry.name} seed {first.seed}{more}"
        progress(name, before + ahead, total, {})
    stages = run_stages([order.work(machines, output, settings) for order in orders], progress)
    return [None if isinstance(stage, Stage) else stage for stage in stages]


def _add(bench: BenchResult, work: Work, stage: Stage) -> Fit:
    """Adds what came of a stage."""
    machine, entry, seed = work.machine, work.entry, work.seed
    for error in stage.errors:
        bench.note(f"{machine.name}: left out {error['path']}: {error['error']}")
    for warning in stage.warnings:
        bench.note(f"{machine.name} {entry.name} seed {seed}: {warning}")
    for score, values in stage.scores.items():
        seconds = (stage.fit_seconds, stage.score_seconds)
        which = (entry.name, score, seed)
        bench.add(machine.name, which, stage.clips, values, stage.thresholds[score], seconds)
    size = (work.folder / "model.auscult").stat().st_size
    return Fit(stage.fit_seconds, stage.score_seconds, len(stage.clips), seconds_of(stage.clips), size)


def _other(bench: BenchResult, machine: MachineData, system: str, folder: Path) -> None:
    """Adds another program's score files."""
    try:
        other = read_other_scores(folder, machine.name, machine.test)
    except EvaluationError as error:
        bench.failures.append({"machine": machine.name, "detector": system, "seed": "", "error": str(error)})
        return
    bench.add(machine.name, (system, "", 0), other.clips, other.scores)

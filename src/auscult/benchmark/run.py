"""The whole benchmark: stages, then one table of all systems, with everything that it rests on beside it."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from auscult.benchmark.differences import Difference, Scored, differences
from auscult.benchmark.others import read_other_scores
from auscult.benchmark.stage import Entry, MachineData, entries, run_stage
from auscult.corpus import Clip, machine_folders
from auscult.decision import Threshold
from auscult.detectors import Progress
from auscult.errors import AuscultError, CorpusError, EvaluationError, OptionError
from auscult.evaluation import (
    PUBLISHED_MACHINES,
    Result,
    evaluate_scores,
    labels_of,
    published_results,
    results_table,
    write_results,
    write_submission,
)
from auscult.files import write_atomically
from auscult.fitting import versions

BASELINE = "autoencoder:mse"
SCHEMA = 1
#: Names of folders that hold the data of 2024; the machines of 2023 and 2025 have the same names.
_OF_2024 = re.compile(r"dcase[^/\\]*2024", re.IGNORECASE)


@dataclass
class BenchResult:
    """What came of a benchmark.

    Attributes:
        output: the results folder.
        results: a row for each machine, section, system and seed.
        differences: every system against the autoencoder's MSE.
        failures: stages that failed, ``{"machine", "detector", "seed", "error"}``; the rest is done.
        notes: what the reader of the table should know.
        simulated: the machines that do not exist, by the notes that the simulation left in their folders.
        score_files: the files under ``scores/`` that belong to these results.
    """

    output: Path
    results: list[Result] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    simulated: list[str] = field(default_factory=list)
    score_files: list[Path] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The table, the differences from the baseline, and what went wrong, for a terminal."""
        parts = [results_table(self.results).to_text()] if self.results else ["no results\n"]
        overall = [d for d in self.differences if d.machine is None] or self.differences
        if overall:
            parts.append(
                f"Difference of harmonic mean from {BASELINE}, in points, with 95 % interval over clips:"
            )
            width = max(len(d.system) for d in overall) + 2
            parts += [
                f"  {d.system:<{width}}{100 * d.difference.value:+7.2f}   "
                f"[{100 * d.difference.low:+.2f}, {100 * d.difference.high:+.2f}]"
                for d in overall
                if d.difference.low is not None and d.difference.high is not None
            ]
        parts += self.notes
        parts += [
            f"failed: {f['machine']} {f['detector']} seed {f['seed']}: {f['error']}" for f in self.failures
        ]
        return "\n".join(parts)


def run_bench(
    root: str | os.PathLike[str],
    *,
    detectors: Sequence[str],
    seeds: Sequence[int],
    output: str | os.PathLike[str],
    machines: Sequence[str] | None = None,
    score_folders: Mapping[str, str | os.PathLike[str]] | None = None,
    settings: Mapping[str, Any] | None = None,
    channel: int = 0,
    progress: Progress | None = None,
) -> BenchResult:
    """Fits and scores every detector on every machine with every seed, and compares them.

    Stages that are done are not done again; a stage that fails is listed and the rest goes on.

    Args:
        root: a DCASE data root or any folder of machine folders.
        detectors: names; each stands with all its presets, ``name@preset`` with that alone.
        seeds: one fit each.
        output: folder for ``results.csv``, ``results.json``, ``scores/<detector>/<score>/seed<k>/`` and
            ``stages/<machine>/<detector>/seed<k>/``.
        machines: only these; default all.
        score_folders: name to folder of another system's score files, for the same table.
        settings: options for all detectors that have them.
        progress: told what is being done; stage names are ``machine detector seed``.

    Raises:
        CorpusError: no machines, or none of the named ones.
        OptionError: an unknown detector or setting.
    """
    output, settings = Path(output), dict(settings or {})
    folders = _choose(root, machines)
    columns = entries(detectors)
    bench = BenchResult(output)
    output.mkdir(parents=True, exist_ok=True)
    bench.simulated = [
        name for name, folder in folders.items() if os.path.isfile(os.path.join(folder, "simulation.json"))
    ]
    if bench.simulated:
        bench.notes.append(f"Simulated recordings, not of real machines: {', '.join(bench.simulated)}.")
    scored: dict[str, dict[int, dict[str, Scored]]] = {}
    jobs, done = len(folders) * len(columns) * len(seeds), 0
    for name, folder in folders.items():
        try:
            machine = MachineData(name, folder, channel)
        except CorpusError as error:
            bench.failures.append({"machine": name, "detector": "", "seed": "", "error": str(error)})
            done += len(columns) * len(seeds)
            continue
        for entry in columns:
            for seed in seeds:
                if progress:
                    progress(f"{name} {entry.name} seed {seed}", done, jobs, {})
                try:
                    _one(bench, scored, machine, entry, seed, settings, progress)
                except OptionError:
                    raise
                except AuscultError as error:
                    bench.failures.append(
                        {"machine": name, "detector": entry.name, "seed": seed, "error": str(error)}
                    )
                done += 1
        for system, scores in (score_folders or {}).items():
            _other(bench, scored, machine, system, Path(scores))
    bench.differences = differences(scored, BASELINE)
    published = set(folders) <= set(PUBLISHED_MACHINES) and bool(_OF_2024.search(os.path.abspath(root)))
    if published:
        bench.results += [row for row in published_results() if row.machine in folders]
        bench.notes.append("The columns 'published …' are Table 2 of the GammaVAE report, not run here.")
    _drop_stale(bench)
    _write(bench, columns, seeds, root, settings, published)
    return bench


def _choose(root: str | os.PathLike[str], machines: Sequence[str] | None) -> dict[str, str]:
    folders = machine_folders(root)
    if not folders:
        raise CorpusError(root, "no machine folders (with train/ and test/) in it or below it")
    unknown = [m for m in machines or () if m not in folders]
    if unknown:
        raise CorpusError(root, f"no machine {unknown[0]!r}; there are {', '.join(folders)}")
    return {m: folders[m] for m in machines} if machines else folders


def _one(
    bench: BenchResult,
    scored: dict[str, dict[int, dict[str, Scored]]],
    machine: MachineData,
    entry: Entry,
    seed: int,
    settings: Mapping[str, Any],
    progress: Progress | None,
) -> None:
    folder = bench.output / "stages" / machine.name / entry.name / f"seed{seed}"
    stage = run_stage(folder, machine, entry, seed, settings, progress)
    for error in stage.errors:
        bench.notes.append(f"{machine.name}: left out {error['path']}: {error['error']}")
    bench.notes += [f"{machine.name} {entry.name} seed {seed}: {w}" for w in stage.warnings]
    for score, values in stage.scores.items():
        seconds = (stage.fit_seconds, stage.score_seconds)
        threshold = stage.thresholds[score]
        _add(bench, scored, machine.name, (entry.name, score, seed), stage.clips, values, threshold, seconds)


def _other(
    bench: BenchResult,
    scored: dict[str, dict[int, dict[str, Scored]]],
    machine: MachineData,
    system: str,
    folder: Path,
) -> None:
    try:
        other = read_other_scores(folder, machine.name, machine.test)
    except EvaluationError as error:
        bench.failures.append({"machine": machine.name, "detector": system, "seed": "", "error": str(error)})
        return
    _add(bench, scored, machine.name, (system, "", 0), other.clips, other.scores, None, (None, None))


def _add(
    bench: BenchResult,
    scored: dict[str, dict[int, dict[str, Scored]]],
    machine: str,
    which: tuple[str, str, int],
    clips: Sequence[Clip],
    scores: np.ndarray,
    threshold: Threshold | None,
    seconds: tuple[float | None, float | None],
) -> None:
    """Adds one system's scores of one machine: a result and score files for each section."""
    detector, score, seed = which
    system = f"{detector}:{score}" if score else detector
    for section in dict.fromkeys(clip.section for clip in clips):
        members = np.array([clip.section == section for clip in clips])
        part, values = [c for c in clips if c.section == section], scores[members]
        if score:
            limit = threshold.value if threshold else None
            bench.score_files += write_submission(
                bench.output / "scores" / detector / score / f"seed{seed}",
                machine,
                section or "00",
                [os.path.basename(c.path) for c in part],
                values,
                None if limit is None else values > limit,
            )
        try:
            metrics = evaluate_scores(part, values, resamples=0).overall
        except EvaluationError as error:  # no labels, or of one kind alone: the scores are kept all the same
            note = f"{machine} section {section}: scores but no metrics: {error}"
            if note not in bench.notes:
                bench.notes.append(note)
            continue
        labels = labels_of(part)
        by_machine = scored.setdefault(system, {}).setdefault(seed, {})
        by_machine[machine] = [*by_machine.get(machine, []), (labels, values)]
        bench.results.append(
            Result(
                machine,
                section or "",
                detector,
                score,
                seed,
                metrics.auc_source.value if metrics.auc_source else None,
                metrics.auc_target.value if metrics.auc_target else None,
                metrics.pauc.value,
                metrics.harmonic_mean.value,
                None if seconds[0] is None else round(seconds[0], 3),
                None if seconds[1] is None else round(seconds[1], 3),
            )
        )


def _drop_stale(bench: BenchResult) -> None:
    """Removes score files of an earlier run beside those of this one, which a submission would mix."""
    for folder in {path.parent for path in bench.score_files}:
        for path in set(folder.glob("*_test.csv")).difference(bench.score_files):
            path.unlink()


def _write(
    bench: BenchResult,
    columns: Sequence[Entry],
    seeds: Sequence[int],
    root: str | os.PathLike[str],
    settings: Mapping[str, Any],
    published: bool,
) -> None:
    write_results(bench.output / "results.csv", bench.results)
    told = {
        "schema": SCHEMA,
        "root": os.path.abspath(root),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "system": platform.system()},
        "versions": dict(versions()),
        "detectors": [entry.name for entry in columns],
        "systems": list(dict.fromkeys(result.column for result in bench.results)),
        "seeds": list(seeds),
        "settings": {k: str(v) for k, v in settings.items()},
        "published": published,
        "simulated": bench.simulated,
        "differences": [d.to_json() for d in bench.differences],
        "failures": bench.failures,
        "notes": bench.notes,
    }
    write_atomically(bench.output / "results.json", json.dumps(told, indent=1).encode())

"""Reads the results folder of a benchmark for the report."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from auscult.corpus import Clip
from auscult.decision import Threshold
from auscult.detectors.names import name_of_folder
from auscult.errors import EvaluationError
from auscult.evaluation import Result, Table, read_results, results_table
from auscult.evaluation.results_table import METRICS
from auscult.model import Model


@dataclass(frozen=True)
class StageData:
    """One fitted detector on one machine with one seed.

    Attributes:
        machine: the name of the machine.
        detector: the name of the detector, with its preset if that is not the default: ``gamma_vae@report``.
        seed: the random seed.
        folder: the folder with the files of the stage.
        clips: the N test clips.
        scores: score name to (N,) values.
        thresholds: score name to threshold.
    """

    machine: str
    detector: str
    seed: int
    folder: Path
    clips: tuple[Clip, ...]
    scores: Mapping[str, np.ndarray]
    thresholds: Mapping[str, Threshold]

    def model(self) -> Model:
        """Load the fitted model; raises `ModelFileError` as `load_model` does."""
        from auscult.model.model_file import load_model

        return load_model(self.folder / "model.auscult")


@dataclass(frozen=True)
class BenchData:
    """The results of a benchmark.

    Attributes:
        folder: the results folder.
        results: the rows of ``results.csv``.
        facts: the contents of ``results.json``.
        stages: the finished stages of this run, ordered by machine, detector and seed.
    """

    folder: Path
    results: list[Result]
    facts: Mapping[str, Any]
    stages: list[StageData]

    @cached_property
    def table(self) -> Table:
        """The table of metrics in percent, a row for each machine and system."""
        return results_table(self.results)

    @cached_property
    def systems(self) -> list[str]:
        """The systems of the table without the published ones, best first."""
        not_published = (system for system in self.overall if not system.startswith("published "))
        return sorted(not_published, key=self.percent, reverse=True)

    @cached_property
    def groups(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """The cells of the table, by machine and system.

        If there are several machines, the last group is the harmonic mean over them.
        """
        groups: dict[str, dict[str, tuple[str, ...]]] = {}
        for machine, system, *cells in self.table.rows:
            groups.setdefault(machine, {})[system] = tuple(cells)
        return groups

    @cached_property
    def overall(self) -> dict[str, tuple[str, ...]]:
        """The cells over all machines, by system: the last of the groups."""
        return list(self.groups.values())[-1] if self.groups else {}

    def percent(self, system: str) -> float:
        """Return the harmonic mean of a system over all machines, percent; minus infinity if it has none."""
        return leading_number(self.overall[system][len(METRICS)])

    @cached_property
    def ranking(self) -> dict[str, Mapping[str, Any]]:
        """The entries of the ranking in ``results.json``, by system."""
        return {entry["system"]: entry for entry in self.facts.get("ranking", [])}

    @cached_property
    def secondary_systems(self) -> set[str]:
        """Systems whose score is not the default score of their detector, without the baseline."""
        return {s for s, entry in self.ranking.items() if not entry["decisive"] and s != self.baseline}

    @cached_property
    def machines(self) -> list[str]:
        """The machines, in the order of the results."""
        return list(dict.fromkeys([r.machine for r in self.results] + [s.machine for s in self.stages]))

    @cached_property
    def simulated(self) -> list[str]:
        """Simulated machines: listed in ``results.json``, or with ``simulation.json`` next to ``test/``."""
        folders = {s.machine: Path(s.clips[0].path).parent.parent for s in self.stages if s.clips}
        listed = self.facts.get("simulated", [])
        return [
            name
            for name in self.machines
            if name in listed or (name in folders and (folders[name] / "simulation.json").is_file())
        ]

    @property
    def baseline(self) -> str | None:
        """The system that the others are compared with, if there is one."""
        return next((difference["baseline"] for difference in self.facts.get("differences", [])), None)

    def difference(self, system: str, machine: str | None = None) -> Mapping[str, Any] | None:
        """Return the difference of a system from the baseline, by default over all machines."""
        return self._entry("differences", system, machine)

    def mean(self, system: str, machine: str | None = None) -> Mapping[str, Any] | None:
        """Return the mean of a system with its interval, by default over all machines."""
        return self._entry("means", system, machine)

    def _entry(self, name: str, system: str, machine: str | None) -> Mapping[str, Any] | None:
        if machine is None and len(self.machines) == 1:
            machine = self.machines[0]
        for entry in self.facts.get(name, []):
            if entry["system"] == system and entry["machine"] == machine:
                return entry
        return None


def read_bench(folder: str | os.PathLike[str]) -> BenchData:
    """Read ``results.csv``, ``results.json`` and the finished stages of the run.

    Raises:
        EvaluationError: a file is missing or corrupt; the message names it.
    """
    root = Path(folder)
    results = read_results(root / "results.csv")
    facts = _read_json(root / "results.json")
    seeds, detectors = facts.get("seeds", []), facts.get("detectors")
    machines = list(dict.fromkeys(r.machine for r in results))
    stages = []
    for path in root.glob("stages/*/*/seed*/test.json"):
        machine, folder, seed = path.parts[-4], path.parts[-3], path.parts[-2].removeprefix("seed")
        detector = name_of_folder(folder)
        in_run = (detectors is None or detector in detectors) and (not machines or machine in machines)
        if in_run and seed.isdecimal() and int(seed) in seeds:
            stages.append(_read_stage(path, machine, detector, int(seed), facts.get("thresholds", ())))

    def order(stage: StageData) -> tuple[int, int, int]:
        machine_index = machines.index(stage.machine) if machines else 0
        return machine_index, (detectors or [stage.detector]).index(stage.detector), seeds.index(stage.seed)

    return BenchData(root, results, facts, sorted(stages, key=order))


def leading_number(cell: str) -> float:
    """Return the mean in a cell of the table; minus infinity if there is none."""
    try:
        return float(cell.split(" ")[0])
    except ValueError:
        return float("-inf")


def signed_points(points: float | None) -> str:
    """Format a difference of percentages with its sign; a dash if there is none."""
    return "–" if points is None else f"{points:+.1f}".replace("-", "−")


def _read_stage(
    path: Path, machine: str, detector: str, seed: int, thresholds: Sequence[Mapping[str, Any]]
) -> StageData:
    content = _read_json(path)
    try:
        clips = tuple(Clip.from_json(clip) for clip in content["clips"])
        scores = {name: np.asarray(values, np.float64) for name, values in content["scores"].items()}
        own = {
            entry["score"]: Threshold(**{f.name: entry[f.name] for f in fields(Threshold)})
            for entry in thresholds
            if (entry["machine"], entry["detector"], entry["seed"]) == (machine, detector, seed)
        }
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"{path}: not a valid result file of a benchmark stage ({error})") from error
    if any(values.shape != (len(clips),) for values in scores.values()):
        raise EvaluationError(f"{path}: expected one score for each of the {len(clips)} clips")
    return StageData(machine, detector, seed, path.parent, clips, scores, own)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(
            f"{path}: {error.strerror or error}; run the benchmark until it is complete"
        ) from error
    except ValueError as error:
        raise EvaluationError(
            f"{path}: corrupt, not valid JSON ({error}); run the benchmark again"
        ) from error
    if not isinstance(content, dict):
        raise EvaluationError(f"{path}: corrupt, expected a JSON object")
    return content

"""What a benchmark left in its results folder, as the report reads it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from auscult.corpus import Clip
from auscult.decision import Threshold
from auscult.errors import EvaluationError
from auscult.evaluation import Result, Table, read_results, results_table
from auscult.model import Model

#: With fewer clips of a kind an interval that draws from them is rough.
FEW_CLIPS = 10


@dataclass(frozen=True)
class StageData:
    """One fitted detector on one machine with one seed.

    Attributes:
        machine: name of the machine.
        detector: with its preset where that is not the default, ``gamma_vae@report``.
        seed: it was fitted with.
        folder: where its files lie.
        clips: the test clips.
        scores: score name to (N,) values, one a clip.
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
        """The fitted model, read anew; raises `ModelFileError` as `load_model`."""
        from auscult.model.model_file import load_model

        return load_model(self.folder / "model.auscult")


@dataclass(frozen=True)
class BenchData:
    """A whole benchmark.

    Attributes:
        folder: the results folder.
        results: the rows of ``results.csv``.
        facts: ``results.json``.
        stages: of the machines, detectors and seeds of this run, in that order.
    """

    folder: Path
    results: list[Result]
    facts: Mapping[str, Any]
    stages: list[StageData]

    @cached_property
    def table(self) -> Table:
        """Machines and systems down, metrics across, in percent."""
        return results_table(self.results)

    @cached_property
    def systems(self) -> list[str]:
        """Systems of the table that were run or read here, not the published ones; the best first."""
        mine = (system for system in self.overall if not system.startswith("published "))
        return sorted(mine, key=self.percent, reverse=True)

    @cached_property
    def groups(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """The table's rows: machine, or "harmonic mean" last where there are several, to system to cells."""
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for machine, system, *cells in self.table.rows:
            found.setdefault(machine, {})[system] = tuple(cells)
        return found

    @cached_property
    def overall(self) -> dict[str, tuple[str, ...]]:
        """The last of the groups: each system's figures over all machines."""
        return list(self.groups.values())[-1] if self.groups else {}

    def percent(self, system: str) -> float:
        """A system's harmonic mean over all machines, percent; minus infinity where it has none."""
        return leading_number(self.overall[system][-1])

    @cached_property
    def ranked(self) -> dict[str, Mapping[str, Any]]:
        """What the benchmark said of each system's place, by system."""
        return {told["system"]: told for told in self.facts.get("ranking", [])}

    @cached_property
    def folded(self) -> set[str]:
        """Systems whose score is not the one that decides for its detector, the baseline not counted."""
        return {s for s, told in self.ranked.items() if not told["decisive"] and s != self.baseline}

    @cached_property
    def machines(self) -> list[str]:
        """Machines, in the order of the results."""
        return list(dict.fromkeys([r.machine for r in self.results] + [s.machine for s in self.stages]))

    @cached_property
    def simulated(self) -> list[str]:
        """Machines that do not exist, as the benchmark told or by what lies beside their ``test/``."""
        folders = {s.machine: Path(s.clips[0].path).parent.parent for s in self.stages if s.clips}
        told = self.facts.get("simulated", [])
        return [
            name
            for name in self.machines
            if name in told or (name in folders and (folders[name] / "simulation.json").is_file())
        ]

    @cached_property
    def fewest_clips(self) -> int | None:
        """Test clips of the least one of the kinds that an interval draws from: domain and condition."""
        kinds = [
            Counter((c.section, c.domain, c.condition) for c in s.clips if c.condition) for s in self.stages
        ]
        return min((count for kind in kinds for count in kind.values()), default=None)

    @property
    def has_few_clips(self) -> bool:
        """Whether intervals over clips rest on too few to be trusted."""
        return self.fewest_clips is not None and self.fewest_clips < FEW_CLIPS

    @property
    def baseline(self) -> str | None:
        """The system that the others were compared with, if any were."""
        return next((found["baseline"] for found in self.facts.get("differences", [])), None)

    def difference(self, system: str, machine: str | None = None) -> Mapping[str, Any] | None:
        """The paired difference of a system from the baseline, over all machines unless one is named."""
        wanted = self.machines[0] if machine is None and len(self.machines) == 1 else machine
        for found in self.facts.get("differences", []):
            if found["system"] == system and found["machine"] == wanted:
                return found
        return None


def read_bench(folder: str | os.PathLike[str]) -> BenchData:
    """Reads ``results.csv``, ``results.json`` and the finished stages of that run.

    Raises:
        EvaluationError: one of the files is missing or damaged; names it.
    """
    home = Path(folder)
    results = read_results(home / "results.csv")
    facts = _read_json(home / "results.json")
    seeds, detectors = facts.get("seeds", []), facts.get("detectors")
    machines = list(dict.fromkeys(r.machine for r in results))
    stages = []
    for path in home.glob("stages/*/*/seed*/test.json"):
        machine, detector, seed = path.parts[-4], path.parts[-3], path.parts[-2].removeprefix("seed")
        mine = (detectors is None or detector in detectors) and (not machines or machine in machines)
        if mine and seed.isdecimal() and int(seed) in seeds:
            stages.append(_read_stage(path, machine, detector, int(seed)))

    def order(stage: StageData) -> tuple[int, int, int]:
        named = machines.index(stage.machine) if machines else 0
        return named, (detectors or [stage.detector]).index(stage.detector), seeds.index(stage.seed)

    return BenchData(home, results, facts, sorted(stages, key=order))


def leading_number(cell: str) -> float:
    """The mean in a cell of the table; minus infinity where there is none."""
    try:
        return float(cell.split(" ")[0])
    except ValueError:
        return float("-inf")


def signed_points(points: float | None) -> str:
    """A difference of percentages with its sign; a dash where there is none."""
    return "–" if points is None else f"{points:+.1f}".replace("-", "−")


def _read_stage(path: Path, machine: str, detector: str, seed: int) -> StageData:
    told = _read_json(path)
    try:
        clips = tuple(Clip.from_json(clip) for clip in told["clips"])
        scores = {name: np.asarray(values, np.float64) for name, values in told["scores"].items()}
        thresholds = {name: Threshold(**threshold) for name, threshold in told["thresholds"].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"{path}: not what a stage of a benchmark writes ({error})") from error
    if any(values.shape != (len(clips),) for values in scores.values()):
        raise EvaluationError(f"{path}: there must be one score for each of {len(clips)} clips")
    return StageData(machine, detector, seed, path.parent, clips, scores, thresholds)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(f"{path}: {error.strerror or error}; run the benchmark to its end") from error
    except ValueError as error:
        raise EvaluationError(f"{path}: damaged, not JSON ({error}); run the benchmark again") from error
    if not isinstance(told, dict):
        raise EvaluationError(f"{path}: damaged, a JSON object is expected")
    return told

"""Reading the output folder of a benchmark: systems, score files, and clip names for a submission."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auscult.corpus import hidden_names, machine_folders
from auscult.corpus.dcase_names import parse_name
from auscult.detectors.names import name_of_folder
from auscult.errors import EvaluationError, OptionError
from auscult.evaluation import read_submission
from auscult.evaluation.score_files import section_files


@dataclass(frozen=True)
class BenchmarkSystem:
    """One system of a benchmark.

    Attributes:
        name: ``detector:score``.
        seeds: seed to folder of score files, in the order in which the seeds were given to the benchmark;
            if ``latest``, those of the last run.
        latest: whether the last run of the benchmark included the system. Score files of earlier runs stay in
            the folder.
    """

    name: str
    seeds: Mapping[int, Path]
    latest: bool = True


@dataclass(frozen=True)
class SectionScores:
    """The rows of the score file of one section, and of the decision file if there is one."""

    names: list[str]
    scores: list[float]
    decisions: list[bool] | None


def read_results(home: Path) -> dict[str, Any]:
    """Read ``results.json``; empty if it does not exist, as after an interrupted benchmark.

    Raises:
        EvaluationError: the file cannot be read.
    """
    path = home / "results.json"
    if not path.exists():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path}: cannot be read: {error}") from error
    if not isinstance(facts, dict):
        raise EvaluationError(f"{path}: not the results of a benchmark")
    return facts


def benchmark_systems(home: Path, facts: Mapping[str, Any]) -> list[BenchmarkSystem]:
    """Return the systems with score files, in the order of the benchmark's table, those of earlier runs last.

    Args:
        home: the output folder of the benchmark.
        facts: the content of ``results.json``.

    Raises:
        EvaluationError: there are no systems.
    """
    score_folders: dict[str, dict[int, Path]] = {}
    for folder in sorted(home.glob("scores/*/*/seed*")):
        seed = folder.name.removeprefix("seed")
        if seed.isdecimal() and folder.is_dir():
            system = f"{name_of_folder(folder.parts[-3])}:{folder.parts[-2]}"
            score_folders.setdefault(system, {})[int(seed)] = folder
    if not score_folders:
        raise EvaluationError(f"{home}: scores/ contains no systems; give the output folder of a benchmark")
    run = {(f"{entry['detector']}:{entry['score']}", entry["seed"]) for entry in facts.get("thresholds", ())}
    seeds, order = facts.get("seeds", []), facts.get("systems", [])
    systems = []
    for name, folders in score_folders.items():
        in_order = sorted(folders, key=lambda seed: (_position(seed, seeds), seed))
        latest = [seed for seed in in_order if (name, seed) in run or "thresholds" not in facts]
        systems.append(
            BenchmarkSystem(name, {seed: folders[seed] for seed in latest or in_order}, bool(latest))
        )
    return sorted(systems, key=lambda s: (not s.latest, _position(s.name, order)))


def find_system(systems: Sequence[BenchmarkSystem], name: str, facts: Mapping[str, Any]) -> BenchmarkSystem:
    """Return a system by its name, or by that of its detector for its default score.

    Args:
        systems: as of `benchmark_systems`.
        name: ``detector:score`` or ``detector``.
        facts: the content of ``results.json``.

    Raises:
        OptionError: there is no such system, or the detector has several scores and no default.
    """
    by_name = {system.name: system for system in systems}
    of_detector = [system for system in by_name if system.rpartition(":")[0] == name]
    default = [entry["system"] for entry in facts.get("ranking", ()) if entry["decisive"]]
    for matching in ({name} & set(by_name), of_detector, set(of_detector).intersection(default)):
        if len(matching) == 1:
            return by_name[next(iter(matching))]
    if of_detector:
        raise OptionError(f"choose one of its scores: {', '.join(of_detector)}")
    raise OptionError(f"not in the results; choose one of {', '.join(by_name)}")


def read_sections(
    system: BenchmarkSystem, seed: int, others: Sequence[BenchmarkSystem]
) -> tuple[dict[tuple[str, str], SectionScores], list[str]]:
    """Read the scores and decisions of one system and seed.

    Args:
        system: the system.
        seed: one of the system's seeds.
        others: systems whose sections this system should have, too.

    Returns:
        The scores by (machine, section), and a message for each section without scores or decisions.

    Raises:
        EvaluationError: files cannot be read, or contradict each other.
    """
    folder = system.seeds[seed]
    submission = read_submission(folder)
    sections, problems = {}, []
    for (machine, section), rows in submission.scores.items():
        label = f"{machine} section {section}"
        names = [row.name for row in rows]
        by_name = {row.name: row.value == 1 for row in submission.decisions.get((machine, section), ())}
        if by_name and set(by_name) != set(names):
            raise EvaluationError(f"{folder}: {label}: scores and decisions are of different clips")
        if not by_name:
            problems.append(f"{system.name}: {label}: no decisions; the challenge requires them")
        decisions = [by_name[name] for name in names] if by_name else None
        sections[machine, section] = SectionScores(names, [row.value for row in rows], decisions)
    expected = {
        (file.machine, file.section): other.name
        for other in others
        for other_folder in other.seeds.values()
        for file in section_files(other_folder, "anomaly_score")
    }
    problems += [
        f"{system.name}: {machine} section {section}: no scores, but {other} has some"
        for (machine, section), other in sorted(expected.items())
        if (machine, section) not in sections
    ]
    return sections, problems


def stored_threshold(facts: Mapping[str, Any], system: str, seed: int) -> Mapping[str, Any] | None:
    """Return the threshold of one system and seed on the first machine; others differ in their values alone.

    Args:
        facts: the content of ``results.json``.
        system: ``detector:score``.
        seed: one of the system's seeds.
    """
    for entry in facts.get("thresholds", ()):
        if f"{entry['detector']}:{entry['score']}" == system and entry["seed"] == seed:
            return dict(entry)
    return None


def threshold_warnings(facts: Mapping[str, Any], system: str, seed: int) -> list[str]:
    """Return why thresholds of one system and seed are missing or doubtful, one message for each machine.

    Args:
        facts: the content of ``results.json``.
        system: ``detector:score``.
        seed: one of the system's seeds.
    """
    return [
        f"{system}: {entry['machine']}: decisions: {entry['warning']}"
        for entry in facts.get("threshold_warnings", ())
        if f"{entry['detector']}:{entry['score']}" == system and entry["seed"] == seed
    ]


class SubmissionNames:
    """Clip names for a submission: those in ``test/``, also if the benchmark used ``test_rename/``.

    Args:
        root: the data root of the benchmark; ``None`` if unknown.

    Attributes:
        root_exists: whether the data root exists.
        hidden: machines whose labelled names were replaced by hidden names.
        labelled: machines with clips whose names state the condition.
        problems: machine to message, if a labelled clip has no original in ``test/``.
    """

    def __init__(self, root: str | None) -> None:
        self.root_exists = root is not None and os.path.isdir(root)
        self.hidden: set[str] = set()
        self.labelled: set[str] = set()
        self.problems: dict[str, str] = {}
        self._folders = machine_folders(root) if root is not None and self.root_exists else {}
        self._hidden_names: dict[str, dict[str, str | None]] = {}

    def for_submission(self, machine: str, names: Sequence[str]) -> list[str]:
        """Convert the clip names of one machine in the benchmark's files, either all of them or none.

        Raises:
            CorpusError: a clip of ``test/`` or ``test_rename/`` cannot be read.
        """
        if machine not in self._hidden_names:
            folder = self._folders.get(machine)
            self._hidden_names[machine] = hidden_names(folder) if folder else {}
        hidden = self._hidden_names[machine]
        unmatched = [name for name in names if hidden.get(name, name) is None]
        if unmatched:
            self.problems[machine] = (
                f"{machine}: no clip in test/ has the content of {unmatched[0]} in test_rename/ (one of "
                f"{len(unmatched)}); the names of test_rename/ are used, but the challenge requires those of "
                "test/"
            )
        elif any(name in hidden for name in names):
            self.hidden.add(machine)
            return [hidden.get(name) or name for name in names]
        if any((fields := parse_name(name)) and fields.condition for name in names):
            self.labelled.add(machine)
        return list(names)


def _position(value: Any, order: Sequence[Any]) -> int:
    """Return the index in ``order``, or its length if the value is missing."""
    return order.index(value) if value in order else len(order)

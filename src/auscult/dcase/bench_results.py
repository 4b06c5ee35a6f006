"""The output folder of a benchmark read again: its systems, their score files, and the names of its clips."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auscult.corpus import hidden_names, machine_folders
from auscult.corpus.dcase_names import parse_name
from auscult.errors import EvaluationError
from auscult.evaluation import read_submission
from auscult.evaluation.score_files import section_files


@dataclass(frozen=True)
class BenchedSystem:
    """One system of a bench.

    Attributes:
        name: ``detector:score``.
        seeds: each seed's folder of score files, in the order in which the bench was asked for them.
        latest: whether the last run of the bench was asked for its detector.
    """

    name: str
    seeds: Mapping[int, Path]
    latest: bool = True


@dataclass(frozen=True)
class SectionRows:
    """The rows of the score file of one section, and of its decision file if there is one."""

    names: list[str]
    scores: list[float]
    decisions: list[bool] | None


def read_facts(home: Path) -> dict[str, Any]:
    """``results.json``; empty where there is none, as of a bench that was stopped.

    Raises:
        EvaluationError: it cannot be read.
    """
    path = home / "results.json"
    if not path.exists():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path}: cannot be read: {error}") from error
    if not isinstance(facts, dict):
        raise EvaluationError(f"{path}: not the results of a bench")
    return facts


def benched_systems(home: Path, facts: Mapping[str, Any]) -> list[BenchedSystem]:
    """The systems with score files, in the order of the bench's table, those of earlier runs last.

    Args:
        home: the output folder of the bench.
        facts: its ``results.json``.

    Raises:
        EvaluationError: there are none.
    """
    found: dict[str, dict[int, Path]] = {}
    for folder in sorted(home.glob("scores/*/*/seed*")):
        seed = folder.name.removeprefix("seed")
        if seed.isdecimal() and folder.is_dir():
            found.setdefault(f"{folder.parts[-3]}:{folder.parts[-2]}", {})[int(seed)] = folder
    if not found:
        raise EvaluationError(f"{home}: no scores/ with systems in it; it should be the output of a bench")
    detectors = facts.get("detectors", [name.partition(":")[0] for name in found])
    seeds, order = facts.get("seeds", []), facts.get("systems", [])
    systems = [
        BenchedSystem(
            name,
            {seed: folders[seed] for seed in sorted(folders, key=lambda s: (_place(s, seeds), s))},
            name.partition(":")[0] in detectors,
        )
        for name, folders in found.items()
    ]
    return sorted(systems, key=lambda s: (not s.latest, _place(s.name, order)))


def read_sections(
    system: BenchedSystem, seed: int, others: Sequence[BenchedSystem]
) -> tuple[dict[tuple[str, str], SectionRows], list[str]]:
    """Every (machine, section) of one system and seed, and what it lacks, in words.

    Args:
        system: whose.
        seed: of its seeds.
        others: systems whose sections it should have too.

    Raises:
        EvaluationError: files that cannot be read, or that contradict each other.
    """
    folder = system.seeds[seed]
    read = read_submission(folder)
    sections, problems = {}, []
    for (machine, section), rows in read.scores.items():
        where = f"{machine} section {section}"
        names = [row.name for row in rows]
        decided = {row.name: row.value == 1 for row in read.decisions.get((machine, section), ())}
        if decided and set(decided) != set(names):
            raise EvaluationError(f"{folder}: {where}: scores and decisions are of different clips")
        if not decided:
            problems.append(f"{system.name}: {where}: no decisions, and the challenge asks for them")
        decisions = [decided[name] for name in names] if decided else None
        sections[machine, section] = SectionRows(names, [row.value for row in rows], decisions)
    elsewhere = {
        (file.machine, file.section): other.name
        for other in others
        for theirs in other.seeds.values()
        for file in section_files(theirs, "anomaly_score")
    }
    problems += [
        f"{system.name}: {machine} section {section}: no scores, though {other} has some"
        for (machine, section), other in sorted(elsewhere.items())
        if (machine, section) not in sections
    ]
    return sections, problems


class ClipNames:
    """What a submission calls the clips: as in ``test/``, where the bench heard ``test_rename/`` instead.

    Args:
        root: of the data that the bench was run on; ``None`` where it is not known.

    Attributes:
        found: whether the root is there.
        hidden: machines whose clips got their hidden names back.
        labelled: machines with clips whose names tell whether they are anomalous.
        problems: machines with labelled copies of nothing in ``test/``.
    """

    def __init__(self, root: str | None) -> None:
        self.found = root is not None and os.path.isdir(root)
        self.hidden: set[str] = set()
        self.labelled: set[str] = set()
        self.problems: dict[str, str] = {}
        self._folders = machine_folders(root) if root is not None and self.found else {}
        self._known: dict[str, dict[str, str | None]] = {}

    def to_write(self, machine: str, names: Sequence[str]) -> list[str]:
        """The names to write for those that the bench wrote: all of them hidden, or none.

        Raises:
            CorpusError: a clip that the data holds twice cannot be read.
        """
        if machine not in self._known:
            folder = self._folders.get(machine)
            self._known[machine] = hidden_names(folder) if folder else {}
        known = self._known[machine]
        lost = [name for name in names if known.get(name, name) is None]
        if lost:
            self.problems[machine] = (
                f"{machine}: {lost[0]} in test_rename/ is no copy of a clip in test/ (one of {len(lost)}); "
                "names stay as they are in test_rename/, and the challenge asks for those of test/"
            )
        elif any(name in known for name in names):
            self.hidden.add(machine)
            return [known.get(name) or name for name in names]
        if any((said := parse_name(name)) and said.condition for name in names):
            self.labelled.add(machine)
        return list(names)


def _place(one: Any, order: Sequence[Any]) -> int:
    """Where it stands in the order; behind all if it does not."""
    return order.index(one) if one in order else len(order)

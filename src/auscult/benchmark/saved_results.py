"""The results of finished benchmarks, read from their folders and merged.

``labelled_scores.json`` in a results folder holds the scores of every system, those from outside too, with
the labels of the clips, so that systems can be compared later without the recordings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from auscult.benchmark.differences import LabelledScores
from auscult.errors import EvaluationError
from auscult.evaluation import Labels, Result, read_results
from auscult.runtime.files import write_atomically

SCORES_FILE = "labelled_scores.json"
SCHEMA = 1


@dataclass(frozen=True)
class SectionScores:
    """The scores of one system and seed on one section, with the labels.

    Attributes:
        machine: name of the machine.
        section: name of the section; empty if there are none.
        system: ``detector:score``.
        seed: seed of the fit.
        names: names of the N clips.
        labels: their labels.
        scores: (N,) their scores.
    """

    machine: str
    section: str
    system: str
    seed: int
    names: tuple[str, ...]
    labels: Labels
    scores: np.ndarray

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Machine, section, system and seed."""
        return self.machine, self.section, self.system, self.seed


@dataclass
class SavedResults:
    """The results of one benchmark or of several.

    Attributes:
        results: a row for each machine, section, system and seed.
        scores: likewise the scores, as far as they were saved.
        default_systems: the systems whose score is their detector's default score.
        baseline: the system that the others were compared with; ``None`` if unknown.
        notes: what a reader of a table should know.
    """

    results: list[Result] = field(default_factory=list)
    scores: list[SectionScores] = field(default_factory=list)
    default_systems: set[str] = field(default_factory=set)
    baseline: str | None = None
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> SavedResults:
        """Read the results folder of a benchmark.

        Raises:
            EvaluationError: it has no results, or a file cannot be read.
        """
        if not (folder / "results.csv").is_file():
            raise EvaluationError(f"{folder}: no results.csv; give the output folder of auscult bench")
        results = read_results(folder / "results.csv")
        facts = _read_json(folder / "results.json")
        ranking = facts.get("ranking", [])
        ranked = {entry["system"] for entry in ranking}
        default = {entry["system"] for entry in ranking if entry["decisive"]}
        default |= {row.column for row in results} - ranked  # published ones, and all without a ranking
        saved = cls(results, _read_scores(folder / SCORES_FILE), default, facts.get("baseline"))
        if not saved.scores:
            saved.notes.append(
                f"{folder} has no {SCORES_FILE}, so no differences; auscult bench writes it, without "
                "repeating finished stages."
            )
        return saved

    @classmethod
    def merged(cls, folders: Sequence[Path]) -> SavedResults:
        """Read the results of several folders as those of one benchmark.

        Equal results in several folders count once. The baseline is that of the first folder.

        Raises:
            EvaluationError: as `read`; or two folders have different results for the same machine, system
                and seed.
        """
        rows: dict[tuple[Any, ...], tuple[Result, Path]] = {}
        scores: dict[tuple[Any, ...], tuple[SectionScores, Path]] = {}
        merged = cls()
        for folder in folders:
            saved = cls.read(folder)
            for row in saved.results:
                key = (row.machine, row.section, row.column, row.seed)
                known, other = rows.setdefault(key, (row, folder))
                if _metrics(known) != _metrics(row):
                    raise _conflict(key, other, folder)
            for one in saved.scores:
                first, other = scores.setdefault(one.key, (one, folder))
                if first.names != one.names or not np.array_equal(first.scores, one.scores):
                    raise _conflict(one.key, other, folder)
            merged.default_systems |= saved.default_systems
            merged.notes += saved.notes
            merged.baseline = merged.baseline or saved.baseline
        merged.results = [row for row, _ in rows.values()]
        merged.scores = [one for one, _ in scores.values()]
        return merged

    def scored(self, systems: Sequence[str]) -> dict[str, dict[int, dict[str, LabelledScores]]]:
        """The scores of some systems by system, seed and machine, all of the same clips.

        Clips that one of the systems did not score are left out; a note is added for each section with such
        clips.

        Raises:
            EvaluationError: two systems were evaluated with different labels.
        """
        chosen = [one for one in self.scores if one.system in systems]
        by_section: dict[tuple[str, str], list[SectionScores]] = {}
        for one in chosen:
            by_section.setdefault((one.machine, one.section), []).append(one)
        scored: dict[str, dict[int, dict[str, LabelledScores]]] = {}
        for (machine, section), group in sorted(by_section.items()):
            first, common = group[0], set.intersection(*(set(one.names) for one in group))
            names = [name for name in first.names if name in common]
            if fewer := len(set.union(*(set(one.names) for one in group))) - len(names):
                self.notes.append(
                    f"{' '.join(filter(None, (machine, section)))}: {fewer} clips were not scored by all "
                    f"systems; the differences are over the {len(names)} others."
                )
            labels = _of_names(first, names)[0]
            for one in group:
                own_labels, values = _of_names(one, names)
                if not _equal(labels, own_labels):
                    raise EvaluationError(
                        f"{machine}: {first.system} and {one.system} were evaluated with different labels; "
                        "run auscult bench on the same recordings"
                    )
                by_machine = scored.setdefault(one.system, {}).setdefault(one.seed, {})
                by_machine[machine] = [*by_machine.get(machine, []), (labels, values)]
        return {system: scored[system] for system in systems if system in scored}


def write_scores(path: Path, scores: Iterable[SectionScores]) -> None:
    """Write the file of scores; clips with their labels are written once for all systems."""
    clips: dict[str, int] = {}
    rows = []
    for one in scores:
        target, recording = one.labels.target, one.labels.source_recording
        described = json.dumps(
            {
                "machine": one.machine,
                "section": one.section,
                "names": list(one.names),
                "anomaly": one.labels.anomaly.tolist(),
                "target": None if target is None else target.tolist(),
                "source_recording": None if recording is None else recording.tolist(),
            }
        )
        index = clips.setdefault(described, len(clips))
        rows.append({"system": one.system, "seed": one.seed, "clips": index, "scores": one.scores.tolist()})
    content = f'{{"schema": {SCHEMA}, "clips": [{", ".join(clips)}], "scores": {json.dumps(rows)}}}'
    write_atomically(path, content.encode())


def _read_scores(path: Path) -> list[SectionScores]:
    content = _read_json(path)
    try:
        clips = [
            (clip["machine"], clip["section"], tuple(clip["names"]), _labels(clip))
            for clip in content.get("clips", ())
        ]
        scores = []
        for row in content.get("scores", ()):
            machine, section, names, labels = clips[row["clips"]]
            values = np.array(row["scores"], dtype=float)
            scores.append(SectionScores(machine, section, row["system"], row["seed"], names, labels, values))
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"{path}: not written by auscult bench: {error!r}") from error
    return scores


def _labels(clip: Mapping[str, Any]) -> Labels:
    target, recording = clip["target"], clip["source_recording"]
    return Labels(
        np.array(clip["anomaly"], dtype=bool),
        None if target is None else np.array(target, dtype=bool),
        source_recording=None if recording is None else np.array(recording),
    )


def _read_json(path: Path) -> dict[str, Any]:
    """The content of a file, empty if it does not exist."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise EvaluationError(f"{path}: not written by auscult bench")
    return content


def _metrics(row: Result) -> tuple[float | None, ...]:
    return row.auc_source, row.auc_target, row.pauc, row.harmonic_mean


def _conflict(key: tuple[Any, ...], first: Path, second: Path) -> EvaluationError:
    machine, section, system, seed = key
    return EvaluationError(
        f"{first} and {second} have different scores of {system}, seed {seed}, on "
        f"{' '.join(filter(None, (machine, section)))}: leave one of the folders out, or run the detector "
        "with the settings in its name, as in autoencoder[epochs=50]"
    )


def _of_names(one: SectionScores, names: Sequence[str]) -> tuple[Labels, np.ndarray]:
    """The labels and scores of the clips with these names, in their order."""
    position = {name: index for index, name in enumerate(one.names)}
    index = np.array([position[name] for name in names], dtype=int)
    return one.labels.select(index), one.scores[index]


def _equal(first: Labels, second: Labels) -> bool:
    if (first.target is None) != (second.target is None):
        return False
    same_domains = first.target is None or np.array_equal(first.target, second.target)  # type: ignore[arg-type]
    return bool(np.array_equal(first.anomaly, second.anomaly) and same_domains)

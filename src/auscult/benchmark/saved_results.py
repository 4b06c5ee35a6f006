"""The results of finished benchmarks, read from their folders, merged, and restricted to common clips."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.benchmark.section_scores import SCORES_FILE, SectionScores, read_json, read_scores
from auscult.errors import EvaluationError
from auscult.evaluation import Labels, Result, read_results
from auscult.evaluation.metrics import harmonic_mean
from auscult.evaluation.protocol import TERMS, section_metrics


@dataclass
class SavedResults:
    """The results of one benchmark or of several.

    Attributes:
        results: a row for each machine, section, system and seed.
        scores: likewise the scores, as far as they were saved.
        default_systems: the systems whose score is their detector's default score.
        baseline: the system that the others were compared with; ``None`` if unknown.
        notes: what a reader of a table should know.
        folders: machine, section, system and seed of each entry of ``scores`` to the folder it is from.
    """

    results: list[Result] = field(default_factory=list)
    scores: list[SectionScores] = field(default_factory=list)
    default_systems: set[str] = field(default_factory=set)
    baseline: str | None = None
    notes: list[str] = field(default_factory=list)
    folders: dict[tuple[str, str, str, int], Path] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> SavedResults:
        """Read the results folder of a benchmark.

        Raises:
            EvaluationError: there is no such folder, it has no results, or a file cannot be read.
        """
        if not (folder / "results.csv").is_file():
            problem = "no results.csv" if folder.is_dir() else "no such folder"
            raise EvaluationError(f"{folder}: {problem}; give the output folder of auscult bench")
        results = read_results(folder / "results.csv")
        if not results:
            raise EvaluationError(f"{folder}: results.csv has no results: all fits of auscult bench failed")
        facts = read_json(folder / "results.json")
        ranking = facts.get("ranking", [])
        ranked = {entry["system"] for entry in ranking}
        default = {entry["system"] for entry in ranking if entry["decisive"]}
        default |= {row.column for row in results} - ranked  # published ones, and all without a ranking
        scores = read_scores(folder / SCORES_FILE)
        saved = cls(results, scores, default, facts.get("baseline"))
        saved.folders = {one.key: folder for one in scores}
        if not scores:
            saved.notes.append(
                f"{folder} has no {SCORES_FILE}, so no differences, and whether its recordings are those of "
                "the others is not known; auscult bench writes it, without repeating finished stages."
            )
        return saved

    @classmethod
    def merged(cls, folders: Sequence[Path]) -> SavedResults:
        """Read the results of several folders as those of one benchmark.

        Equal results in several folders count once. The baseline is that of the first folder.

        Raises:
            EvaluationError: as `read`; or two folders have different results for the same machine, system
                and seed, or different recordings with the same names.
        """
        rows: dict[tuple[Any, ...], tuple[Result, Path]] = {}
        scores: dict[tuple[Any, ...], tuple[SectionScores, Path]] = {}
        recordings: dict[tuple[str, str, str], tuple[str, SectionScores, Path]] = {}
        merged = cls()
        for folder in folders:
            saved = cls.read(folder)
            for row in saved.results:
                key = (row.machine, row.section, row.column, row.seed)
                known, other = rows.setdefault(key, (row, folder))
                if _metrics(known) != _metrics(row):
                    raise _conflict(key, other, folder)
            for one in saved.scores:
                for name, digest in zip(one.names, one.digests, strict=True):
                    clip = (one.machine, one.section, name)
                    if digest and recordings.setdefault(clip, (digest, one, folder))[0] != digest:
                        raise _other_recording(name, recordings[clip][1:], (one, folder))
                first, other = scores.setdefault(one.key, (one, folder))
                if first.names != one.names or not np.array_equal(first.scores, one.scores):
                    raise _conflict(one.key, other, folder)
            merged.default_systems |= saved.default_systems
            merged.notes += saved.notes
            merged.baseline = merged.baseline or saved.baseline
        merged.results = [row for row, _ in rows.values()]
        merged.scores = [one for one, _ in scores.values()]
        merged.folders = {key: folder for key, (_, folder) in scores.items()}
        if len(set(merged.folders.values())) > 1:
            merged.notes += [
                f"{folder} was written by an earlier version of auscult bench: only the names of its clips "
                "are compared with those of the other folders; run auscult bench again to compare the files."
                for folder in dict.fromkeys(merged.folders.values())
                if any(from_folder == folder and not all(one.digests) for one, from_folder in scores.values())
            ]
        return merged

    def of_common_clips(self, systems: Sequence[str]) -> SavedResults:
        """The results and scores of some systems, all over the same clips of each machine.

        Where a system did not score some of the clips, these are left out for all, the metrics are computed
        again, and a note is added. Results without saved scores stay as they are.

        Raises:
            EvaluationError: two systems were evaluated with different labels, or the clips that all have
                scored do not suffice for the metrics.
        """
        chosen = [one for one in self.scores if one.system in systems]
        common = SavedResults(
            [row for row in self.results if row.column in systems],
            default_systems=self.default_systems,
            baseline=self.baseline,
            notes=list(self.notes),
            folders=self.folders,
        )
        for machine in sorted({one.machine for one in chosen}):
            group = [one for one in chosen if one.machine == machine]
            runs: dict[tuple[str, int], set[tuple[str, str]]] = {}
            for one in group:
                runs.setdefault((one.system, one.seed), set()).update(one.clips)
            shared = set.intersection(*runs.values())
            common.scores += self._selected(group, shared)
            if fewer := len(set.union(*runs.values())) - len(shared):
                common.notes.append(
                    f"{machine}: {fewer} clips were not scored by all systems; metrics and differences are "
                    f"over the {len(shared)} others."
                )
                common._measure_again(group)
        return common

    def renamed(self, labels: Mapping[str, str]) -> SavedResults:
        """The same results with other names of systems and machines; names without a label stay."""

        def label(name: str) -> str:
            return labels.get(name, name)

        scores = [replace(one, machine=label(one.machine), system=label(one.system)) for one in self.scores]
        results = [
            replace(row, machine=label(row.machine), detector=labels[row.column], score="")
            if row.column in labels
            else replace(row, machine=label(row.machine))
            for row in self.results
        ]
        folders = {new.key: self.folders[old.key] for old, new in zip(self.scores, scores, strict=True)}
        default, baseline = set(map(label, self.default_systems)), self.baseline and label(self.baseline)
        return SavedResults(results, scores, default, baseline, list(self.notes), folders)

    def scored(self) -> dict[str, dict[int, dict[str, list[tuple[Labels, np.ndarray]]]]]:
        """The scores by system, seed and machine, for `Comparison`."""
        scored: dict[str, dict[int, dict[str, list[tuple[Labels, np.ndarray]]]]] = {}
        for one in self.scores:
            by_machine = scored.setdefault(one.system, {}).setdefault(one.seed, {})
            by_machine.setdefault(one.machine, []).append((one.labels, one.scores))
        return scored

    def _selected(
        self, group: Sequence[SectionScores], shared: Collection[tuple[str, str]]
    ) -> list[SectionScores]:
        """The scores of these clips of a machine, in the same order for all systems."""
        first_of_section: dict[str, SectionScores] = {}
        selected = []
        for one in sorted(group, key=lambda one: one.section):
            names = first_of_section[one.section].names if one.section in first_of_section else one.names
            own = one.select([name for name in names if (one.section, name) in shared])
            first = first_of_section.setdefault(one.section, own)
            if not _equal(first.labels, own.labels):
                raise EvaluationError(
                    f"{one.machine}: {first.system} and {one.system} were evaluated with different labels; "
                    "run auscult bench on the same recordings"
                )
            if own.names:
                selected.append(own)
        if not selected:
            systems = {one.system: self.folders[one.key] for one in group}
            listed = ", ".join(f"{system} ({folder})" for system, folder in systems.items())
            raise EvaluationError(
                f"{group[0].machine}: no clip was scored by all systems: {listed}; choose systems that were "
                "run on the same recordings by `systems=[NAME]`, or leave a folder out"
            )
        return selected

    def _measure_again(self, group: Sequence[SectionScores]) -> None:
        """Compute the metrics of the sections of one machine again, from the selected clips."""
        selected = {one.key: one for one in self.scores}
        measured, results = {one.key for one in group}, []
        for row in self.results:
            key = (row.machine, row.section, row.column, row.seed)
            if key not in measured:
                results.append(row)
            elif key in selected:
                results.append(_measured(row, selected[key]))
        self.results = results


def _metrics(row: Result) -> tuple[float | None, ...]:
    return row.auc_source, row.auc_target, row.pauc, row.harmonic_mean


def _conflict(key: tuple[Any, ...], first: Path, second: Path) -> EvaluationError:
    machine, section, system, seed = key
    return EvaluationError(
        f"{first} and {second} have different scores of {system}, seed {seed}, on "
        f"{' '.join(filter(None, (machine, section)))}: leave one of the folders out, or run the detector "
        "with the settings in its name, as in autoencoder[epochs=50]"
    )


def _other_recording(
    name: str, first: tuple[SectionScores, Path], second: tuple[SectionScores, Path]
) -> EvaluationError:
    (one, folder), (other, other_folder) = first, second
    return EvaluationError(
        f"{one.machine}: {name} is one recording for {one.system} in {folder} and another for {other.system} "
        f"in {other_folder}, although the names agree: leave one of the folders out, or run auscult bench on "
        "the same recordings"
    )


def _measured(row: Result, one: SectionScores) -> Result:
    """A row with the metrics of these clips, without intervals and without rates at a threshold."""
    try:
        metrics = {name: float(value[0]) for name, value in section_metrics(one.labels, one.scores).items()}
    except EvaluationError as error:
        raise EvaluationError(
            f"{one.machine}: of the clips that all systems have scored: {error}; choose systems that were "
            "run on the same recordings by `systems=[NAME]`"
        ) from error
    return Result(
        row.machine,
        row.section,
        row.detector,
        row.score,
        row.seed,
        metrics.get("auc_source"),
        metrics.get("auc_target"),
        metrics["pauc"],
        harmonic_mean([metrics[name] for name in TERMS if name in metrics]),
        row.fit_seconds,
        row.score_seconds,
        normal_recordings=one.labels.recordings(~one.labels.anomaly),
        anomaly_recordings=one.labels.recordings(one.labels.anomaly),
        normal_clips=int(np.sum(~one.labels.anomaly)),
        anomaly_clips=int(np.sum(one.labels.anomaly)),
    )


def _equal(first: Labels, second: Labels) -> bool:
    if (first.target is None) != (second.target is None):
        return False
    same_domains = first.target is None or np.array_equal(first.target, second.target)  # type: ignore[arg-type]
    return bool(np.array_equal(first.anomaly, second.anomaly) and same_domains)

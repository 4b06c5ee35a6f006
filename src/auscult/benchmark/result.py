"""The results of a benchmark: rows, ranking and score files, as text for a terminal and as files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from auscult.benchmark.baseline import BASELINE
from auscult.benchmark.content import ClipContent
from auscult.benchmark.differences import Difference, LabelledScores, SystemMean
from auscult.benchmark.ranking import DetectorCost, RankedSystem, costs_text, ranking_text
from auscult.benchmark.section_scores import SCORES_FILE, SectionScores, write_scores
from auscult.benchmark.sensor_faults import SensorFaults
from auscult.corpus import Clip
from auscult.decision import Threshold
from auscult.detectors.names import DetectorName
from auscult.errors import EvaluationError
from auscult.evaluation import (
    Labels,
    Result,
    evaluate_scores,
    labels_of,
    results_table,
    write_results,
    write_submission,
)
from auscult.evaluation.decision_rates import clip_rates
from auscult.evaluation.table import wrapped
from auscult.findings import Finding
from auscult.runtime.files import write_atomically

SCHEMA = 1


def describe_failure(failure: Mapping[str, Any]) -> str:
    """Describe a failed stage, or a machine that could not be benchmarked at all."""
    seed = "" if failure["seed"] == "" else f"seed {failure['seed']}"
    return f"{' '.join(filter(None, (failure['machine'], failure['detector'], seed)))}: {failure['error']}"


@dataclass
class BenchResult:
    """The results of a benchmark.

    Attributes:
        output: the results folder.
        results: a row for each machine, section, system and seed.
        means: mean of every system with its interval.
        differences: differences of every system from the baseline.
        ranking: the systems, the best first.
        costs: the cost of each detector.
        failures: stages that failed, ``{"machine", "detector", "seed", "error"}``; all others are done.
        notes: notes for the reader of the table.
        repeated_notes: what notes of single fits are about, and their texts; one note is made of each kind.
        simulated: machines that are simulated, known by the ``simulation.json`` in their folders.
        score_files: the files under ``scores/`` that belong to these results.
        scored: system to seed to machine to the scores of its sections.
        labelled_scores: the same with the names of the clips, to be saved.
        thresholds: the thresholds of all scores, ``{"machine", "detector", "score", "seed"}`` and the
            attributes of `Threshold`.
        contents: machine to what its test clips are by their content.
        sensor: machine to its test clips with signs of a sensor fault.
        sources: machine to path to the recording that a test clip was cut from, as far as it is known.
        names: machine to path to name of its test clips in score files; by default the file name.
        digests: machine to path to SHA-256 of the files of its test clips.
        baseline: the system that the others are compared with.
        without_metrics: machine to its sections that have scores but no metrics, with the reason.
    """

    output: Path
    results: list[Result] = field(default_factory=list)
    means: list[SystemMean] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    ranking: list[RankedSystem] = field(default_factory=list)
    costs: list[DetectorCost] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repeated_notes: list[tuple[str, str]] = field(default_factory=list)
    simulated: list[str] = field(default_factory=list)
    score_files: list[Path] = field(default_factory=list)
    scored: dict[str, dict[int, dict[str, LabelledScores]]] = field(default_factory=dict)
    labelled_scores: list[SectionScores] = field(default_factory=list)
    thresholds: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[str, ClipContent] = field(default_factory=dict)
    sensor: dict[str, SensorFaults] = field(default_factory=dict)
    sources: dict[str, Mapping[str, str | None]] = field(default_factory=dict)
    names: dict[str, Mapping[str, str]] = field(default_factory=dict)
    digests: dict[str, Mapping[str, str]] = field(default_factory=dict)
    baseline: str = BASELINE
    without_metrics: dict[str, dict[str | None, str]] = field(default_factory=dict)

    @property
    def threshold_warnings(self) -> list[dict[str, Any]]:
        """The scores whose threshold is missing or doubtful, each with the key ``warning``."""
        names = ("machine", "detector", "score", "seed", "warning")
        return [{name: entry[name] for name in names} for entry in self.thresholds if entry["warning"]]

    @property
    def text(self) -> str:
        """The results as text for a terminal.

        The table of the default scores and of the baseline, the ranking of all scores, the costs of the
        detectors, notes and failures.
        """
        parts = ["no results\n"]
        if self.results:
            hidden = {r.system for r in self.ranking if not r.decisive and r.system != self.baseline}
            parts = [results_table([r for r in self.results if r.column not in hidden]).to_text()]
        if self.ranking:
            parts.append(ranking_text(self.ranking, self.baseline, self.differences) + "\n")
        if self.costs:
            parts.append(costs_text(self.costs) + "\n")
        parts += wrapped(self.notes)
        parts += [f"failed: {describe_failure(failure)}" for failure in self.failures]
        return "\n".join(parts)

    def add(
        self,
        machine: str,
        system: tuple[str, str, int],
        clips: Sequence[Clip],
        scores: np.ndarray,
        thresholds: tuple[Threshold | None, Threshold | None] = (None, None),
        seconds: tuple[float | None, float | None] = (None, None),
        fit_findings: Sequence[Finding] = (),
    ) -> None:
        """Adds one system's scores of one machine: a result and score files for each section.

        Metrics leave out clips that were fitted on, and count copies once for intervals, by ``contents``.

        Args:
            machine: name of the machine.
            system: detector, score and seed. An empty score stands for another program's system, for which
                no score files are written.
            clips: the N clips.
            scores: (N,) the scores of the clips.
            thresholds: the threshold for the decisions in score files, and that of the model for recall and
                false-alarm rate; ``None`` for no decisions and no rates.
            seconds: times to fit and to score.
            fit_findings: findings of the fit, which may explain a low AUC.
        """
        detector, score, seed = system
        threshold, own_threshold = thresholds
        content = self.contents.get(machine, ClipContent({}))
        column = f"{detector}:{score}" if score else detector
        fit_seconds, score_seconds = (None if s is None else round(s, 3) for s in seconds)
        sections = dict.fromkeys(clip.section for clip in clips)
        free = next(number for i in count() if (number := f"{i:02d}") not in sections)
        names = self.names.get(machine, {})
        for section in sections:
            mask = np.array([clip.section == section for clip in clips])
            section_clips, values = [c for c in clips if c.section == section], scores[mask]
            if score:
                limit = threshold.value if threshold else None
                self.score_files += write_submission(
                    self.output / "scores" / DetectorName.parse(detector).folder / score / f"seed{seed}",
                    machine,
                    section or free,
                    [names.get(c.path, os.path.basename(c.path)) for c in section_clips],
                    values,
                    None if limit is None else values > limit,
                )
            new = [clip.path not in content.fitted_on for clip in section_clips]
            section_clips, values = (
                [c for c, keep in zip(section_clips, new, strict=True) if keep],
                values[new],
            )
            sources = self.sources.get(machine, {})
            section_clips = [
                replace(c, source_recording=sources.get(c.path, c.source_recording)) for c in section_clips
            ]
            identities = [content.identities.get(clip.path, clip.path) for clip in section_clips]
            try:
                evaluation = evaluate_scores(
                    section_clips, values, identities=identities, fit_findings=fit_findings
                )
                metrics = evaluation.overall
            except EvaluationError as error:
                # Without labels, or with labels of one class only, the score files are still written.
                self.without_metrics.setdefault(machine, {})[section] = str(error)
                continue
            name = f"{machine} {column}{f' seed {seed}' if score else ''}"
            self.repeated_notes += [(name, finding.message) for finding in evaluation.warnings]
            labels = labels_of(section_clips, identities)
            clip_names = tuple(names.get(c.path, os.path.basename(c.path)) for c in section_clips)
            digests = tuple(self.digests.get(machine, {}).get(c.path, "") for c in section_clips)
            self.labelled_scores.append(
                SectionScores(machine, section or "", column, seed, clip_names, digests, labels, values)
            )
            by_machine = self.scored.setdefault(column, {}).setdefault(seed, {})
            by_machine[machine] = [
                *by_machine.get(machine, []),
                (labels, values),
            ]
            self.results.append(
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
                    fit_seconds,
                    score_seconds,
                    metrics.harmonic_mean.low,
                    metrics.harmonic_mean.high,
                    labels.recordings(~labels.anomaly),
                    labels.recordings(labels.anomaly),
                    int(np.sum(~labels.anomaly)),
                    int(np.sum(labels.anomaly)),
                    **_rates(labels, values, own_threshold),
                )
            )

    def report_missing_metrics(self) -> None:
        """Note sections with scores but no metrics; a machine that has no others is a failure."""
        evaluated = {row.machine for row in self.results}
        for machine, sections in self.without_metrics.items():
            reasons = [f"section {name}: {reason}" if name else reason for name, reason in sections.items()]
            error = f"scores but no metrics: {'; '.join(reasons)}"
            if machine in evaluated:
                self.note(f"{machine}: {error}")
            else:
                self.failures.append({"machine": machine, "detector": "", "seed": "", "error": error})

    def note(self, text: str) -> None:
        """Adds a note unless there is an equal one."""
        if text not in self.notes:
            self.notes.append(text)

    def write(self, facts: Mapping[str, Any]) -> None:
        """Writes ``results.csv``, ``results.json`` and ``labelled_scores.json``.

        Also removes score files of earlier runs from the folders with score files of this run, since a
        submission would mix them.

        Args:
            facts: how the benchmark was run, as further keys of ``results.json``.
        """
        for folder in {path.parent for path in self.score_files}:
            for path in set(folder.glob("*_test.csv")).difference(self.score_files):
                path.unlink()
        write_results(self.output / "results.csv", self.results)
        write_scores(self.output / SCORES_FILE, self.labelled_scores)
        content = {
            "schema": SCHEMA,
            **facts,
            "systems": list(dict.fromkeys(result.column for result in self.results)),
            "simulated": self.simulated,
            "baseline": self.baseline,
            "means": [m.to_json() for m in self.means],
            "differences": [d.to_json() for d in self.differences],
            "ranking": [r.to_json() for r in self.ranking],
            "costs": [c.to_json() for c in self.costs],
            "failures": self.failures,
            "thresholds": self.thresholds,
            "threshold_warnings": self.threshold_warnings,
            "sensor": {machine: faults.counts() for machine, faults in self.sensor.items()},
            "notes": self.notes,
        }
        write_atomically(self.output / "results.json", json.dumps(content, indent=1).encode())


def _rates(labels: Labels, scores: np.ndarray, threshold: Threshold | None) -> dict[str, Any]:
    """The fields of a result about a threshold: rates over the (N,) scores, and how it was computed."""
    if threshold is None or threshold.value is None:
        return {}
    rates = clip_rates(labels, scores > threshold.value)
    return {**rates, "accepted_rate": threshold.rate, "threshold_method": threshold.method}

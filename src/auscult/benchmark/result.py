"""What comes of a benchmark: rows, ranking, score files; on a terminal and in files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from auscult.benchmark.differences import Difference, Scored
from auscult.benchmark.ranking import Cost, Ranked, costs_text, ranking_text
from auscult.corpus import Clip
from auscult.decision import Threshold
from auscult.errors import EvaluationError
from auscult.evaluation import (
    Result,
    evaluate_scores,
    labels_of,
    results_table,
    write_results,
    write_submission,
)
from auscult.runtime.files import write_atomically

BASELINE = "autoencoder:mse"
SCHEMA = 1


@dataclass
class BenchResult:
    """What came of a benchmark.

    Attributes:
        output: the results folder.
        results: a row for each machine, section, system and seed.
        differences: every system against the autoencoder's MSE.
        ranking: the systems, the best first.
        costs: of each detector.
        failures: stages that failed, ``{"machine", "detector", "seed", "error"}``; the rest is done.
        notes: what the reader of the table should know.
        simulated: the machines that do not exist, by the notes that the simulation left in their folders.
        score_files: the files under ``scores/`` that belong to these results.
        scored: system to seed to machine to its scored sections.
    """

    output: Path
    results: list[Result] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    ranking: list[Ranked] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    simulated: list[str] = field(default_factory=list)
    score_files: list[Path] = field(default_factory=list)
    scored: dict[str, dict[int, dict[str, Scored]]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """For a terminal: the table of the scores that decide and of the baseline, the ranking of all, what
        detectors cost, and what went wrong."""
        parts = ["no results\n"]
        if self.results:
            folded = {r.system for r in self.ranking if not r.decisive and r.system != BASELINE}
            parts = [results_table([r for r in self.results if r.column not in folded]).to_text()]
        if self.ranking:
            parts.append(ranking_text(self.ranking, BASELINE) + "\n")
        if self.costs:
            parts.append(costs_text(self.costs) + "\n")
        parts += self.notes
        parts += [
            f"failed: {f['machine']} {f['detector']} seed {f['seed']}: {f['error']}" for f in self.failures
        ]
        return "\n".join(parts)

    def add(
        self,
        machine: str,
        which: tuple[str, str, int],
        clips: Sequence[Clip],
        scores: np.ndarray,
        threshold: Threshold | None = None,
        seconds: tuple[float | None, float | None] = (None, None),
    ) -> None:
        """Adds one system's scores of one machine: a result and score files for each section.

        Args:
            which: detector, score, seed; without a score it is another program's system, and no files are
                written.
            clips: the N clips.
            scores: (N,)
            threshold: for the decisions.
            seconds: to fit and to score.
        """
        detector, score, seed = which
        system = f"{detector}:{score}" if score else detector
        fit_seconds, score_seconds = (None if s is None else round(s, 3) for s in seconds)
        for section in dict.fromkeys(clip.section for clip in clips):
            members = np.array([clip.section == section for clip in clips])
            part, values = [c for c in clips if c.section == section], scores[members]
            if score:
                limit = threshold.value if threshold else None
                self.score_files += write_submission(
                    self.output / "scores" / detector / score / f"seed{seed}",
                    machine,
                    section or "00",
                    [os.path.basename(c.path) for c in part],
                    values,
                    None if limit is None else values > limit,
                )
            try:
                metrics = evaluate_scores(part, values, resamples=0).overall
            except (
                EvaluationError
            ) as error:  # no labels, or of one kind alone: the scores are kept all the same
                self.note(f"{machine} section {section}: scores but no metrics: {error}")
                continue
            by_machine = self.scored.setdefault(system, {}).setdefault(seed, {})
            by_machine[machine] = [*by_machine.get(machine, []), (labels_of(part), values)]
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
                )
            )

    def note(self, said: str) -> None:
        """Adds a note, once."""
        if said not in self.notes:
            self.notes.append(said)

    def write(self, facts: Mapping[str, Any]) -> None:
        """Writes ``results.csv`` and ``results.json`` with these facts, and removes score files of an earlier
        run beside those of this one, which a submission would mix."""
        for folder in {path.parent for path in self.score_files}:
            for path in set(folder.glob("*_test.csv")).difference(self.score_files):
                path.unlink()
        write_results(self.output / "results.csv", self.results)
        told = {
            "schema": SCHEMA,
            **facts,
            "systems": list(dict.fromkeys(result.column for result in self.results)),
            "simulated": self.simulated,
            "differences": [d.to_json() for d in self.differences],
            "ranking": [r.to_json() for r in self.ranking],
            "costs": [c.to_json() for c in self.costs],
            "failures": self.failures,
            "notes": self.notes,
        }
        write_atomically(self.output / "results.json", json.dumps(told, indent=1).encode())

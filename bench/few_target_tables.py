"""The tables of `bench.few_target`: AUC with intervals over clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from auscult.benchmark.machine import MachineData, total_seconds
from auscult.benchmark.ranking import interval_text
from auscult.corpus import Clip
from auscult.evaluation import Estimate, labels_of
from auscult.evaluation.bootstrap import estimate, mean_replicates
from bench.markdown import table, this_machine

METRICS = {"auc_target": "AUC-target", "auc_source": "AUC-source", "harmonic_mean": "harmonic mean"}
METHODS = {"refit": "fitted again", "adapt": "adapted"}


@dataclass(frozen=True)
class Scores:
    """Scores of the test clips of one machine."""

    clips: Sequence[Clip]
    scores: np.ndarray  # (N,)


#: Scores by draw, then machine.
Draws = Mapping[int, Mapping[str, Scores]]


def replicates(draws: Draws, metric: str) -> np.ndarray:
    """A metric and its R bootstrap replicates, (1 + R,): harmonic mean over machines, mean over draws.

    Each replicate uses the same clips for all draws. A machine with fewer draws, because the count includes
    all of its target clips, is used with its last draw instead.
    """
    machines = sorted({machine for by_machine in draws.values() for machine in by_machine})
    parts = []
    for draw in sorted(draws):
        sections = []
        for machine in machines:
            available = max(d for d in draws if d <= draw and machine in draws[d])
            scores = draws[available][machine]
            sections.append((labels_of(scores.clips), scores.scores))
        parts.append(mean_replicates(sections, metric=metric))
    return np.mean(parts, axis=0)


def section(detector: str, results: Mapping[tuple[str, int], Draws], fleet: Sequence[MachineData]) -> str:
    """A table with one row for each number of target clips and method, and a note."""
    without = {metric: replicates(results["refit", 0], metric) for metric in METRICS}
    rows = []
    for method, count in sorted(results, key=lambda key: (key[1], list(METHODS).index(key[0]))):
        draws = results[method, count]
        values = {metric: replicates(draws, metric) for metric in METRICS}
        gain = estimate(values["auc_target"] - without["auc_target"])
        rows.append(
            [
                str(count),
                METHODS[method] if count else NONE,
                _percent(estimate(values["auc_target"])),
                interval_text(gain) if count else NONE,
                *(_percent(estimate(values[metric])) for metric in ("auc_source", "harmonic_mean")),
                str(len(draws)),
            ]
        )
    header = [
        "target clips",
        "method",
        "AUC-target",
        "gain over none",
        "AUC-source",
        "harmonic mean",
        "draws",
    ]
    counts = sorted({sum(clip.domain != "target" for clip in machine.train) for machine in fleet})
    source_clips = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    seconds = fmean(total_seconds(machine.train) / len(machine.train) for machine in fleet)
    note = (
        f"`{detector}`, default score; {', '.join(machine.name for machine in fleet)}; "
        f"{source_clips} source clips of {seconds:.0f} s. In percent and percentage points, with 95 % "
        "intervals over clips, for gains paired by clip; harmonic mean over machines, mean over draws. "
        f"Measured on {this_machine()}."
    )
    return f"{table(header, rows)}\n\n{note}"


NONE = "–"


def _percent(value: Estimate) -> str:
    if value.low is None or value.high is None:
        return f"{100 * value.value:.1f}"
    return f"{100 * value.value:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"

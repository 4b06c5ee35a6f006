"""The tables of `bench.few_target`: AUC with intervals over recordings and draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from auscult.benchmark.machine import MachineData, total_seconds
from auscult.benchmark.ranking import interval_text
from auscult.corpus import Clip
from auscult.evaluation import Estimate, labels_of
from auscult.evaluation.estimates import Measured, Run, difference, estimate
from auscult.evaluation.protocol import TERMS, mean_over
from bench.markdown import table, this_machine
from bench.recordings import with_recordings

#: Metric to the terms of its mean over machines.
METRICS = {"auc_target": ("auc_target",), "auc_source": ("auc_source",), "harmonic_mean": TERMS}
METHODS = {"refit": "fitted again", "adapt": "adapted"}


@dataclass(frozen=True)
class Scores:
    """Scores of the test clips of one machine."""

    clips: Sequence[Clip]
    scores: np.ndarray  # (N,)


#: Scores by draw, then machine.
Draws = Mapping[int, Mapping[str, Scores]]


def runs(draws: Draws) -> list[Run]:
    """The metrics of all machines for each draw.

    A machine with fewer draws, because the count includes all of its target clips, is used with its last draw
    instead.
    """
    machines = sorted({machine for by_machine in draws.values() for machine in by_machine})
    measured = {
        (draw, machine): Measured.of(labels_of(with_recordings(scores.clips)), scores.scores)
        for draw, by_machine in draws.items()
        for machine, scores in by_machine.items()
    }
    return [
        [
            measured[max(d for d in draws if d <= draw and machine in draws[d]), machine]
            for machine in machines
        ]
        for draw in sorted(draws)
    ]


def section(detector: str, results: Mapping[tuple[str, int], Draws], fleet: Sequence[MachineData]) -> str:
    """A table with one row for each number of target clips and method, and a note."""
    without = runs(results["refit", 0])
    rows = []
    for method, count in sorted(results, key=lambda key: (key[1], list(METHODS).index(key[0]))):
        draws = results[method, count]
        drawn = runs(draws)
        values = {metric: estimate(drawn, names, mean_over) for metric, names in METRICS.items()}
        gain = difference(drawn, without, METRICS["auc_target"], mean_over)
        rows.append(
            [
                str(count),
                METHODS[method] if count else NONE,
                _percent(values["auc_target"]),
                interval_text(gain) if count else NONE,
                *(_percent(values[metric]) for metric in ("auc_source", "harmonic_mean")),
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
        "intervals over recordings and draws, for gains on the same recordings; harmonic mean over machines, "
        "mean over draws. "
        f"Measured on {this_machine()}."
    )
    return f"{table(header, rows)}\n\n{note}"


NONE = "–"


def _percent(value: Estimate) -> str:
    if value.low is None or value.high is None:
        return f"{100 * value.value:.1f}"
    return f"{100 * value.value:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"

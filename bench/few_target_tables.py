"""From the scores of `bench.few_target` to its tables: AUC with intervals over clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from auscult.benchmark.machine import MachineData, seconds_of
from auscult.benchmark.ranking import interval_text
from auscult.corpus import Clip
from auscult.evaluation import Estimate, labels_of
from auscult.evaluation.bootstrap import estimate, mean_replicates
from bench.markdown import table, this_machine

METRICS = {"auc_target": "AUC-target", "auc_source": "AUC-source", "harmonic_mean": "harmonic mean"}
WAYS = {"refit": "fitted with them", "adapt": "adapted to them"}


@dataclass(frozen=True)
class Scores:
    """Scores of one machine's test clips."""

    clips: Sequence[Clip]
    scores: np.ndarray  # (N,)


#: Draw to machine to scores.
Draws = Mapping[int, Mapping[str, Scores]]


def replicates(draws: Draws, metric: str) -> np.ndarray:
    """(1 + R,) mean over draws of the harmonic mean over machines; the same clips are drawn for each.

    A machine with fewer draws than another, for it has just so many target clips, takes part with its last.
    """
    machines = sorted({machine for by_machine in draws.values() for machine in by_machine})
    parts = []
    for draw in sorted(draws):
        sections = []
        for machine in machines:
            last = max(d for d in draws if d <= draw and machine in draws[d])
            scores = draws[last][machine]
            sections.append((labels_of(scores.clips), scores.scores))
        parts.append(mean_replicates(sections, metric=metric))
    return np.mean(parts, axis=0)


def section(detector: str, found: Mapping[tuple[str, int], Draws], fleet: Sequence[MachineData]) -> str:
    """A row for each number of target clips and way to use them."""
    none = {metric: replicates(found["refit", 0], metric) for metric in METRICS}
    rows = []
    for way, count in sorted(found, key=lambda key: (key[1], list(WAYS).index(key[0]))):
        draws = found[way, count]
        mine = {metric: replicates(draws, metric) for metric in METRICS}
        gain = estimate(mine["auc_target"] - none["auc_target"])
        rows.append(
            [
                str(count),
                WAYS[way] if count else NONE,
                _percent(estimate(mine["auc_target"])),
                interval_text(gain) if count else NONE,
                *(_percent(estimate(mine[metric])) for metric in ("auc_source", "harmonic_mean")),
                str(len(draws)),
            ]
        )
    header = ["target clips", "how", "AUC-target", "gain over none", "AUC-source", "harmonic mean", "draws"]
    counts = sorted({sum(clip.domain != "target" for clip in machine.train) for machine in fleet})
    sources = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    seconds = fmean(seconds_of(machine.train) / len(machine.train) for machine in fleet)
    note = (
        f"`{detector}`, the score that decides; {', '.join(machine.name for machine in fleet)}; "
        f"{sources} source clips of {seconds:.0f} s. In percent and points, over several "
        "machines the harmonic mean, with 95 % intervals over clips, of gains on the same clips; draws are "
        f"averaged. Measured on {this_machine()}."
    )
    return f"{table(header, rows)}\n\n{note}"


NONE = "–"


def _percent(value: Estimate) -> str:
    if value.low is None or value.high is None:
        return f"{100 * value.value:.1f}"
    return f"{100 * value.value:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"

"""Differences between systems on the same clips, with confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from auscult.evaluation import Estimate, Labels
from auscult.evaluation.bootstrap import estimate, mean_of_replicates, replicate

#: The scores of one system, machine and seed: for each section the labels and the (N,) scores.
LabelledScores = Sequence[tuple[Labels, np.ndarray]]


@dataclass(frozen=True)
class Difference:
    """The metric of a system minus that of the baseline, both averaged over their seeds.

    Attributes:
        machine: the machine, or ``None`` for all machines together.
        system: ``detector:score``.
        baseline: the system to compare with.
        difference: the difference with its 95 % interval over clips; seeds are not resampled.
    """

    machine: str | None
    system: str
    baseline: str
    difference: Estimate

    def to_json(self) -> dict[str, Any]:
        """``{"machine", "system", "baseline", "value", "low", "high"}``."""
        attributes = asdict(self)
        return {k: attributes[k] for k in ("machine", "system", "baseline")} | self.difference.to_json()


def differences(
    scored: Mapping[str, Mapping[int, Mapping[str, LabelledScores]]],
    baseline: str,
    *,
    metric: str = "harmonic_mean",
    resamples: int = 1000,
) -> list[Difference]:
    """Differences of every system from the baseline, for each machine and for all machines together.

    Args:
        scored: system to seed to machine to the scores of its sections.
        baseline: one of the systems; the result is empty if it is not among them.
        metric: ``harmonic_mean`` of all terms, or the harmonic mean over sections of ``auc_source``,
            ``auc_target`` or ``pauc`` alone.
        resamples: number of stratified bootstrap resamples, which are the same for all systems, so that
            differences are paired.
    """
    if baseline not in scored:
        return []
    machine_maps = [by_machine for by_seed in scored.values() for by_machine in by_seed.values()]
    machines = sorted({machine for by_machine in machine_maps for machine in by_machine})
    # Sections are numbered over all machines; the number is the seed of a section's resamples.
    section_counts = {m: max(len(maps[m]) for maps in machine_maps if m in maps) for m in machines}
    first_section = dict(zip(machines, accumulate(section_counts.values(), initial=0), strict=False))
    replicates = {
        system: [
            {
                machine: [
                    replicate(labels, scores, resamples=resamples, seed=[0, first_section[machine] + index])
                    for index, (labels, scores) in enumerate(sections)
                ]
                for machine, sections in by_machine.items()
            }
            for by_machine in by_seed.values()
        ]
        for system, by_seed in scored.items()
    }
    results = []
    for group in [*([m] for m in machines), *([machines] if len(machines) > 1 else [])]:
        baseline_mean = _mean(replicates[baseline], group, metric)
        for system, by_seed in replicates.items():
            system_mean = _mean(by_seed, group, metric) if system != baseline else None
            if baseline_mean is None or system_mean is None:
                continue
            machine = group[0] if len(group) == 1 else None
            results.append(Difference(machine, system, baseline, estimate(system_mean - baseline_mean)))
    return results


def _mean(
    by_seed: Sequence[Mapping[str, Sequence[Mapping[str, np.ndarray]]]], machines: Sequence[str], metric: str
) -> np.ndarray | None:
    """(1 + R,) harmonic mean over the machines, averaged over the seeds that have all of them.

    ``None`` if no seed has all of them.
    """
    means = [
        mean_of_replicates([section for m in machines for section in by_machine[m]], metric=metric)
        for by_machine in by_seed
        if all(m in by_machine for m in machines)
    ]
    return np.mean(means, axis=0) if means else None

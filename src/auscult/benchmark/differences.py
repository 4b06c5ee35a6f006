"""Is one system better than another? Differences on the same clips, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from auscult.evaluation import Estimate, Labels
from auscult.evaluation.bootstrap import estimate, mean_of_drawn, replicate

#: One seed's scores of one system: for each section the labels and the (N,) scores.
Scored = Sequence[tuple[Labels, np.ndarray]]


@dataclass(frozen=True)
class Difference:
    """A metric of a system less that of the baseline, both averaged over their seeds.

    Attributes:
        machine: the machine, or ``None`` for all together.
        system: ``detector:score``.
        baseline: the system that it is compared with.
        difference: with its 95 % interval over clips; seeds are taken as they are.
    """

    machine: str | None
    system: str
    baseline: str
    difference: Estimate

    def to_json(self) -> dict[str, Any]:
        """``{"machine", "system", "baseline", "value", "low", "high"}``."""
        told = asdict(self)
        return {k: told[k] for k in ("machine", "system", "baseline")} | self.difference.to_json()


def differences(
    scored: Mapping[str, Mapping[int, Mapping[str, Scored]]],
    baseline: str,
    *,
    metric: str = "harmonic_mean",
    resamples: int = 1000,
) -> list[Difference]:
    """Every system against the baseline, for each machine and for all.

    Args:
        scored: system to seed to machine to its scored sections.
        baseline: one of the systems; without it there is nothing to compare.
        metric: ``harmonic_mean`` of all terms, or the harmonic mean over sections of ``auc_source``,
            ``auc_target`` or ``pauc`` alone.
        resamples: stratified bootstrap resamples, the same for all systems, so that differences are paired.
    """
    if baseline not in scored:
        return []
    by_seed = [one for seeds in scored.values() for one in seeds.values()]
    machines = sorted({machine for one in by_seed for machine in one})
    sections = {m: max(len(one[m]) for one in by_seed if m in one) for m in machines}
    first = dict(zip(machines, accumulate(sections.values(), initial=0), strict=False))
    drawn = {
        system: [
            {
                machine: [
                    replicate(labels, scores, resamples=resamples, seed=[0, first[machine] + place])
                    for place, (labels, scores) in enumerate(parts)
                ]
                for machine, parts in one.items()
            }
            for one in seeds.values()
        ]
        for system, seeds in scored.items()
    }
    found = []
    for group in [*([m] for m in machines), *([machines] if len(machines) > 1 else [])]:
        ours = _mean(drawn[baseline], group, metric)
        for system, seeds in drawn.items():
            theirs = _mean(seeds, group, metric) if system != baseline else None
            if ours is None or theirs is None:
                continue
            machine = group[0] if len(group) == 1 else None
            found.append(Difference(machine, system, baseline, estimate(theirs - ours)))
    return found


def _mean(
    seeds: Sequence[Mapping[str, Sequence[Mapping[str, np.ndarray]]]], machines: Sequence[str], metric: str
) -> np.ndarray | None:
    """(1 + R,) harmonic mean over the machines, averaged over the seeds that have all of them."""
    means = [
        mean_of_drawn([section for machine in machines for section in one[machine]], metric=metric)
        for one in seeds
        if all(machine in one for machine in machines)
    ]
    return np.mean(means, axis=0) if means else None

"""Means of systems and their differences on the same clips, with confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from auscult.evaluation import Estimate, Labels
from auscult.evaluation.estimates import Measured, Run, difference, estimate
from auscult.evaluation.protocol import TERMS, mean_over

#: The scores of one system, machine and seed: for each section the labels and the (N,) scores.
LabelledScores = Sequence[tuple[Labels, np.ndarray]]

#: System to seed to machine to scores.
Scored = Mapping[str, Mapping[int, Mapping[str, LabelledScores]]]


@dataclass(frozen=True)
class SystemMean:
    """The metric of a system, averaged over its seeds, and what its interval rests on.

    Attributes:
        machine: the machine, or ``None`` for all machines together.
        system: ``detector:score``.
        mean: the mean with its 95 % interval over recordings and, if there are several, over seeds.
        seeds: number of seeds.
        recordings: number of independent recordings, ``{"normal", "anomaly"}``.
    """

    machine: str | None
    system: str
    mean: Estimate
    seeds: int
    recordings: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """The attributes by name; the mean as ``value``, ``low``, ``high`` and ``note``."""
        return {
            "machine": self.machine,
            "system": self.system,
            **self.mean.to_json(),
            "note": self.mean.note,
            "seeds": self.seeds,
            "recordings": dict(self.recordings),
        }


@dataclass(frozen=True)
class Difference:
    """The metric of a system minus that of the baseline, both averaged over their seeds.

    Attributes:
        machine: the machine, or ``None`` for all machines together.
        system: ``detector:score``.
        baseline: the system to compare with.
        difference: the difference with its 95 % interval over recordings and, where there are several, over
            seeds.
        seeds: number of seeds of the system, and of the baseline.
        recordings: number of independent recordings, ``{"normal", "anomaly"}``.
    """

    machine: str | None
    system: str
    baseline: str
    difference: Estimate
    seeds: tuple[int, int]
    recordings: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """The attributes by name; the difference as ``value``, ``low``, ``high`` and ``note``."""
        return {
            "machine": self.machine,
            "system": self.system,
            "baseline": self.baseline,
            **self.difference.to_json(),
            "note": self.difference.note,
            "seeds": list(self.seeds),
            "recordings": dict(self.recordings),
        }


class Comparison:
    """Systems that were scored on the same machines.

    Args:
        scored: the scores.
        metric: ``harmonic_mean`` of all terms, or the harmonic mean over sections of ``auc_source``,
            ``auc_target`` or ``pauc`` alone.
    """

    def __init__(self, scored: Scored, *, metric: str = "harmonic_mean") -> None:
        self._names = TERMS if metric == "harmonic_mean" else (metric,)
        self._measured: dict[str, dict[int, dict[str, list[Measured]]]] = {
            system: {
                seed: {
                    machine: [Measured.of(labels, scores) for labels, scores in sections]
                    for machine, sections in by_machine.items()
                }
                for seed, by_machine in by_seed.items()
            }
            for system, by_seed in scored.items()
        }

    @cached_property
    def machines(self) -> list[str]:
        """The machines, sorted by name."""
        runs = (by_machine for by_seed in self._measured.values() for by_machine in by_seed.values())
        return sorted({machine for by_machine in runs for machine in by_machine})

    def means(self) -> list[SystemMean]:
        """The mean of every system, for each machine and, if there are several, for all together."""
        return [
            SystemMean(
                machine,
                system,
                estimate(list(runs.values()), self._names, mean_over),
                len(runs),
                _count(runs),
            )
            for machine, group in self._groups()
            for system in self._measured
            if (runs := self._runs(system, group))
        ]

    def differences(self, baseline: str) -> list[Difference]:
        """The difference of every other system from the baseline, likewise; empty without the baseline.

        Seeds of two scores of one detector are the same fits, so that they are compared seed by seed; those
        of different detectors are independent.
        """
        if baseline not in self._measured:
            return []
        results = []
        for machine, group in self._groups():
            theirs = self._runs(baseline, group)
            for system in self._measured:
                ours = self._runs(system, group)
                if system == baseline or not ours or not theirs:
                    continue
                paired = _detector(system) == _detector(baseline) and set(ours) == set(theirs)
                seeds = sorted(ours)
                value = difference(
                    [ours[seed] for seed in seeds],
                    [theirs[seed] for seed in sorted(theirs)],
                    self._names,
                    mean_over,
                    paired=paired,
                )
                results.append(
                    Difference(machine, system, baseline, value, (len(ours), len(theirs)), _count(ours))
                )
        return results

    def _groups(self) -> list[tuple[str | None, list[str]]]:
        single: list[tuple[str | None, list[str]]] = [(machine, [machine]) for machine in self.machines]
        return [*single, (None, self.machines)] if len(single) > 1 else single

    def _runs(self, system: str, machines: Sequence[str]) -> dict[int, Run]:
        """The sections of all machines by seed, of the seeds that have all of them."""
        return {
            seed: [section for machine in machines for section in by_machine[machine]]
            for seed, by_machine in self._measured[system].items()
            if all(machine in by_machine for machine in machines)
        }


def differences(scored: Scored, baseline: str, *, metric: str = "harmonic_mean") -> list[Difference]:
    """Differences of every system from the baseline; see `Comparison`."""
    return Comparison(scored, metric=metric).differences(baseline)


def _detector(system: str) -> str:
    return system.partition(":")[0]


def _count(runs: Mapping[int, Run]) -> dict[str, int]:
    """The number of separate recordings by condition."""
    labels = [section.labels for section in next(iter(runs.values()))]
    return {
        "normal": sum(one.recordings(~one.anomaly) for one in labels),
        "anomaly": sum(one.recordings(one.anomaly) for one in labels),
    }

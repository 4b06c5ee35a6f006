"""What the candidates of `bench.promise` measure on each machine, and its decision rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from auscult.evaluation.decision_rates import clustered_rate
from auscult.evaluation.intervals import Estimate
from bench.promise_candidates import CANDIDATES, FORMER, WITH_FOLD_MODELS
from bench.promise_cases import OTHER_UNITS
from bench.promise_scores import FIVE, MAX_FOLDS, PromiseMachine

RATE = 0.05
#: Candidates that detect less by at most so many points are as good.
NEAR = 1.0
#: By so many points jackknife+ must be better.
WORTH_FOLD_MODELS = 10.0


@dataclass(frozen=True)
class Measured:
    """One candidate on one machine; rates in percent.

    Attributes:
        detection: domain to the detection rate.
        false_alarms: domain and case to the false-alarm rate of the test normals, a fraction.
    """

    detection: Mapping[str, float]
    false_alarms: Mapping[tuple[str, str], Estimate]

    @property
    def mean_detection(self) -> float:
        """Mean of the domains."""
        return fmean(self.detection.values())

    @property
    def broken(self) -> set[tuple[str, str]]:
        """The groups on which the promise is broken; those of other units do not count."""
        return {
            group
            for group, rate in self.false_alarms.items()
            if group[1] != OTHER_UNITS and rate.low is not None and rate.low > RATE
        }


#: Candidate to machine to what was measured.
Results = Mapping[str, Mapping[str, Measured]]


def alarm_rates(
    machine: PromiseMachine, candidate: str, detectors: Sequence[str], seeds: Sequence[int]
) -> np.ndarray:
    """(M,) how often each test clip is an alarm, over detectors and seeds; NaN if that was not measured."""
    if candidate == WITH_FOLD_MODELS and not machine.by_fold:
        return np.full(len(machine.labels), np.nan)
    decide = CANDIDATES[candidate]
    alarms = [
        decide(machine.held_out(d, seed, FIVE), machine.held_out(d, seed, MAX_FOLDS), RATE)
        for d in detectors
        for seed in seeds
    ]
    return np.mean(alarms, axis=0)


def measured(
    machine: PromiseMachine, candidate: str, detectors: Sequence[str], seeds: Sequence[int]
) -> Measured:
    """Detection and false-alarm rates of a candidate on a machine."""
    rates = alarm_rates(machine, candidate, detectors, seeds)
    domains = {"source": ~machine.target, "target": machine.target}
    detection = {
        domain: 100 * float(rates[machine.anomaly & mask].mean())
        for domain, mask in domains.items()
        if (machine.anomaly & mask).any()
    }
    false_alarms = {
        group: Estimate(np.nan)
        if np.isnan(rates[mask]).any()
        else clustered_rate(rates[mask], machine.recordings[mask])
        for group, mask in machine.groups.items()
    }
    return Measured(detection, false_alarms)


def measure(machines: Sequence[PromiseMachine], detectors: Sequence[str], seeds: Sequence[int]) -> Results:
    """All candidates on some machines."""
    return {c: {m.name: measured(m, c, detectors, seeds) for m in machines} for c in CANDIDATES}


def is_admissible(candidate: str, real: Results, simulated: Results, machines: Sequence[str]) -> bool:
    """Rule 1 on some real machines and all simulated ones."""
    return all(real[candidate][m].broken <= real[FORMER][m].broken for m in machines) and not any(
        domain == "source" for of_machine in simulated[candidate].values() for domain, _ in of_machine.broken
    )


def choose(real: Results, simulated: Results, machines: Sequence[str]) -> str:
    """Rules 1 and 2: the candidate that is chosen on some real machines."""
    means = {
        candidate: fmean(real[candidate][m].mean_detection for m in machines)
        for candidate in CANDIDATES
        if is_admissible(candidate, real, simulated, machines)
    }
    others = [mean for candidate, mean in means.items() if candidate != WITH_FOLD_MODELS]
    if WITH_FOLD_MODELS in means and means[WITH_FOLD_MODELS] < max(others, default=0.0) + WORTH_FOLD_MODELS:
        del means[WITH_FOLD_MODELS]
    if not means:
        return FORMER
    return next(c for c in CANDIDATES if c in means and means[c] >= max(means.values()) - NEAR)


@dataclass(frozen=True)
class Decision:
    """What the rule chooses.

    Attributes:
        left_out: machine to the candidate that is chosen on the others.
        candidate: what is chosen on all machines, or five folds if that is not better.
        mean: mean detection rate over the machines left out, in percent.
    """

    left_out: Mapping[str, str]
    candidate: str
    mean: float


def decide(real: Results, simulated: Results) -> Decision:
    """Apply the decision rule of `bench.promise`."""
    machines = list(real[FORMER])
    left_out = {m: choose(real, simulated, [other for other in machines if other != m]) for m in machines}
    mean = fmean(real[candidate][m].mean_detection for m, candidate in left_out.items())
    former = fmean(of_machine.mean_detection for of_machine in real[FORMER].values())
    return Decision(left_out, choose(real, simulated, machines) if mean > former else FORMER, mean)

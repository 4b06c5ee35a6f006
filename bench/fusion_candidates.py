"""The candidates that `bench.fusion` compares, and its decision rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from auscult.evaluation.protocol import TERMS, mean_over, section_metrics
from bench.fusion_rules import CHOICES, FUSIONS, Evidence, chosen
from bench.fusion_scores import Machine

_LENGTHS = {"two lengths": ("", "quarter_"), "three lengths": ("", "half_", "quarter_")}
_RESIDUALS = {
    "residual": ("residual:weighted", "residual:weighted"),
    "low residual": ("low_residual:weighted", "low_residual:weighted"),
    "low residual of two scores": ("low_residual:weighted", "low_residual:residual"),
}
_OTHERS = {"equal": ("modulation:joint",), "modulation twice": ("modulation:joint", "modulation:joint")}

#: Name to members, each a source and one of its scores. One that is named twice has twice the weight.
SETS: dict[str, tuple[str, ...]] = {
    "0.1.0": tuple(
        prefix + name
        for name in ("levels:joint", "modulation:joint", "neighbours:domain")
        for prefix in ("", "16_ms_")
    ),
    **{
        f"{length}, {residual}, {score}, {others}": tuple(
            prefix + name
            for name in ("levels:joint", *modulation, f"neighbours:{score}", *residuals)
            for prefix in prefixes
        )
        for length, prefixes in _LENGTHS.items()
        for residual, residuals in _RESIDUALS.items()
        for score in ("density", "domain")
        for others, modulation in _OTHERS.items()
    },
}
#: The members of all sets.
MEMBERS = tuple(dict.fromkeys(member for members in SETS.values() for member in members))


@dataclass(frozen=True)
class Candidate:
    """A way of making one score of the members of a machine."""

    members: str
    fusion: str
    choice: str = "none"

    @property
    def complexity(self) -> tuple[bool, int, int]:
        """Smaller is simpler."""
        order = list(FUSIONS).index(self.fusion)
        return self.choice != "none", len(set(SETS[self.members])), order

    def __str__(self) -> str:
        choice = "" if self.choice == "none" else f", chosen by {self.choice}"
        return f"{self.members}: {self.fusion}{choice}"


#: The fusion and the choice of the second round.
FUSION, CHOICE = "arsinh of z", "none"
#: Points by which the mean of the bearings must rise, by which no other machine may fall, and by which a
#: simpler candidate may be below the best.
RISE, FALL, TOLERANCE = 4.0, 1.0, 0.1
BEARINGS = ("FemtoBearing", "PaderbornBearing")

VERSION_0_1_0 = Candidate("0.1.0", "mean of z", "pseudo-anomalies")
#: What `auto` is since the decision with three seeds.
IN_USE = Candidate("three lengths, low residual of two scores, domain, modulation twice", FUSION)
CANDIDATES = [Candidate(m, f, c) for m in SETS for f in FUSIONS for c in CHOICES]

#: Candidate to the measures of the machines by name.
Results = Mapping[Candidate, Mapping[str, float]]


def evidence(machine: Machine, seed: int, members: Sequence[str]) -> Evidence:
    """What is known of some members of a machine without its test clips."""
    normal, pseudo = (machine.member_scores(members, seed, part) for part in ("normal", "pseudo"))
    return Evidence(normal, machine.folds(seed), pseudo)


def fused(machine: Machine, seed: int, members: Sequence[str], fusion: str, choice: str) -> np.ndarray:
    """(M,) scores of the test clips."""
    known, test = evidence(machine, seed, members), machine.member_scores(members, seed, "test")
    kept = chosen(choice, known)
    return FUSIONS[fusion](known.normal[:, kept], test[:, kept])


def harmonic_mean(machine: Machine, scores: Iterable[np.ndarray]) -> float:
    """The measure of a machine in percent, from the (M,) scores of each seed."""
    metrics = [section_metrics(machine.labels, values) for values in scores]
    return 100 * fmean(float(mean_over([m[term] for term in TERMS])[0]) for m in metrics)


def scores_of(machine: Machine, candidate: Candidate, seeds: Sequence[int]) -> list[np.ndarray]:
    """The (M,) scores of a candidate with each seed."""
    members = SETS[candidate.members]
    return [fused(machine, seed, members, candidate.fusion, candidate.choice) for seed in seeds]


def measure(machines: Sequence[Machine], seeds: Sequence[int]) -> Results:
    """The measures of all candidates."""
    return {c: {m.name: harmonic_mean(m, scores_of(m, c, seeds)) for m in machines} for c in CANDIDATES}


def _of_second_round(candidate: Candidate) -> bool:
    return candidate.members != VERSION_0_1_0.members and (candidate.fusion, candidate.choice) == (
        FUSION,
        CHOICE,
    )


def best(real: Results, machines: Sequence[str]) -> Candidate:
    """The simplest of the candidates of the second round with nearly the highest mean over some machines."""
    means = {c: fmean(real[c][m] for m in machines) for c in real if _of_second_round(c)}
    near = [c for c, mean in means.items() if mean >= max(means.values()) - TOLERANCE]
    return min(near, key=lambda candidate: (candidate.complexity, -means[candidate]))


@dataclass(frozen=True)
class Decision:
    """What the rules choose.

    Attributes:
        candidate: the default: what rule 2 chooses, or version 0.1.0 if it chooses nothing.
        left_out: machine to the candidate with the highest mean over the others.
        mean: the mean over the machines, each by that candidate.
    """

    candidate: Candidate
    left_out: Mapping[str, Candidate]
    mean: float


def decide(real: Results, simulated: Results) -> Decision:
    """Apply the rules of `bench.fusion`."""
    machines, old = list(real[VERSION_0_1_0]), real[VERSION_0_1_0]

    def acceptable(values: Mapping[str, float]) -> bool:
        rise = fmean(values[m] - old[m] for m in machines if m in BEARINGS)
        return rise >= RISE and all(values[m] >= old[m] - FALL for m in machines if m not in BEARINGS)

    candidates = [c for c, values in real.items() if _of_second_round(c) and acceptable(values)]
    chosen = max(candidates, key=lambda c: fmean(simulated[c].values()), default=VERSION_0_1_0)
    left_out = {m: best(real, [other for other in machines if other != m]) for m in machines}
    return Decision(chosen, left_out, fmean(real[c][m] for m, c in left_out.items()))

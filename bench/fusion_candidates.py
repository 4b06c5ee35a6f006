"""The candidates that `bench.fusion` compares, and its decision rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from auscult.evaluation.protocol import TERMS, mean_over, section_metrics
from bench.fusion_rules import CHOICES, FUSIONS, Evidence, chosen
from bench.fusion_scores import Machine

_SCORES = {"levels": "joint", "modulation": "joint", "residual": "weighted", "low_residual": "weighted"}
_LENGTHS = {"two lengths": ("", "quarter_"), "three lengths": ("", "half_", "quarter_")}
_RESIDUALS = {"residual": "residual", "low residual": "low_residual"}
_WEIGHTS = {"equal weights": (1, 1), "residual twice": (1, 2), "modulation and residual twice": (2, 2)}


def _members(
    prefixes: Iterable[str], residual: str, neighbours: str, weights: tuple[int, int]
) -> tuple[str, ...]:
    """The members of each length of frames; one that is named twice has twice the weight."""
    of_modulation, of_residual = weights
    families = ["levels", *["modulation"] * of_modulation, *[residual] * of_residual]
    names = [f"{family}:{_SCORES[family]}" for family in families] + [f"neighbours:{neighbours}"]
    return tuple(prefix + name for name in names for prefix in prefixes)


#: Name to members, each a source and one of its scores. One that is named twice has twice the weight.
SETS: dict[str, tuple[str, ...]] = {
    "0.1.0": tuple(
        prefix + name
        for name in ("levels:joint", "modulation:joint", "neighbours:domain")
        for prefix in ("", "16_ms_")
    ),
    **{
        f"{length}, {residual}, {neighbours}, {weight}": _members(prefixes, family, neighbours, weights)
        for length, prefixes in _LENGTHS.items()
        for residual, family in _RESIDUALS.items()
        for neighbours in ("density", "domain")
        for weight, weights in _WEIGHTS.items()
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


#: Points by which a candidate may be below version 0.1.0 on a machine, and by which a simpler one may be
#: below the best.
MAX_FALL, TOLERANCE = 3.0, 0.1

VERSION_0_1_0 = Candidate("0.1.0", "mean of z", "pseudo-anomalies")
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


def choose(real: Results, simulated: Results, machines: Sequence[str], choices: Sequence[str]) -> Candidate:
    """Apply rules 1 and 2 to some machines, with some criteria of choice."""
    old_real, old_simulated = real[VERSION_0_1_0], fmean(simulated[VERSION_0_1_0].values())
    admissible = [
        candidate
        for candidate, values in real.items()
        if candidate.choice in choices
        and fmean(simulated[candidate].values()) >= old_simulated - 2
        and all(values[m] >= old_real[m] - MAX_FALL for m in machines)
    ]
    if not admissible:
        return VERSION_0_1_0
    means = {candidate: fmean(real[candidate][m] for m in machines) for candidate in admissible}
    near = [candidate for candidate in admissible if means[candidate] >= max(means.values()) - TOLERANCE]
    return min(near, key=lambda candidate: (candidate.complexity, -means[candidate]))


@dataclass(frozen=True)
class Decision:
    """What the rule chooses.

    Attributes:
        left_out: machine to the candidate that is chosen on the others.
        candidate: what is chosen on all.
        mean: the mean over the machines left out.
        accepted: whether this is above version 0.1.0.
    """

    left_out: Mapping[str, Candidate]
    candidate: Candidate
    mean: float
    accepted: bool


def decide(real: Results, simulated: Results) -> Decision:
    """Apply the decision rule of `bench.fusion`."""
    machines = list(real[VERSION_0_1_0])

    def decision(choices: Sequence[str]) -> Decision:
        left_out = {
            m: choose(real, simulated, [other for other in machines if other != m], choices) for m in machines
        }
        mean = fmean(real[candidate][m] for m, candidate in left_out.items())
        accepted = mean > fmean(real[VERSION_0_1_0].values())
        return Decision(left_out, choose(real, simulated, machines, choices), mean, accepted)

    without, with_choice = decision(["none"]), decision(list(CHOICES))
    return with_choice if with_choice.mean >= without.mean + 0.5 else without

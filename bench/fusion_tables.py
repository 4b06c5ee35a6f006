"""The tables of `bench.fusion`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from statistics import fmean

import numpy as np
from scipy import stats

from auscult.benchmark.ranking import interval_text
from auscult.evaluation.estimates import Measured, Run, difference
from auscult.evaluation.protocol import TERMS, mean_over
from bench.fusion_candidates import (
    MEMBERS,
    SETS,
    VERSION_0_1_0,
    Candidate,
    Decision,
    Results,
    evidence,
    fused,
    harmonic_mean,
    scores_of,
)
from bench.fusion_rules import CHOICES, FUSIONS
from bench.fusion_scores import Machine
from bench.markdown import table

#: What the networks add: the name in the table to the members.
NETWORKS: Mapping[str, tuple[str, ...]] = {
    "with `gamma_vae` `mse`": ("vae:mse",),
    "with `gamma_observation` `deviance`": ("likelihood:deviance",),
    "with both": ("vae:mse", "likelihood:deviance"),
}


def left_out_table(
    machines: Sequence[Machine], seeds: Sequence[int], real: Results, decision: Decision
) -> str:
    """What is chosen on the other machines, version 0.1.0, the default and the baseline, by machine."""
    runs: dict[str, list[list[Run]]] = {"old": [], "new": [], "baseline": []}
    rows, baseline_means = [], []
    for machine in machines:
        old, new, baseline = (
            scores_of(machine, VERSION_0_1_0, seeds),
            scores_of(machine, decision.candidate, seeds),
            [machine.baseline(seed) for seed in seeds],
        )
        for name, scores in (("old", old), ("new", new), ("baseline", baseline)):
            runs[name].append([[Measured.of(machine.labels, values)] for values in scores])
        baseline_means.append(harmonic_mean(machine, baseline))
        labels, chosen = machine.labels, decision.left_out[machine.name]
        rows.append(
            [
                machine.name,
                f"{labels.recordings(~labels.anomaly)} + {labels.recordings(labels.anomaly)}",
                str(chosen),
                f"{real[chosen][machine.name]:.1f}",
                f"{real[decision.candidate][machine.name]:.1f}",
                f"{real[VERSION_0_1_0][machine.name]:.1f}",
                f"{baseline_means[-1]:.1f}",
                interval_text(difference(runs["new"][-1], runs["old"][-1], TERMS, mean_over, paired=True)),
                interval_text(difference(runs["new"][-1], runs["baseline"][-1], TERMS, mean_over)),
            ]
        )
    all_new, all_old, all_baseline = (joined(runs[name]) for name in ("new", "old", "baseline"))
    rows.append(
        [
            "mean",
            "",
            "",
            f"{decision.mean:.1f}",
            f"{fmean(real[decision.candidate].values()):.1f}",
            f"{fmean(real[VERSION_0_1_0].values()):.1f}",
            f"{fmean(baseline_means):.1f}",
            interval_text(difference(all_new, all_old, TERMS, mean_of_machines, paired=True)),
            interval_text(difference(all_new, all_baseline, TERMS, mean_of_machines)),
        ]
    )
    header = [
        "machine",
        "recordings",
        "chosen on the others",
        "its result",
        "`auto`",
        "0.1.0",
        "`autoencoder:mse`",
        "`auto` − 0.1.0",
        "`auto` − `autoencoder:mse`",
    ]
    return table(header, rows)


def candidates_table(title: str, names: Mapping[str, Candidate], real: Results, simulated: Results) -> str:
    """One row for each candidate: the real machines, their mean, and the mean of the simulated machines."""
    machines = list(real[VERSION_0_1_0])
    rows = [
        [name, *_with_mean([real[c][m] for m in machines]), f"{fmean(simulated[c].values()):.1f}"]
        for name, c in names.items()
    ]
    return table([title, *machines, "mean", "simulated"], rows)


def fusions_of(candidate: Candidate) -> dict[str, Candidate]:
    """Every fusion of its members."""
    return {fusion: replace(candidate, fusion=fusion) for fusion in FUSIONS}


def sets_of(candidate: Candidate) -> dict[str, Candidate]:
    """Every set of members with its fusion."""
    return {members: replace(candidate, members=members) for members in SETS}


def choices_of(candidate: Candidate) -> dict[str, Candidate]:
    """Every choice of members."""
    return {choice: replace(candidate, choice=choice) for choice in CHOICES}


def members_table(
    real: Sequence[Machine], simulated: Sequence[Machine], seeds: Sequence[int], networks: bool
) -> str:
    """Every member alone."""
    members = [*MEMBERS, *(NETWORKS["with both"] if networks else ())]
    rows = []
    for member in members:
        values = [_alone(machine, member, tuple(seeds)) for machine in real]
        trained = member in NETWORKS["with both"]
        guard = "" if trained else f"{fmean(_alone(m, member, (seeds[0],)) for m in simulated):.1f}"
        rows.append([f"`{member.replace(':', '` `')}`", *_with_mean(values), guard])
    return table(["member", *(m.name for m in real), "mean", "simulated"], rows)


def criteria_table(machines: Sequence[Machine], seeds: Sequence[int]) -> str:
    """How well each criterion predicts which member is good on a machine.

    For each machine and criterion, the rank correlation with the measure over all members, and how far the
    member with the highest value is below the best one; both mean over the seeds.
    """
    rows = []
    for name, criterion in CHOICES.items():
        if criterion is None:
            continue
        row, correlations, regrets = [name], [], []
        for machine in machines:
            values = [criterion(evidence(machine, seed, MEMBERS)) for seed in seeds]
            truth = [np.array([_alone(machine, m, (seed,)) for m in MEMBERS]) for seed in seeds]
            pairs = list(zip(values, truth, strict=True))
            correlations.append(fmean(float(stats.spearmanr(v, t).statistic) for v, t in pairs))
            regrets.append(fmean(float(t.max() - t[v.argmax()]) for v, t in pairs))
            row.append(f"{correlations[-1]:+.2f}, {regrets[-1]:.1f}")
        rows.append([*row, f"{fmean(correlations):+.2f}, {fmean(regrets):.1f}"])
    average = [fmean(float(t.max() - t.mean()) for t in _truths(machine, seeds)) for machine in machines]
    rows.append(["any member, on average", *_with_mean(average)])
    return table(["criterion", *(m.name for m in machines), "mean"], rows)


def networks_table(machines: Sequence[Machine], seeds: Sequence[int], candidate: Candidate) -> str:
    """What networks add as members."""
    rows = []
    for name, networks in {"without networks": (), **NETWORKS}.items():
        members = (*SETS[candidate.members], *networks)
        values = [
            harmonic_mean(m, [fused(m, seed, members, candidate.fusion, candidate.choice) for seed in seeds])
            for m in machines
        ]
        rows.append([name, *_with_mean(values)])
    return table(["members", *(m.name for m in machines), "mean"], rows)


def _with_mean(values: Sequence[float]) -> list[str]:
    return [f"{value:.1f}" for value in [*values, fmean(values)]]


@cache
def _alone(machine: Machine, member: str, seeds: tuple[int, ...]) -> float:
    """The measure of a single member."""
    return harmonic_mean(machine, [machine.member_scores([member], seed, "test")[:, 0] for seed in seeds])


def _truths(machine: Machine, seeds: Sequence[int]) -> list[np.ndarray]:
    return [np.array([_alone(machine, member, (seed,)) for member in MEMBERS]) for seed in seeds]


def joined(runs: Sequence[Sequence[Run]]) -> list[Run]:
    """The runs of each machine and seed as one run for each seed, with a section for each machine."""
    return [[run[0] for run in of_seed] for of_seed in zip(*runs, strict=True)]


def mean_of_machines(terms: Sequence[np.ndarray]) -> np.ndarray:
    """The mean over machines of the harmonic mean of their terms; each machine has both domains."""
    count = len(TERMS)
    return np.mean([mean_over(terms[i : i + count]) for i in range(0, len(terms), count)], axis=0)

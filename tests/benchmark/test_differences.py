"""Differences from a baseline, paired by clip."""

import numpy as np
import pytest

from auscult.benchmark.differences import differences
from auscult.corpus import Clip
from auscult.evaluation import evaluate_scores, labels_of
from auscult.evaluation.bootstrap import estimate, mean_replicates

CLIPS = [
    Clip(f"{d}{c}{i}", domain=d, condition=c)
    for d in ("source", "target")
    for c in ("normal", "anomaly")
    for i in range(10)
]
ANOMALY = np.array([clip.condition == "anomaly" for clip in CLIPS])


def scores(seed: int, strength: float) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(len(CLIPS)) + strength * ANOMALY


def sections(*values: np.ndarray):
    return [(labels_of(CLIPS), value) for value in values]


@pytest.fixture
def scored():
    """A baseline and two systems on two machines with two seeds; ``partial`` lacks a machine for one seed."""
    base = {s: {"fan": sections(scores(s, 1)), "pump": sections(scores(s + 9, 1))} for s in (0, 1)}
    new = {s: {"fan": sections(scores(s, 2)), "pump": sections(scores(s + 9, 0.5))} for s in (0, 1)}
    partial = {0: new[0], 1: {"fan": new[1]["fan"]}}
    return {"base": base, "new": new, "partial": partial}


def differences_by_key(scored, resamples):
    return {(d.machine, d.system): d.difference for d in differences(scored, "base", resamples=resamples)}


def test_difference_of_means_over_seeds_uses_the_same_resamples(scored):
    results = differences_by_key(scored, resamples=50)
    assert set(results) == {(m, s) for m in ("fan", "pump", None) for s in ("new", "partial")}
    base_mean, new_mean = (
        np.mean(
            [
                mean_replicates([*by_machine["fan"], *by_machine["pump"]], resamples=50)
                for by_machine in scored[system].values()
            ],
            axis=0,
        )
        for system in ("base", "new")
    )
    assert results[None, "new"] == estimate(new_mean - base_mean)

    def mean(system: str, machine: str) -> float:
        return np.mean(
            [
                evaluate_scores(CLIPS, by_machine[machine][0][1], resamples=0).overall.harmonic_mean.value
                for by_machine in scored[system].values()
            ]
        )

    for machine in ("fan", "pump"):
        expected = mean("new", machine) - mean("base", machine)
        assert results[machine, "new"].value == pytest.approx(expected)
    assert results["fan", "new"].low > 0 > results["pump", "new"].high


def test_only_seeds_with_all_machines_count(scored):
    results = differences_by_key(scored, resamples=20)
    assert results["fan", "partial"] == results["fan", "new"]
    one_seed = differences_by_key({**scored, "partial": {0: scored["partial"][0]}}, resamples=20)
    assert results[None, "partial"] == one_seed[None, "partial"]


def test_a_copy_of_the_baseline_has_zero_difference(scored):
    results = differences({"base": scored["base"], "copy": scored["base"]}, "base", resamples=20)
    values = {(d.difference.value, d.difference.low, d.difference.high) for d in results}
    assert values == {(0.0, None, None)}, "an interval of zero width says nothing about other clips"


def test_without_the_baseline_there_are_no_differences(scored):
    assert differences({"new": scored["new"]}, "base") == []

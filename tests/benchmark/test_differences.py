"""Differences from a baseline, paired by the clips that both were judged on."""

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
    """A baseline and two systems on two machines with two seeds; the last lacks one machine in one seed."""
    base = {s: {"fan": sections(scores(s, 1)), "pump": sections(scores(s + 9, 1))} for s in (0, 1)}
    new = {s: {"fan": sections(scores(s, 2)), "pump": sections(scores(s + 9, 0.5))} for s in (0, 1)}
    part = {0: new[0], 1: {"fan": new[1]["fan"]}}
    return {"base": base, "new": new, "part": part}


def test_a_difference_is_that_of_the_means_over_seeds_with_one_set_of_resamples(scored):
    found = {(d.machine, d.system): d.difference for d in differences(scored, "base", resamples=50)}
    assert set(found) == {(m, s) for m in ("fan", "pump", None) for s in ("new", "part")}
    ours, theirs = (
        np.mean(
            [mean_replicates([*one["fan"], *one["pump"]], resamples=50) for one in scored[system].values()],
            axis=0,
        )
        for system in ("base", "new")
    )
    assert found[None, "new"] == estimate(theirs - ours)

    def mean(system: str, machine: str) -> float:
        return np.mean(
            [
                evaluate_scores(CLIPS, one[machine][0][1], resamples=0).overall.harmonic_mean.value
                for one in scored[system].values()
            ]
        )

    for machine in ("fan", "pump"):
        wanted = mean("new", machine) - mean("base", machine)
        assert found[machine, "new"].value == pytest.approx(wanted)
    assert found["fan", "new"].low > 0 > found["pump", "new"].high


def test_a_seed_counts_where_it_has_all_machines(scored):
    found = {(d.machine, d.system): d.difference for d in differences(scored, "base", resamples=20)}
    assert found["fan", "part"] == found["fan", "new"]
    alone = {**scored, "part": {0: scored["part"][0]}}
    again = {(d.machine, d.system): d.difference for d in differences(alone, "base", resamples=20)}
    assert found[None, "part"] == again[None, "part"]


def test_a_system_that_equals_the_baseline_differs_by_nothing(scored):
    found = differences({"base": scored["base"], "twin": scored["base"]}, "base", resamples=20)
    assert {(d.difference.value, d.difference.low, d.difference.high) for d in found} == {(0.0, 0.0, 0.0)}


def test_without_the_baseline_there_is_nothing_to_compare(scored):
    assert differences({"new": scored["new"]}, "base") == []

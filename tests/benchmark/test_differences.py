"""Means of systems and differences from a baseline, on the same recordings."""

import numpy as np
import pytest

from auscult.benchmark.differences import Comparison, differences
from auscult.corpus import Clip
from auscult.evaluation import evaluate_scores, labels_of

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
    new = {s: {"fan": sections(scores(s, 3)), "pump": sections(scores(s + 9, 0.5))} for s in (0, 1)}
    partial = {0: new[0], 1: {"fan": new[1]["fan"]}}
    return {"base": base, "new": new, "partial": partial}


def differences_by_key(scored):
    return {(d.machine, d.system): d for d in differences(scored, "base")}


def test_differences_are_of_means_over_seeds(scored):
    results = differences_by_key(scored)
    assert set(results) == {(m, s) for m in ("fan", "pump", None) for s in ("new", "partial")}

    def mean(system: str, machine: str) -> float:
        return np.mean(
            [
                evaluate_scores(CLIPS, by_machine[machine][0][1], intervals=False).overall.harmonic_mean.value
                for by_machine in scored[system].values()
            ]
        )

    for machine in ("fan", "pump"):
        expected = mean("new", machine) - mean("base", machine)
        assert results[machine, "new"].difference.value == pytest.approx(expected)
    assert results["fan", "new"].seeds == (2, 2)
    assert results["fan", "new"].recordings == {"normal": 20, "anomaly": 20}
    assert results[None, "new"].recordings == {"normal": 40, "anomaly": 40}
    means = {(m.machine, m.system): m for m in Comparison(scored).means()}
    assert means["pump", "new"].mean.value == pytest.approx(mean("new", "pump"))
    assert means["pump", "new"].mean.low < means["pump", "new"].mean.value < means["pump", "new"].mean.high


def test_more_seeds_tell_more_and_one_seed_says_nothing_of_others(scored):
    seeds = {s: {"fan": sections(scores(0, 1 + 0.5 * (s % 2)))} for s in range(8)}
    few, many = ({"base": seeds, "new": dict(list(seeds.items())[:n])} for n in (2, 8))
    widths = [
        d.difference.high - d.difference.low for given in (few, many) for d in differences(given, "base")
    ]
    assert widths[0] > 1.5 * widths[1]
    single = differences({"base": seeds, "new": {0: seeds[0]}}, "base")[0]
    assert single.seeds == (1, 8)


def test_only_seeds_with_all_machines_count(scored):
    results = differences_by_key(scored)
    assert results["fan", "partial"].difference == results["fan", "new"].difference
    one_seed = differences_by_key({**scored, "partial": {0: scored["partial"][0]}})
    assert results[None, "partial"] == one_seed[None, "partial"]


def test_clips_of_one_recording_count_once(scored):
    clips = [
        Clip(c.path, domain=c.domain, condition=c.condition, source_recording=c.path[:-1]) for c in CLIPS
    ]
    few = {
        system: {0: {"fan": [(labels_of(clips), by_seed[0]["fan"][0][1])]}}
        for system, by_seed in scored.items()
    }
    result = differences_by_key(few)["fan", "new"]
    assert result.recordings == {"normal": 2, "anomaly": 2}
    assert result.difference.low is None
    assert "2 normal and 2 anomalous independent" in result.difference.note
    assert result.to_json()["note"] == result.difference.note


def test_a_copy_of_the_baseline_has_zero_difference(scored):
    one = {"base:a": scored["base"], "base:b": scored["base"]}
    for d in differences(one, "base:a"):
        assert d.difference.value == 0.0
        assert d.difference.low is None or d.difference.low < 0 < d.difference.high


def test_without_the_baseline_there_are_no_differences(scored):
    assert differences({"new": scored["new"]}, "base") == []

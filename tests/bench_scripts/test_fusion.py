"""The decision rule of `bench.fusion`, and its fusions and criteria on scores whose order is known."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from bench.fusion_candidates import (
    BEARINGS,
    CANDIDATES,
    FUSION,
    IN_USE,
    SETS,
    VERSION_0_1_0,
    Candidate,
    best,
    decide,
)
from bench.fusion_rules import CHOICES, FUSIONS, Evidence, agreement, chosen, stability
from bench.fusion_scores import SOURCES

from auscult.detectors.ensemble.members import MEMBERS

MACHINES = (*BEARINGS, "a", "b")
SIMPLE = Candidate("two lengths, residual, density, equal", FUSION)
LARGER = Candidate("three lengths, low residual, domain, equal", FUSION)
FIRST_ROUND = Candidate("three lengths, low residual, domain, equal", "mean of z", "agreement")


def results(**special: dict[Candidate, float]) -> tuple[dict, dict]:
    """Measures of 70 on every real machine and of 80 on a simulated one, except for the given ones."""
    real = {c: dict.fromkeys(MACHINES, 70.0) for c in CANDIDATES}
    simulated = {c: {"simulated": 80.0} for c in CANDIDATES}
    for machine, values in special.items():
        for candidate, value in values.items():
            (simulated if machine == "simulated" else real)[candidate][machine] = value
    return real, simulated


def test_the_default_must_raise_the_bearings_and_keep_the_others():
    assert decide(*results()).candidate == VERSION_0_1_0
    rise = {"FemtoBearing": {LARGER: 71.0}, "PaderbornBearing": {LARGER: 77.0}}
    assert decide(*results(**rise)).candidate == LARGER, "4 points on average"
    assert decide(*results(**{**rise, "FemtoBearing": {LARGER: 70.9}})).candidate == VERSION_0_1_0
    assert decide(*results(**rise, a={LARGER: 68.9})).candidate == VERSION_0_1_0
    assert decide(*results(**rise, a={LARGER: 69.0})).candidate == LARGER


def test_of_several_the_best_on_simulated_machines_is_the_default():
    rise = {"PaderbornBearing": {LARGER: 90.0, SIMPLE: 80.0, FIRST_ROUND: 90.0}}
    assert decide(*results(**rise, simulated={SIMPLE: 80.1, FIRST_ROUND: 99.0})).candidate == SIMPLE
    assert decide(*results(**rise, simulated={LARGER: 80.1})).candidate == LARGER


def test_the_simplest_of_nearly_equal_candidates_is_the_best():
    real, _ = results(a={LARGER: 74.0, SIMPLE: 73.8, VERSION_0_1_0: 90.0})
    assert best(real, MACHINES) == SIMPLE, "0.05 points on average"
    real, _ = results(a={LARGER: 74.5, SIMPLE: 73.8})
    assert best(real, MACHINES) == LARGER


def test_a_machine_has_no_influence_on_what_it_is_judged_by():
    decision = decide(*results(a={LARGER: 90.0}, b={LARGER: 68.5}))
    assert decision.left_out["a"] != LARGER
    assert decision.left_out["b"] == LARGER
    assert decision.mean == pytest.approx((70 + 70 + 70 + 68.5) / 4)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_fusion_increases_with_every_member(name):
    rng = np.random.default_rng(0)
    normal, test = rng.gamma(2, 1, (40, 5)), rng.gamma(2, 2, (30, 5))
    low = FUSIONS[name](normal, test)
    assert low.shape == (30,)
    assert np.all(np.isfinite(FUSIONS[name](normal, test * 1e3)))
    assert np.all(FUSIONS[name](normal, test + 0.5) >= low)
    scaled = FUSIONS[name](normal * 7 - 3, test * 7 - 3)
    np.testing.assert_allclose(scaled, low, atol=1e-9, err_msg="the unit of a score does not matter")


def test_tails_are_those_of_the_distributions_that_were_drawn_from():
    rng = np.random.default_rng(1)
    exponential = rng.exponential(1.0, (100_000, 1))
    x = np.array([[3.0], [8.0]])
    for name in ("−log p, exponential tail", "−log p, Pareto tail", "−log p, gamma"):
        np.testing.assert_allclose(FUSIONS[name](exponential, x), x[:, 0], rtol=0.05)
    pareto = rng.pareto(4.0, (100_000, 1))  # p = (1 + x) ** -4
    minus_log_p = 4 * np.log1p(x[:, 0])
    np.testing.assert_allclose(FUSIONS["−log p, Pareto tail"](pareto, x), minus_log_p, rtol=0.05)
    gaussian = rng.normal(size=(100_000, 1))
    np.testing.assert_allclose(FUSIONS["−log p, Gaussian"](gaussian, x[:1]), -np.log(0.00135), rtol=0.02)


def test_criteria_recognise_a_member_that_is_noise_or_depends_on_the_fold():
    rng = np.random.default_rng(2)
    common, folds = rng.normal(size=60), np.arange(60) % 5
    normal = np.stack([common + 0.1 * rng.normal(size=60) for _ in range(3)] + [rng.normal(size=60)], axis=1)
    evidence = Evidence(normal, folds, rng.normal(size=(80, 4)))
    assert agreement(evidence).argmin() == 3
    assert chosen("agreement", evidence).tolist() == [True, True, True, False]
    normal[:, 3] += 5 * folds
    assert stability(evidence).argmin() == 3
    pseudo = np.stack([rng.normal(3, 1, 80)] * 3 + [rng.normal(10, 8, 80)], axis=1)
    kept = chosen("pseudo-anomalies", Evidence(normal, folds, pseudo))
    assert kept.tolist() == [True, True, True, False]
    assert chosen("none", evidence).all()
    assert set(CHOICES) == {"none", "agreement", "stability", "pseudo-anomalies"}


def test_the_set_in_use_is_that_of_auto():
    """A source that is named twice has twice the weight."""
    used = Counter(SETS[IN_USE.members])
    of_auto = {
        (m.detector, m.score, m.settings.get("views"), m.settings.get("ranks"), m.divisor): m.weight
        for m in MEMBERS.values()
        if not m.trains
    }
    of_bench = {}
    for name, weight in used.items():
        source, score = SOURCES[name.partition(":")[0]], name.partition(":")[2]
        options = source.settings.get("views"), source.settings.get("ranks")
        of_bench[(source.detector, score, *options, source.divisor)] = weight
    assert of_bench == of_auto
    assert IN_USE in CANDIDATES

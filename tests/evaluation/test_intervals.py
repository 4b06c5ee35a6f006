"""Exact intervals: of rates, and of the AUC of clips that are separated perfectly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from auscult.errors import EvaluationError
from auscult.evaluation import Estimate, proportion_interval
from auscult.evaluation.intervals import difference_interval, logit_interval, separation_interval
from auscult.evaluation.metrics import pauc
from auscult.evaluation.spread import Spread


def test_proportion_interval_is_clopper_pearson():
    for successes, trials in ((0, 30), (3, 30), (30, 30), (1, 2), (57, 200)):
        interval = proportion_interval(successes, trials)
        exact = binomtest(successes, trials).proportion_ci(method="exact")
        assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
        assert interval.value == successes / trials
    for successes, trials in ((1, 0), (3, 2), (-1, 5)):
        with pytest.raises(EvaluationError, match=f"got {successes} successes in {trials} trials"):
            proportion_interval(successes, trials)


def test_clips_of_one_recording_widen_the_interval():
    independent = proportion_interval(30, 100)
    alike = proportion_interval(30, 100, spread=Spread(0.3, 0.3 * 0.7 / 20, 1e9), independent=20)
    exact = proportion_interval(6, 20)
    assert (alike.low, alike.high) == pytest.approx((exact.low, exact.high))
    few = proportion_interval(30, 100, spread=Spread(0.3, 0.3 * 0.7 / 20, 4), independent=5)
    assert few.low < alike.low < independent.low
    assert few.high > alike.high > independent.high
    not_alike = proportion_interval(30, 100, spread=Spread(0.3, 1e-6, 1e9), independent=20)
    assert (not_alike.low, not_alike.high) == (independent.low, independent.high)


def test_without_any_success_the_recordings_count():
    none = proportion_interval(0, 100, spread=Spread(0.0, 0.0, 19), independent=20)
    exact = binomtest(0, 20).proportion_ci(method="exact")
    assert (none.low, none.high) == pytest.approx((exact.low, exact.high))


def test_the_logit_interval_stays_within_bounds_and_is_narrow_near_one():
    interval = logit_interval(Spread(0.97, 0.03**2, 5))
    assert 0 < interval.low < 0.9 < 0.97 < interval.high < 1
    wide = logit_interval(Spread(0.97, 0.03**2, 2))
    assert wide.low < interval.low
    middle = logit_interval(Spread(0.5, 0.001**2, 1e9))
    assert middle.high - middle.low == pytest.approx(2 * 1.96 * 0.001, rel=1e-3)


def test_a_difference_has_the_margins_of_both_values():
    first, second = Estimate(0.9, 0.8, 0.93), Estimate(0.6, 0.5, 0.72)
    independent = difference_interval(first, second, 0.0, 0.3)
    assert independent.value == pytest.approx(0.3)
    assert independent.low == pytest.approx(0.3 - np.hypot(0.1, 0.12))
    assert independent.high == pytest.approx(0.3 + np.hypot(0.03, 0.1))
    correlated = difference_interval(first, second, 0.8, 0.1)
    assert correlated.high - correlated.low < independent.high - independent.low
    similar = difference_interval(first, first, 0.99, 0.01)
    assert 0.02 < similar.high - similar.low < 0.04, "margins of a skewed interval cancel"
    none = difference_interval(first, first, 1.0, 0.0)
    assert (none.value, none.low, none.high) == (0.0, None, None), "no interval of zero width"
    assert "same results" in none.note
    with pytest.raises(EvaluationError, match="needs those of both"):
        difference_interval(first, Estimate(0.6), 0.0, 0.1)


@given(st.data())
def test_an_interval_contains_the_rate_and_has_a_width(data):
    trials = data.draw(st.integers(1, 300))
    successes, independent = data.draw(st.integers(0, trials)), data.draw(st.integers(1, trials))
    variance = data.draw(st.floats(0, 0.25))
    spread = Spread(successes / trials, variance, max(1, independent - 1))
    interval = proportion_interval(successes, trials, spread=spread, independent=independent)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.high - interval.low > 0.001


def test_the_bound_of_a_separated_auc_is_that_of_as_many_pairs():
    for recordings in (1, 2, 10, 100):
        interval = separation_interval("auc_source", 1.0, recordings)
        exact = binomtest(recordings, recordings).proportion_ci(method="exact")
        assert (interval.low, interval.high) == pytest.approx((exact.low, 1.0))
        mirrored = separation_interval("auc_source", 0.0, recordings)
        assert (mirrored.low, mirrored.high) == pytest.approx((0.0, 1 - exact.low))


@pytest.mark.parametrize("metric", ["auc", "pauc"])
def test_the_bound_holds_where_it_is_tight(metric):
    """All anomalous scores equal, and a normal one above them with a probability that the bound just accepts:
    then all clips are separated in 2.5 % of samples. A little more often above, and the bound rejects it."""
    normals, anomalies, trials = 40, 60, 20000
    rng = np.random.default_rng(0)
    above = 1 - separation_interval("auc", 1.0, normals).low
    separated = np.mean(rng.binomial(normals, above, trials) == 0)
    assert separated == pytest.approx(0.025, abs=0.004)
    population = np.r_[np.repeat(1.0, round(100000 * above)), np.repeat(-1.0, 100000 - round(100000 * above))]
    labels = np.r_[np.zeros(100000), np.ones(anomalies)]
    truth = 1 - above if metric == "auc" else pauc(labels, np.r_[population, np.zeros(anomalies)])
    assert separation_interval(metric, 1.0, normals).low == pytest.approx(truth, abs=1e-4)


def test_the_bound_covers_the_true_auc_of_overlapping_scores():
    from scipy.stats import norm

    rng = np.random.default_rng(1)
    for shift in (2.0, 3.0, 4.0):
        truth = norm.cdf(shift / np.sqrt(2))
        missed = 0
        for _ in range(2000):
            normal, anomaly = rng.normal(size=6), rng.normal(size=9) + shift
            if normal.max() < anomaly.min():
                missed += separation_interval("auc", 1.0, 6).low > truth
        assert missed / 2000 <= 0.025

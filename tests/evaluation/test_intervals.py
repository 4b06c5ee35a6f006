"""Exact intervals: of rates, and of the AUC of clips that are separated perfectly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from auscult.errors import EvaluationError
from auscult.evaluation import delong_interval, proportion_interval
from auscult.evaluation.intervals import separation_interval
from auscult.evaluation.metrics import pauc


def test_proportion_interval_is_clopper_pearson():
    for successes, trials in ((0, 30), (3, 30), (30, 30), (1, 2), (57, 200)):
        interval = proportion_interval(successes, trials)
        exact = binomtest(successes, trials).proportion_ci(method="exact")
        assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
        assert interval.value == successes / trials
    for successes, trials in ((1, 0), (3, 2), (-1, 5)):
        with pytest.raises(EvaluationError, match=f"got {successes} successes in {trials} trials"):
            proportion_interval(successes, trials)


def test_copies_of_trials_do_not_narrow_the_interval():
    plain, copied = proportion_interval(3, 10), proportion_interval(30, 100, independent=10)
    assert (copied.value, copied.low, copied.high) == pytest.approx((plain.value, plain.low, plain.high))
    assert proportion_interval(30, 100).high < plain.high


@given(st.data())
def test_an_interval_contains_the_rate_and_has_a_width(data):
    trials = data.draw(st.integers(1, 300))
    successes, independent = data.draw(st.integers(0, trials)), data.draw(st.integers(1, trials))
    interval = proportion_interval(successes, trials, independent=independent)
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


def test_delong_of_separated_and_of_equal_scores_has_no_zero_width():
    separated = delong_interval([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6])
    assert (separated.value, separated.high) == (1.0, 1.0)
    assert separated.low == pytest.approx(0.025 ** (1 / 3))
    equal = delong_interval([0, 0, 1, 1], [1, 1, 1, 1])
    assert (equal.value, equal.low, equal.high) == (0.5, None, None)
    assert "ties" in equal.note

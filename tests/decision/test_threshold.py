"""Conformal, gamma and fixed thresholds, p-values, and parsing of false-alarm rates."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.decision import (
    conformal_threshold,
    fixed_threshold,
    gamma_threshold,
    p_value,
    parse_rate,
    threshold_by_name,
)
from auscult.errors import EvaluationError, FitError, OptionError


def test_the_rank_is_not_moved_by_floating_point_error():
    # As floats, products such as 20 × (1 − 0.05) may be slightly above an integer.
    for rate, per_unit in ((0.05, 20), (0.1, 10), (0.01, 100), (0.02, 50), (0.2, 5)):
        for units in range(1, 30):
            count = per_unit * units - 1
            scores = np.arange(1, count + 1, dtype=float)
            assert conformal_threshold(scores, rate).value == count + 1 - units


def test_nineteen_clips_are_the_minimum_for_five_percent():
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))
    assert conformal_threshold(scores).value == 19.0
    too_few = conformal_threshold(scores[:18])
    assert too_few.value is None
    assert too_few.needed == 1
    assert "1 more is needed" in too_few.warning
    assert too_few.is_anomalous(1e9) is None


@pytest.mark.parametrize(
    ("rate", "required"), [(0.05, 19), (0.1, 9), (0.01, 99), (0.5, 1), (1 / 3, 2), (0.3, 3)]
)
def test_clips_required_for_a_rate(rate, required):
    without_clips = conformal_threshold([], rate)
    assert (without_clips.value, without_clips.needed, without_clips.calibration_count) == (None, required, 0)
    assert f"{required} more" in without_clips.warning
    assert conformal_threshold(np.arange(required), rate).value == required - 1
    assert conformal_threshold(np.zeros(required - 1), rate).value is None


def test_too_few_clips_report_the_lowest_possible_rate():
    warning = conformal_threshold(np.arange(10.0), 0.05).warning
    assert "requires 19 calibration clips of normal operation, got 10" in warning
    assert "with 10 clips the lowest possible rate is 9.09 % (`false_alarms=0.1`)" in warning
    assert "with 1 clip the lowest possible rate is 50 %" in conformal_threshold([1.0], 0.05).warning


def test_ties_do_not_cause_more_false_alarms():
    scores = np.array([1.0] * 10 + [2.0] * 10)
    threshold = conformal_threshold(scores, 0.1)
    assert threshold.value == 2.0
    assert threshold.is_anomalous(2.0) is False
    assert threshold.is_anomalous(2.0000001) is True


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=60),
    st.integers(-6, 6),
    st.sampled_from([0.01, 0.05, 0.1, 0.25, 1 / 3, 0.5, 0.9]),
)
def test_p_value_is_at_most_alpha_exactly_if_the_threshold_is_exceeded(calibration, score, rate):
    threshold = conformal_threshold(calibration, rate)
    below = p_value(score, calibration) <= rate + 1e-12
    if threshold.value is None:
        assert not below or len(set(calibration)) == 1
    else:
        assert below == threshold.is_anomalous(score)


@given(st.integers(1, 40), st.sampled_from([0.05, 0.1, 0.2, 0.3]), st.integers(0, 2**32 - 1), st.booleans())
def test_exact_finite_sample_false_alarm_rate(count, rate, seed, tied):
    """With each of n + 1 exchangeable scores as the new one, a fraction of at most α raises an alarm."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, count + 1).astype(float) if tied else rng.normal(size=count + 1)
    alarms = [
        conformal_threshold(np.delete(scores, new), rate).is_anomalous(scores[new])
        for new in range(count + 1)
    ]
    assert sum(map(bool, alarms)) <= rate * (count + 1) + 1e-9
    if not tied and alarms[0] is not None:  # without ties, exactly as many as the rank allows
        assert sum(map(bool, alarms)) == math.floor(rate * (count + 1) + 1e-9)


def test_false_alarm_rate_by_simulation():
    rng = np.random.default_rng(1)
    trials, alarms = 4000, 0
    for _ in range(trials):
        draw = rng.lognormal(size=31)
        alarms += bool(conformal_threshold(draw[:30], 0.1).is_anomalous(draw[30]))
    expected = 3 / 31  # ⌊31 × 0.1⌋ of 31 ranks
    assert abs(alarms / trials - expected) < 4 * math.sqrt(expected / trials)


@pytest.mark.parametrize("invalid", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite_are_refused(invalid):
    scores = [1.0, invalid, 3.0, 4.0, 5.0]
    for function in (conformal_threshold, gamma_threshold, lambda s: p_value(1.0, s)):
        with pytest.raises(FitError, match="1 of 5 calibration scores are not finite"):
            function(scores)


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, math.nan, math.inf])
def test_rates_out_of_range_are_refused(rate):
    with pytest.raises(OptionError, match="between 0 and 1"):
        conformal_threshold([1.0, 2.0], rate)
    with pytest.raises(OptionError, match="between 0 and 1"):
        gamma_threshold([1.0, 2.0, 3.0, 4.0], rate)


def test_gamma_threshold_is_the_quantile_of_gamma_scores():
    scores = np.random.default_rng(3).gamma(4.0, 2.0, 3000) + 5
    threshold = gamma_threshold(scores)
    from scipy import stats

    assert threshold.value == pytest.approx(stats.gamma.ppf(0.9, 4.0, loc=5, scale=2.0), rel=0.02)
    assert (threshold.method, threshold.warning, threshold.calibration_count) == ("gamma", None, 3000)
    assert threshold.rate == pytest.approx(0.1)


def test_the_plain_gamma_threshold_is_that_of_the_baseline():
    from scipy import stats

    scores = np.random.default_rng(4).gamma(4.0, 1.0, 100)
    shape, location, scale = stats.gamma.fit(scores)
    plain = threshold_by_name("gamma_scipy", scores, rate=0.05)
    assert plain.value == stats.gamma(shape, location, scale).ppf(0.95)
    assert plain.method == "gamma_scipy"
    assert gamma_threshold(scores, 0.95).value == pytest.approx(plain.value, rel=1e-3)


def test_scores_that_no_gamma_distribution_describes_have_no_threshold():
    rng = np.random.default_rng(5)
    two_clusters = np.r_[rng.normal(size=100), 100 + rng.normal(size=100)]
    threshold = gamma_threshold(two_clusters)
    assert (threshold.value, threshold.needed) == (None, 0)
    assert threshold.is_anomalous(1e9) is None
    assert "no threshold: no gamma distribution fits these 200 calibration scores" in threshold.warning
    assert "Kolmogorov–Smirnov distance is 0.3" in threshold.warning
    stray = np.r_[rng.normal(size=50), 50.0, 60.0]
    assert "no solution with a shape of at least 1" in gamma_threshold(stray).warning
    plain = gamma_threshold(two_clusters, plain=True)
    assert "fits poorly: 0 of 200" in plain.warning
    assert "Kolmogorov–Smirnov distance is 0.3" in plain.warning
    assert plain.value is not None
    assert (
        "fits poorly: the shape is 0." in gamma_threshold(rng.exponential(size=60) ** 2, plain=True).warning
    )


def test_gamma_of_too_few_or_equal_scores():
    too_few = gamma_threshold([1.0, 2.0, 3.0])
    assert (too_few.value, too_few.needed) == (None, 1)
    assert "1 more is needed" in too_few.warning
    with pytest.raises(FitError, match="all equal 2"):
        gamma_threshold([2.0] * 30)


def test_threshold_by_name():
    scores = np.random.default_rng(6).gamma(3.0, 1.0, 200)
    assert threshold_by_name("conformal", scores) == conformal_threshold(scores, 0.05)
    assert threshold_by_name("conformal", scores, rate=0.2) == conformal_threshold(scores, 0.2)
    assert threshold_by_name("gamma", scores) == gamma_threshold(scores, 0.9)
    assert threshold_by_name("gamma", scores, rate=0.05) == gamma_threshold(scores, 0.95)
    assert threshold_by_name("gamma_scipy", scores) == gamma_threshold(scores, 0.9, plain=True)
    with pytest.raises(OptionError, match="conformal, gamma"):
        threshold_by_name("magic", scores)


def test_fixed_threshold():
    threshold = fixed_threshold(1.5)
    assert (threshold.value, threshold.method, threshold.rate) == (1.5, "fixed", None)
    assert threshold.is_anomalous(1.5) is False
    with pytest.raises(OptionError, match="finite"):
        fixed_threshold(math.nan)


def test_p_value():
    assert p_value(3.0, [1.0, 2.0, 3.0, 4.0]) == 3 / 5
    assert p_value(9.0, [1.0, 2.0, 3.0, 4.0]) == 1 / 5
    assert p_value(math.inf, [1.0]) == 0.5
    assert p_value(1.0, []) == 1.0
    with pytest.raises(EvaluationError, match="NaN"):
        p_value(math.nan, [1.0])


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5%", 0.05),
        ("0.05", 0.05),
        (" 5 % ", 0.05),
        (".1", 0.1),
        ("0.5%", 0.005),
        ("1e-3", 0.001),
        ("99%", 0.99),
    ],
)
def test_parse_rate(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "%", "five", "0", "0%", "1", "100%", "-5%", "nan", "inf", "5%%", "0,05", "120"]
)
def test_parse_rate_refuses_invalid_text(text):
    with pytest.raises(OptionError, match="false-alarm rate"):
        parse_rate(text)


def test_parse_rate_suggests_a_percentage():
    with pytest.raises(OptionError, match="did you mean 5%"):
        parse_rate("5")


@pytest.mark.parametrize("value", [0.0, 1.5])
def test_equal_scores_give_no_threshold(value):
    threshold = conformal_threshold([value] * 30)
    assert (threshold.value, threshold.calibration_count, threshold.needed) == (None, 30, 0)
    assert "equal" in threshold.warning
    assert conformal_threshold([*[value] * 30, value + 1e-9], 0.1).value == value

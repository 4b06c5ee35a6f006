"""Fitting a gamma distribution with a location, where the likelihood has a singularity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auscult.decision import gamma_threshold
from auscult.decision.gamma_fit import MIN_GAP, MIN_SHAPE, fit_gamma


def test_the_parameters_of_gamma_scores_are_estimated():
    scores = np.random.default_rng(0).gamma(4.0, 2.0, 5000) + 5
    fitted = fit_gamma(scores)
    assert (fitted.shape, fitted.location, fitted.scale) == pytest.approx((4.0, 5.0, 2.0), rel=0.15)
    assert fitted.distance < 0.02


def test_no_start_gives_a_greater_likelihood():
    """Starts on a fine grid of locations find nothing better among acceptable solutions."""
    rng = np.random.default_rng(1)
    for shape in (1.5, 3.0, 10.0):
        scores = rng.gamma(shape, 1.0, 55)
        fitted = fit_gamma(scores)
        loss = stats.gamma.nnlf((fitted.shape, fitted.location, fitted.scale), scores)
        for gap in np.geomspace(0.02, 20, 40):
            location = scores.min() - gap * scores.std()
            a, _, scale = stats.gamma.fit(scores, floc=location)
            assert a < MIN_SHAPE or stats.gamma.nnlf((a, location, scale), scores) > loss - 0.01


def test_a_single_start_that_fails_gives_no_low_threshold():
    """Draws for which the baseline's threshold for 10 % false alarms is below four of ten scores and more."""
    failures = 0
    for seed in range(60):
        scores = np.random.default_rng(seed).gamma(1.5, 1.0, 12)
        shape, location, scale = stats.gamma.fit(scores)
        if np.mean(scores > stats.gamma.ppf(0.9, shape, loc=location, scale=scale)) < 0.4:
            continue
        failures += 1
        fitted = fit_gamma(scores)
        assert fitted is None or np.mean(scores > fitted.quantile(0.9)) < 0.3
    assert failures, "no draw shows the failure"


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(-5, 5), min_size=4, max_size=30).filter(lambda values: np.ptp(values) > 1e-3),
    st.floats(-1e3, 1e3),
    st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_every_solution_is_away_from_the_singularity_and_scales_with_the_scores(values, shift, scale):
    scores = np.array(values)
    fitted = fit_gamma(scores)
    if fitted is None:
        return
    assert fitted.shape >= MIN_SHAPE
    assert fitted.location <= scores.min() - 0.999 * MIN_GAP * scores.std()
    assert 0 <= fitted.distance <= 1
    other = fit_gamma(scale * (scores + shift))
    assert other is not None
    spread = scale * scores.std()
    assert other.quantile(0.9) == pytest.approx(scale * (fitted.quantile(0.9) + shift), abs=0.05 * spread)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e160, 1e300])
@pytest.mark.filterwarnings("error")
def test_very_small_and_large_scores_have_a_threshold(scale):
    scores = np.random.default_rng(2).gamma(3.0, 1.0, 60)
    expected = scale * gamma_threshold(scores).value
    assert gamma_threshold(scale * scores).value == pytest.approx(expected, rel=1e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "scores",
    [
        np.random.default_rng(0).pareto(1.0, 60),
        np.random.default_rng(0).standard_cauchy(60),
        np.concatenate([np.random.default_rng(0).normal(mean, 1.0, 30) for mean in (0.0, 50.0)]),
        np.array([1.0] * 29 + [2.0]),
        np.array([-1.7e308, 1.7e308, 0.0, 1.0]),
    ],
    ids=["pareto", "cauchy", "two modes", "one outlier", "overflow"],
)
def test_scores_that_no_gamma_distribution_describes_have_no_threshold_but_a_reason(scores):
    threshold = gamma_threshold(scores)
    assert threshold.value is None
    assert "use the conformal threshold" in threshold.warning

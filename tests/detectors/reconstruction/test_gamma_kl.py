"""The divergences compared with `torch.distributions`, numerical integration and analytic identities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.distributions import Exponential, Gamma, kl_divergence

from auscult.detectors.reconstruction import gamma_kl

positive = st.floats(-3.0, 4.0).map(math.exp)  # 0.05 to 55, uniform in the logarithm


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def itakura_saito(u: torch.Tensor, v: float) -> torch.Tensor:
    return u / v - (u / v).log() - 1


@given(positive, positive, positive, positive)
def test_exact_matches_torch(shape, scale, prior_shape, prior_scale):
    posterior = Gamma(number(shape), 1 / number(scale))
    prior = Gamma(number(prior_shape), 1 / number(prior_scale))
    expected = float(kl_divergence(posterior, prior))
    ours = float(gamma_kl.exact(number(shape), number(scale), prior_shape, prior_scale))
    assert ours == pytest.approx(expected, rel=1e-10, abs=1e-11)


@given(positive, positive)
def test_exact_is_zero_only_at_the_prior(shape, scale):
    at_prior = gamma_kl.exact(number(shape), number(scale), shape, scale)
    nearby = gamma_kl.exact(number(shape), number(1.1 * scale), shape, scale)
    assert abs(float(at_prior)) < 1e-11
    assert float(nearby) > 0


def test_the_gradient_of_exact_matches_torch():
    shape = torch.tensor([0.2, 1.0, 7.0], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([3.0, 0.5, 0.1], dtype=torch.float64, requires_grad=True)
    ours = torch.autograd.grad(gamma_kl.exact(shape, scale, 2.0, 1.5).sum(), (shape, scale))
    prior = Gamma(number(2.0), number(1 / 1.5))
    theirs = torch.autograd.grad(kl_divergence(Gamma(shape, 1 / scale), prior).sum(), (shape, scale))
    for gradient, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-12)


@given(positive, positive, positive, positive)
def test_eq2_equals_the_itakura_saito_form(a, b, c, d):
    c_, d_ = number(c), number(d)
    identity = itakura_saito(c_ * d_, a) + (b - 1) * (math.log(a) - 1 + d_.digamma() + c_.log())
    assert float(gamma_kl.eq2(a, b, c_, d_)) == pytest.approx(float(identity), rel=1e-10, abs=1e-9)


@given(positive, positive, positive)
def test_eq2_with_b_equal_to_one_is_the_divergence_of_two_exponentials(a, c, d):
    mean = number(c) * number(d)
    expected = kl_divergence(Exponential(1 / mean), Exponential(number(1 / a)))
    assert float(gamma_kl.eq2(a, 1.0, number(c), number(d))) == pytest.approx(
        float(expected), rel=1e-10, abs=1e-11
    )


def test_eq2_has_no_lower_bound_for_b_above_one():
    small = number(1e-6)
    assert float(gamma_kl.eq2(1.0, 2.0, number(1.0), small)) < -1e5, "no lower bound as d goes to 0"
    assert float(gamma_kl.eq2(1.0, 3.0, number(1e-30), number(1.0))) < -50, "nor as c goes to 0, for b > 2"


def test_the_letters_of_eq2_in_both_interpretations():
    shape, scale = number(0.3), number(0.7)
    product = 0.3 * 0.7
    by_text = product / 2 + math.log(2) - math.log(product) - 1  # a = 2, b = 1: no (b − 1)(…)
    assert float(gamma_kl.eq2_text_labels(shape, scale, 2.0, 1.0)) == pytest.approx(by_text, rel=1e-12)
    digamma = -3.50252422  # ψ(0.3)
    by_meaning = product - math.log(product) - 2 + (digamma + math.log(0.7))  # a = 1 and b = 2
    assert float(gamma_kl.eq2_shape_scale(shape, scale, 2.0, 1.0)) == pytest.approx(by_meaning, rel=1e-8)


@pytest.mark.parametrize(
    ("k", "scale", "prior_shape", "prior_scale"),
    [(1.0, 1.0, 1.0, 1.0), (0.7, 2.0, 2.0, 1.0), (3.0, 0.4, 0.6, 2.5), (8.0, 5.0, 4.0, 0.5)],
)
def test_weibull_matches_numerical_integration(k, scale, prior_shape, prior_scale):
    q, p = stats.weibull_min(k, scale=scale), stats.gamma(prior_shape, scale=prior_scale)
    # over quantiles u of q, so that the integral is over [0, 1] for every posterior
    expected, error = integrate.quad(
        lambda u: q.logpdf(q.ppf(u)) - p.logpdf(q.ppf(u)), 0, 1, epsabs=1e-10, epsrel=1e-10, limit=500
    )
    ours = float(gamma_kl.weibull(number(k), number(scale), prior_shape, prior_scale))
    assert error < 1e-6
    assert ours == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(positive, positive, positive, positive)
def test_weibull_is_never_negative(k, scale, prior_shape, prior_scale):
    assert float(gamma_kl.weibull(number(k), number(scale), prior_shape, prior_scale)) > -1e-9


@given(st.floats(1.0, 500.0))
def test_log_gamma_matches_the_standard_library(x):
    assert float(gamma_kl.log_gamma(number(x))) == pytest.approx(math.lgamma(x), rel=1e-11, abs=1e-12)


def test_log_gamma_is_accurate_in_single_precision():
    x = torch.linspace(1, 60, 400)
    expected = np.array([math.lgamma(float(v)) for v in x])
    np.testing.assert_allclose(gamma_kl.log_gamma(x).numpy(), expected, rtol=2e-5, atol=2e-6)


def test_all_arguments_broadcast():
    shape, scale = torch.rand(2, 5, 8) + 0.1, torch.rand(2, 5, 8) + 0.1
    for name, divergence in {**gamma_kl.KL, "weibull": gamma_kl.weibull}.items():
        assert divergence(shape, scale, 2.0, 1.0).shape == (2, 5, 8), name

"""The gamma likelihood compared with SciPy, the divergence, and shapes estimated from moments."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from auscult.detectors.reconstruction.gamma_likelihood import (
    LINEAR_ABOVE,
    SHAPE_RANGE,
    divergence,
    moment_shape,
    normaliser,
)

positive = st.floats(-4.0, 4.0).map(math.exp)


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@given(x=positive, mean=positive, shape=st.floats(0.1, 1000.0))
def test_the_likelihood_matches_scipy(x, mean, shape):
    ours = shape * divergence(number(x / mean).log()) + normaliser(number(shape)) + math.log(x)
    assert float(ours) == pytest.approx(-stats.gamma.logpdf(x, shape, scale=mean / shape), rel=1e-9, abs=1e-9)


def test_the_divergence_is_zero_at_equality_and_positive_elsewhere():
    assert float(divergence(number(0.0))) == 0
    away = torch.cat([torch.linspace(-60, -0.01, 300), torch.linspace(0.01, 60, 300)]).double()
    assert bool((divergence(away) > 0).all())
    assert bool((divergence(away[:300]).diff() < 0).all())
    assert bool((divergence(away[300:]).diff() > 0).all())


def test_large_ratios_continue_the_exponential_by_the_tangent():
    at = torch.tensor(
        [LINEAR_ABOVE - 1e-6, LINEAR_ABOVE, LINEAR_ABOVE + 1e-6], dtype=torch.float64, requires_grad=True
    )
    value = divergence(at)
    (slope,) = torch.autograd.grad(value.sum(), at)
    np.testing.assert_allclose(value.detach(), math.exp(LINEAR_ABOVE) - LINEAR_ABOVE - 1, rtol=1e-5)
    np.testing.assert_allclose(slope, math.exp(LINEAR_ABOVE) - 1, rtol=1e-5)
    furthest = torch.tensor([1e4, -1e4], requires_grad=True)  # 43,000 dB, in single precision
    (slope,) = torch.autograd.grad(divergence(furthest).sum(), furthest)
    assert bool(torch.isfinite(divergence(furthest)).all() and torch.isfinite(slope).all())
    assert slope[0] > 0 > slope[1], "gradient descent leads back"


@pytest.mark.parametrize("shape", [0.4, 1.35, 8.5, 60.0])
def test_the_most_likely_shape_is_the_true_one(shape):
    """k·d + normaliser(k), averaged over samples about a known mean, is smallest at their true shape."""
    rng = np.random.default_rng(0)
    d = divergence(torch.from_numpy(np.log(rng.gamma(shape, 1 / shape, 200_000)))).mean()
    candidates = torch.logspace(math.log10(shape) - 0.5, math.log10(shape) + 0.5, 2001, dtype=torch.float64)
    best = candidates[(candidates * d + normaliser(candidates)).argmin()]
    assert float(best) == pytest.approx(shape, rel=0.02)


def test_the_normaliser_is_accurate_in_single_precision():
    shapes = torch.logspace(*map(math.log10, SHAPE_RANGE), 500, dtype=torch.float64)
    np.testing.assert_allclose(normaliser(shapes.float()), normaliser(shapes), atol=2e-3)


@pytest.mark.parametrize("frames", [2, 5])
def test_moment_shapes_do_not_depend_on_the_level_of_each_segment(frames):
    rng = np.random.default_rng(0)
    shapes = np.array([0.5, 1.35, 3.0, 8.5])
    power = rng.gamma(shapes, 1 / shapes, (40_000, frames, 4)) * 10 ** rng.uniform(-10, 3, (40_000, 1, 1))
    np.testing.assert_allclose(moment_shape(power), shapes, rtol=0.05)


def test_moment_shapes_of_single_frames_and_of_constant_bands():
    rng = np.random.default_rng(0)
    assert moment_shape(rng.gamma(2.0, 0.5, (20_000, 1, 1))) == pytest.approx(2.0, rel=0.05)
    assert moment_shape(np.zeros((10, 5, 1))) == SHAPE_RANGE[1]
    assert moment_shape(np.full((10, 5, 1), 1e-16)) == SHAPE_RANGE[1]
    spikes = np.zeros((1000, 5, 1))
    spikes[:, 0] = 1.0
    assert SHAPE_RANGE[0] <= float(moment_shape(spikes)[0]) <= 0.2

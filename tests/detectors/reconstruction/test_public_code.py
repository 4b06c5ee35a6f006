"""The preset ``public_code``: its sampler and divergence against independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.distributions import Gamma, kl_divergence

from auscult.detectors.options import make_config
from auscult.detectors.reconstruction import gamma_kl
from auscult.detectors.reconstruction.gamma_vae import GammaVAE
from auscult.detectors.reconstruction.latents import gamma_moments, sample_gamma
from auscult.detectors.training.step import Batch

BOOST = 8
SAMPLER = "boosted_uncorrected"
SMALL = {"sample_rate": 8000, "n_mels": 8, "n_fft": 512, "hop": 256, "context": 2, "hidden": 8, "latents": 4}
positive = st.floats(-3.0, 4.0).map(math.exp)  # 0.05 to 55, uniform in the logarithm


def public_code(**settings) -> GammaVAE:
    return GammaVAE(make_config("gamma_vae", preset="public_code", settings=settings))


def traced_sample(alpha: torch.Tensor, beta: torch.Tensor, unscaled: torch.Tensor) -> torch.Tensor:
    """The public code's path: a normal variate from the gamma variate, transformed again, over the rate."""
    a = alpha + BOOST
    root = (9 * a - 3).sqrt()
    epsilon = root * ((unscaled / (a - 1 / 3)) ** (1 / 3) - 1)
    return (a - 1 / 3) * (1 + epsilon / root) ** 3 / beta


def posterior_parameters(count: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax values α and β, (1, count, 8), with gradients."""
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(2, 1, count, 8, generator=generator, dtype=torch.float64)
    alpha, beta = logits.softmax(-1).to(dtype)
    return alpha.clone().requires_grad_(), beta.clone().requires_grad_()


def test_the_preset_has_the_options_of_the_public_code():
    config = public_code().config
    assert (config.latent, config.head, config.kl, config.sampler, config.scoring) == (
        *("shape_rate", "softmax", "arguments_reversed", "boosted_uncorrected", "sample"),
    )
    assert (config.prior_shape, config.prior_scale, config.kl_weight, config.kl_warmup) == (2.0, 1.0, 1.0, 0)
    assert (config.latents, config.learning_rate, config.epochs, config.batch_size) == (8, 1e-3, 100, 256)
    published = public_code(latents=128, learning_rate=3e-3).config
    assert (published.latents, published.learning_rate) == (128, 3e-3)


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_gradient_equals_that_of_the_traced_sampler(dtype, limit):
    """Traced through both transforms, dz/dα is 0 to rounding; ours is exactly 0, and dz/dβ is the same."""
    alpha, beta = posterior_parameters(2000, dtype)
    ours = sample_gamma(alpha, 1 / beta, [torch.Generator().manual_seed(1)], SAMPLER)
    unscaled = torch._standard_gamma(alpha.detach() + BOOST, generator=torch.Generator().manual_seed(1))
    traced = traced_sample(alpha, beta, unscaled)
    torch.testing.assert_close(ours, traced)
    assert torch.autograd.grad(ours.sum(), alpha, retain_graph=True, allow_unused=True) == (None,)
    scaled = traced * beta  # without the rate, by which the rounding errors would be multiplied
    (by_alpha,) = torch.autograd.grad(scaled.sum(), alpha, retain_graph=True)
    assert float(by_alpha.abs().max()) < limit * float(unscaled.max())
    assert float(by_alpha.abs().mean()) < limit
    (by_beta,) = torch.autograd.grad(ours.sum(), beta)
    (traced_by_beta,) = torch.autograd.grad(traced.sum(), beta)
    torch.testing.assert_close(by_beta, traced_by_beta)
    torch.testing.assert_close(by_beta, -unscaled / beta**2)


def test_samples_follow_the_gamma_distribution_of_shape_plus_eight():
    alpha = torch.tensor([1 / 128, 1 / 8, 3.0]).expand(1, 100_000, 3)
    beta = torch.tensor([1 / 128, 1 / 8, 0.5]).expand(1, 100_000, 3)
    z = sample_gamma(alpha, 1 / beta, [torch.Generator().manual_seed(1)], SAMPLER)[0].double().numpy()
    np.testing.assert_allclose(z.mean(0), [1025, 65, 22], rtol=0.005)
    np.testing.assert_allclose(z.var(0), [1025 * 128, 65 * 8, 44], rtol=0.03)
    for column, (shape, rate) in enumerate([(8 + 1 / 128, 1 / 128), (8.125, 1 / 8), (11, 0.5)]):
        assert stats.kstest(z[:, column], stats.gamma(shape, scale=1 / rate).cdf).pvalue > 0.01
    mean, variance = gamma_moments(alpha, 1 / beta, SAMPLER)
    torch.testing.assert_close(mean[0, 0], torch.tensor([1025.0, 65.0, 22.0]))
    torch.testing.assert_close(variance[0, 0], torch.tensor([1025.0 * 128, 65.0 * 8, 44.0]))


@given(positive, positive, positive, positive)
def test_the_divergence_has_exchanged_arguments(alpha, beta, prior_shape, prior_rate):
    def number(value: float) -> torch.Tensor:
        return torch.tensor(value, dtype=torch.float64)

    prior = (prior_shape, 1 / prior_rate)
    ours = gamma_kl.arguments_reversed(number(alpha), 1 / number(beta), *prior)
    expected = kl_divergence(
        Gamma(number(prior_rate), number(prior_shape)), Gamma(number(beta), number(alpha))
    )
    assert float(ours) == pytest.approx(float(expected), rel=1e-9, abs=1e-9)
    at_prior = gamma_kl.arguments_reversed(*map(number, prior), *prior)
    assert float(at_prior) == pytest.approx(0.0, abs=1e-9)


def test_the_divergence_at_a_known_point():
    """At α = 0.7, β = 1.9, by integration, and beside the true divergence of the posterior from the prior."""
    alpha, scale = torch.tensor(0.7, dtype=torch.float64), torch.tensor(1 / 1.9, dtype=torch.float64)
    p, q = stats.gamma(1.0, scale=1 / 2), stats.gamma(1.9, scale=1 / 0.7)
    integral, _ = integrate.quad(lambda z: p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), 0, np.inf)
    ours = float(gamma_kl.arguments_reversed(alpha, scale, 2.0, 1.0))
    assert ours == pytest.approx(integral, rel=1e-7)
    assert ours == pytest.approx(1.8252, abs=5e-5)
    assert float(gamma_kl.exact(alpha, scale, 2.0, 1.0)) == pytest.approx(2.2773, abs=5e-5)


def test_the_loss_trains_the_shape_by_the_divergence_alone():
    """With no weight on the divergence, ``fc_mu`` gets no gradient; ``fc_var`` does, through the rate."""
    definition = public_code(kl_weight=0.0, **SMALL).network
    network = definition.build([torch.Generator().manual_seed(0)])
    x = torch.randn(1, 30, 16, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, torch.ones(1, 30, 1), [torch.Generator().manual_seed(2)], torch.tensor([0]))
    total, _ = definition.loss(network, batch)
    total.sum().backward()
    assert not network["fc_mu"].weight.grad.any()
    assert network["fc_var"].weight.grad.any()
    total, _ = public_code(**SMALL).network.loss(network, batch)
    total.sum().backward()
    assert network["fc_mu"].weight.grad.any()

"""Latent codes of variational autoencoders in training: samples, moments, and how many latents are active."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from auscult.detectors.reconstruction.code_samples import BOOST, EPSILON
from auscult.detectors.reconstruction.gamma_kl import log_gamma

#: A latent is active if the variance of its posterior mean is at least this share of its posterior variance.
_ACTIVE = 0.01


def gamma_moments(shape: Tensor, scale: Tensor, sampler: str = "implicit") -> tuple[Tensor, Tensor]:
    """Return mean and variance of the distribution from which `sample_gamma` draws, each (M, B, latents)."""
    if sampler == "weibull":
        mean = scale * log_gamma(1 + 1 / shape).exp()
        return mean, scale.square() * log_gamma(1 + 2 / shape).exp() - mean.square()
    if sampler == "boosted_uncorrected":
        shape = shape + BOOST
    return shape * scale, shape * scale.square()


def sample_gamma(
    shape: Tensor, scale: Tensor, generators: Sequence[torch.Generator], sampler: str = "implicit"
) -> Tensor:
    """Return a sample of a gamma posterior that passes gradients on, (M, B, latents).

    ``boosted_uncorrected`` is the sampler of the public code, after Naesseth et al., "Reparameterization
    gradients through acceptance-rejection sampling algorithms", AISTATS 2017. That code draws ẑ from
    Gamma(shape + 8, 1), computes a normal variate ε from it by the inverse of the transform of Marsaglia &
    Tsang (ACM Trans. Math. Softw. 26, 2000), and transforms ε again. The two cancel, so the shape gets no
    gradient, and the factor that would undo the increase of the shape is missing. What remains is ẑ, a
    constant for the gradient, times the scale.

    Args:
        shape, scale: (M, B, latents), of the posterior.
        generators: one per machine.
        sampler: as in `GammaVAEConfig`.
    """
    if sampler == "mean":
        return gamma_moments(shape, scale)[0].clamp_min(EPSILON)
    if sampler == "weibull":
        uniform = sample_per_machine(
            shape, generators, lambda k, g: torch.rand(k.shape, generator=g, device=k.device)
        )
        unscaled = (-torch.log1p(-uniform)).clamp_min(1e-30).pow(1 / shape)
    else:
        if sampler == "boosted_uncorrected":
            shape = shape.detach() + BOOST
        unscaled = sample_per_machine(shape, generators, lambda k, g: torch._standard_gamma(k, generator=g))
    return (scale * unscaled).clamp_min(EPSILON)


def sample_gaussian(mean: Tensor, log_variance: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Return a sample of a Gaussian posterior that passes gradients on, (M, B, latents)."""
    noise = sample_per_machine(
        mean, generators, lambda m, g: torch.randn(m.shape, dtype=m.dtype, generator=g, device=m.device)
    )
    return mean + (log_variance / 2).exp() * noise


def sample_per_machine(
    parameter: Tensor,
    generators: Sequence[torch.Generator],
    draw: Callable[[Tensor, torch.Generator], Tensor],
) -> Tensor:
    """Return random numbers (M, B, latents), drawn for each machine with its own generator.

    They are drawn on the device of the generator, and for padding too, so that the random numbers of a
    machine depend on the batch size and not on how many vectors other machines have. ``draw`` gets one
    machine's part (B, latents) of ``parameter`` and its generator, and returns numbers of the same shape.
    """
    samples = [draw(part.to(g.device), g) for part, g in zip(parameter, generators, strict=True)]
    return torch.stack(samples).to(parameter.device)


def active_units(mean: Tensor, variance: Tensor, mask: Tensor) -> Tensor:
    """Return the number of latents that carry information about the input, (M,).

    After Burda et al., "Importance weighted autoencoders", ICLR 2016, section 5, but on the scale of the
    posterior: a latent is active if the variance of its posterior mean over the vectors is at least 1 % of
    the mean posterior variance.

    Args:
        mean, variance: (M, B, latents), moments of the posterior.
        mask: (M, B, 1), 1 for real vectors and 0 for padding.
    """
    count = mask.sum(1, keepdim=True).clamp(min=1)  # (M, 1, 1)
    centre = (mean * mask).sum(1, keepdim=True) / count
    signal = ((mean - centre).square() * mask).sum(1) / count[:, 0]  # (M, latents)
    noise = (variance * mask).sum(1) / count[:, 0]
    return (signal >= _ACTIVE * noise).sum(1).to(mean.dtype)

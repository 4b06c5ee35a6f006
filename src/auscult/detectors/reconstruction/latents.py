"""Latent samples of variational autoencoders for a fleet: every machine has its own random generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

#: A latent is active if the variance of its posterior mean is at least this share of its posterior variance.
_ACTIVE = 0.01


def sample_per_machine(
    parameter: Tensor,
    generators: Sequence[torch.Generator],
    draw: Callable[[Tensor, torch.Generator], Tensor],
) -> Tensor:
    """Return random numbers (M, B, latents), drawn for each machine with its own generator.

    They are drawn on the device of the generator, and for padding too, so that the random numbers of a
    machine depend on the batch size and not on how many vectors other machines have.

    Args:
        parameter: (M, B, latents), a parameter of the distribution.
        generators: one per machine.
        draw: returns random numbers of the shape of its first argument, a (B, latents) part of ``parameter``.
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

"""Random codes of variational autoencoders, for a fleet: every machine draws by its own generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_ACTIVE = 0.01  # a latent is active where its mean varies by this share of its own variance or more


def drawn(
    like: Tensor,
    generators: Sequence[torch.Generator],
    draw: Callable[[Tensor, torch.Generator], Tensor],
) -> Tensor:
    """Random numbers (M, B, latents), drawn where the generators are, also for the rows that do not count: so
    what a machine draws depends on the batch size and not on the vectors of others.

    Args:
        like: (M, B, latents) what the numbers depend on.
        draw: makes numbers of the shape of its (B, latents) part of ``like``.
    """
    draws = [draw(its.to(g.device), g) for its, g in zip(like, generators, strict=True)]
    return torch.stack(draws).to(like.device)


def active_units(mean: Tensor, variance: Tensor, rows: Tensor) -> Tensor:
    """How many latents carry something of the input, (M,), from the posterior's moments (M, B, latents).

    After Burda et al., "Importance weighted autoencoders", ICLR 2016, section 5, but on the scale of
    the posterior: a latent counts where the variance of its posterior mean over the vectors is at
    least 1 % of the mean posterior variance.
    """
    count = rows.sum(1, keepdim=True).clamp(min=1)  # (M, 1, 1)
    centre = (mean * rows).sum(1, keepdim=True) / count
    signal = ((mean - centre).square() * rows).sum(1) / count[:, 0]  # (M, latents)
    noise = (variance * rows).sum(1) / count[:, 0]
    return (signal >= _ACTIVE * noise).sum(1).to(mean.dtype)

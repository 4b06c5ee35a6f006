"""Random codes of variational autoencoders, for a fleet: every machine draws by its own generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

_ACTIVE = 0.01  # a latent is active where its mean varies by this share of its own variance or more


def drawn(
    like: Tensor,
    rows: Tensor,
    generators: Sequence[torch.Generator],
    draw: Callable[[Tensor, torch.Generator], Tensor],
) -> Tensor:
    """Random numbers (M, B, latents), drawn on the CPU for the rows that count alone: the longer batches of
    others must not change what a machine draws next. The rest is 0.5.

    Args:
        like: (M, B, latents) what the numbers depend on.
        rows: (M, B, 1), 1 for the vectors that count; those come first.
        draw: makes numbers of the shape of its (n, latents) part of ``like``.
    """
    draws = []
    for its, count, generator in zip(like, rows.sum((1, 2)).long().tolist(), generators, strict=True):
        draws.append(pad(draw(its[:count].cpu(), generator), (0, 0, 0, len(its) - count), value=0.5))
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

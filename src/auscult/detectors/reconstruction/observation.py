"""The network module of the gamma observation model: levels, spreads and gamma shapes of the bands."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from auscult.detectors.reconstruction.gamma_likelihood import (
    LINEAR_ABOVE,
    NATS_PER_DECIBEL,
    SHAPE_RANGE,
    divergence,
)


class BandGamma(nn.Module):
    """Mean and standard deviation of every band in training, and the trained gamma shapes.

    The divergence depends on ratios only, so levels are removed first: the network takes x standardised by
    band, and outputs log μ in the same unit.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, machines: int, context: int, bands: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(machines, 1, context * bands))  # dB
        self.register_buffer("sd", torch.ones(machines, 1, context * bands))  # dB
        self.log_shape = nn.Parameter(torch.zeros(machines, 1, bands))

    def normalised(self, x: Tensor) -> Tensor:
        """Return windows of log-mel (M, B, width) in dB standardised by the mean and sd of their band."""
        return (x - self.mean) / self.sd

    def log_ratio(self, x: Tensor, level: Tensor) -> Tensor:
        """Return log(x/μ) in nats, from both in normalised decibels (M, B, width)."""
        return (x - level) * (NATS_PER_DECIBEL * self.sd)

    def shapes(self) -> Tensor:
        """Return the gamma shape of every band, (M, 1, bands)."""
        return self.log_shape.clamp(*map(math.log, SHAPE_RANGE)).exp()


def mean_divergence(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of `divergence` over the real vectors, (M, 1, width).

    Args:
        log_ratio: (M, B, width).
        mask: (M, B, 1), 1 for real vectors and 0 for padding.
    """
    return _MeanDivergence.apply(log_ratio, mask)


class _MeanDivergence(torch.autograd.Function):
    """`mean_divergence` with its gradient in closed form, exp(log-ratio) − 1: the automatic one passes over a
    dozen tensors of the batch's size."""

    @staticmethod
    def forward(ctx, log_ratio, mask):
        share = mask / mask.sum(1, keepdim=True).clamp_(min=1)  # (M, B, 1)
        ctx.save_for_backward(log_ratio, share)
        return share.mT @ divergence(log_ratio)

    @staticmethod
    def backward(ctx, grad):
        log_ratio, share = ctx.saved_tensors
        return log_ratio.clamp(max=LINEAR_ABOVE).expm1_().mul_(share).mul_(grad), None

"""The part of a network that knows how mel power scatters about its mean: one gamma shape a band."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from auscult.detectors.reconstruction.gamma_likelihood import SHAPES, STEEPEST, divergence

_NEPER = math.log(10) / 10  # nats of power in a decibel


class BandGamma(nn.Module):
    """Levels of every band as they were in training, and the learnt shapes.

    The divergence knows ratios alone, so levels are taken away first: networks see x in standard deviations
    of its band, and give log μ in the same unit.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, machines: int, context: int, bands: int) -> None:
        super().__init__()
        self.context = context
        self.register_buffer("mean", torch.zeros(machines, 1, context * bands))  # dB
        self.register_buffer("sd", torch.ones(machines, 1, context * bands))  # dB
        self.log_shape = nn.Parameter(torch.zeros(machines, 1, bands))

    def normalised(self, x: Tensor) -> Tensor:
        """Windows of log-mel (M, B, width) in dB without their band's level and spread."""
        return (x - self.mean) / self.sd

    def log_ratio(self, x: Tensor, level: Tensor) -> Tensor:
        """log(x/μ) in nats, from both in normalised decibels (M, B, width)."""
        return (x - level) * (_NEPER * self.sd)

    def shapes(self) -> Tensor:
        """Shape of every band, (M, 1, bands)."""
        return self.log_shape.clamp(*map(math.log, SHAPES)).exp()

    def shapes_of_windows(self) -> Tensor:
        """The same for every value of a window, (M, 1, width)."""
        return self.shapes().repeat(1, 1, self.context)


def mean_divergence(log_ratio: Tensor, rows: Tensor) -> Tensor:
    """Mean of `divergence` over the rows that count, (M, 1, width), of log-ratios (M, B, width)."""
    return _MeanDivergence.apply(log_ratio, rows)


class _MeanDivergence(torch.autograd.Function):
    """With its gradient in closed form, exp(log-ratio) − 1; the automatic one goes over a dozen tensors of
    the batch's size."""

    @staticmethod
    def forward(ctx, log_ratio, rows):
        share = rows / rows.sum(1, keepdim=True).clamp_(min=1)  # (M, B, 1)
        ctx.save_for_backward(log_ratio, share)
        return share.mT @ divergence(log_ratio)

    @staticmethod
    def backward(ctx, grad):
        log_ratio, share = ctx.saved_tensors
        return log_ratio.clamp(max=STEEPEST).expm1_().mul_(share).mul_(grad), None

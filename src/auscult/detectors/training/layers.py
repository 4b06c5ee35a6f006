"""Layers for a fleet: every tensor has a leading machine axis, and a single machine is a fleet of one.

Shapes: M machines, B vectors per batch, C channels. Machines share a training step but nothing else: weights,
batch statistics and random numbers are separate, so machine i of a fleet gives the same results as machine i
trained alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from auscult.detectors.training.products import affine, product_in_use

#: Added to variances in batch normalisation, as in the baseline.
NORM_EPS = 1e-3


class Linear(nn.Module):
    """One affine map per machine, with PyTorch's default initialisation: all uniform within ±1/√in."""

    def __init__(self, generators: Sequence[torch.Generator], n_in: int, n_out: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(n_in)
        weights = [torch.empty(n_in, n_out).uniform_(-bound, bound, generator=g) for g in generators]
        biases = [torch.empty(1, n_out).uniform_(-bound, bound, generator=g) for g in generators]
        self.weight = nn.Parameter(torch.stack(weights))  # (M, in, out)
        self.bias = nn.Parameter(torch.stack(biases))  # (M, 1, out)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return affine(x, self.weight, self.bias)
        return torch.baddbmm(self.bias, x, self.weight)  # (M, B, out)


class BatchNorm(nn.Module):
    """Batch normalisation over the real vectors; momentum 0.01 and `NORM_EPS` are the baseline's."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, machines: int, channels: int, *, momentum: float = 0.01) -> None:
        super().__init__()
        self.momentum = momentum
        self.scale = nn.Parameter(torch.ones(machines, 1, channels))
        self.shift = nn.Parameter(torch.zeros(machines, 1, channels))
        self.register_buffer("running_mean", torch.zeros(machines, 1, channels))
        self.register_buffer("running_var", torch.ones(machines, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise by the running statistics, as in evaluation; `Stack` normalises training batches."""
        gain = self.scale * torch.rsqrt(self.running_var + NORM_EPS)
        return (x - self.running_mean) * gain + self.shift

    @torch.no_grad()
    def update_running(self, mean: Tensor, var: Tensor) -> None:
        """Move the running statistics towards those of a batch, (M, 1, C)."""
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var, self.momentum)


class Stack(nn.Module):
    """Linear → BatchNorm → ReLU, once for each pair of neighbouring ``widths``."""

    def __init__(self, generators: Sequence[torch.Generator], widths: Sequence[int]) -> None:
        super().__init__()
        self.linears = nn.ModuleList(Linear(generators, n_in, n_out) for n_in, n_out in pairwise(widths))
        self.norms = nn.ModuleList(BatchNorm(len(generators), n_out) for n_out in widths[1:])

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Apply the layers to x (M, B, widths[0]).

        Args:
            mask: (M, B, 1), 1 for real vectors and 0 for padding; ``None``: all are real.
        """
        if not self.training:
            for linear, norm in self._layers():
                x = torch.relu(norm(linear(x)))
            return x  # (M, B, widths[-1])
        if mask is None:
            mask = torch.ones(x.shape[0], x.shape[1], 1, dtype=x.dtype, device=x.device)
        count = mask.sum(1, keepdim=True).clamp_(min=1)  # (M, 1, 1)
        share, unbiased = mask / count, count / (count - 1).clamp_(min=1)
        for linear, norm in self._layers():
            x, mean, var = _LinearNormReLU.apply(
                x, linear.weight, norm.scale, norm.shift, share, product_in_use()
            )
            norm.update_running(mean + linear.bias, var * unbiased)
        return x

    def _layers(self) -> Iterator[tuple[Linear, BatchNorm]]:
        return cast("Iterator[tuple[Linear, BatchNorm]]", zip(self.linears, self.norms, strict=True))


class _LinearNormReLU(torch.autograd.Function):
    """Linear, batch normalisation (Ioffe & Szegedy 2015, section 3) and ReLU with a closed-form gradient.

    ``share`` (M, B, 1) is the weight of each vector in the batch mean: 1/count for real vectors, 0 for
    padding. The bias is omitted: the normalisation cancels it, and its gradient is 0.
    """

    @staticmethod
    def forward(ctx, x, weight, scale, shift, share, product):
        normalised = product(x, weight)  # (M, B, C), normalised in place
        mean = share.mT @ normalised  # (M, 1, C)
        normalised.sub_(mean)
        var = share.mT @ (normalised * normalised)
        inverse = torch.rsqrt(var + NORM_EPS)
        normalised.mul_(inverse)
        y = torch.addcmul(shift, normalised, scale).relu_()
        ctx.save_for_backward(x, weight, scale, share, normalised, inverse, y)
        ctx.product = product
        ctx.mark_non_differentiable(mean, var)
        return y, mean, var

    @staticmethod
    def backward(ctx, grad, *_):
        x, weight, scale, share, normalised, inverse, y = ctx.saved_tensors
        grad = torch.ops.aten.threshold_backward(grad, y, 0)
        g_shift = grad.sum(1, keepdim=True)  # (M, 1, C); padding has no gradient
        g_scale = (grad * normalised).sum(1, keepdim=True)
        through_batch = torch.addcmul(g_shift, normalised, g_scale).mul_(share)
        g_z = grad.sub_(through_batch).mul_(scale * inverse)
        g_x = ctx.product(g_z, weight.mT) if ctx.needs_input_grad[0] else None
        return g_x, ctx.product(x.mT, g_z), g_scale, g_shift, None, None


def mean_squared_error(reconstructed: Tensor, x: Tensor, mask: Tensor) -> Tensor:
    """Return the mean squared error over the real vectors of each machine, (M,).

    Args:
        reconstructed, x: (M, B, width).
        mask: (M, B, 1), 1 for real vectors and 0 for padding.
    """
    return _MeanSquare.apply(reconstructed, x, mask)


class _MeanSquare(torch.autograd.Function):
    """`mean_squared_error` with a closed-form gradient; the automatic one passes over six tensors of the
    batch's size."""

    @staticmethod
    def forward(ctx, reconstructed, x, mask):
        share = mask / (mask.sum(1, keepdim=True).clamp_(min=1) * x.shape[2])  # (M, B, 1)
        error = reconstructed - x
        ctx.save_for_backward(error, share)
        norm = torch.linalg.vector_norm(error, dim=2, keepdim=True)  # needs no tensor of squares
        return (norm * norm * share).sum((1, 2))

    @staticmethod
    def backward(ctx, grad):
        error, share = ctx.saved_tensors
        return error * (share * (2 * grad[:, None, None])), None, None

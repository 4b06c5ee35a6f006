"""Layers for a whole fleet: every tensor carries a leading machine axis, and one machine is a fleet of one.

Shapes: M machines, B vectors a batch, C channels. Machines share a step but nothing else: weights, batch
statistics and random numbers are each machine's own, so that machine i of a fleet is machine i alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from auscult.detectors.training.products import affine, product_in_use


class Linear(nn.Module):
    """One affine map a machine, with PyTorch's default initialisation: all uniform within ±1/√in."""

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
    """Batch normalisation over the rows that count; momentum 0.01 and eps 1e-3 are the baseline's."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, machines: int, channels: int, *, momentum: float = 0.01, eps: float = 1e-3) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.scale = nn.Parameter(torch.ones(machines, 1, channels))
        self.shift = nn.Parameter(torch.zeros(machines, 1, channels))
        self.register_buffer("running_mean", torch.zeros(machines, 1, channels))
        self.register_buffer("running_var", torch.ones(machines, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        """As in evaluation, by the running statistics; how a batch is normalised is `Stack`'s."""
        gain = self.scale * torch.rsqrt(self.running_var + self.eps)
        return (x - self.running_mean) * gain + self.shift

    @torch.no_grad()
    def follow(self, mean: Tensor, var: Tensor) -> None:
        """Moves the running statistics towards those of a batch, (M, 1, C)."""
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var, self.momentum)


class Stack(nn.Module):
    """Linear → BatchNorm → ReLU, as often as there are steps between ``widths``."""

    def __init__(self, generators: Sequence[torch.Generator], widths: Sequence[int]) -> None:
        super().__init__()
        self.linears = nn.ModuleList(Linear(generators, n_in, n_out) for n_in, n_out in pairwise(widths))
        self.norms = nn.ModuleList(BatchNorm(len(generators), n_out) for n_out in widths[1:])

    def forward(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """``rows`` (M, B, 1) is 1 where a vector counts and 0 where it only fills up the batch."""
        if not self.training:
            for linear, norm in self._layers():
                x = torch.relu(norm(linear(x)))
            return x  # (M, B, widths[-1])
        if rows is None:
            rows = torch.ones(x.shape[0], x.shape[1], 1, dtype=x.dtype, device=x.device)
        count = rows.sum(1, keepdim=True).clamp_(min=1)  # (M, 1, 1)
        share, unbiased = rows / count, count / (count - 1).clamp_(min=1)
        for linear, norm in self._layers():
            x, mean, var = _Layer.apply(
                x, linear.weight, norm.scale, norm.shift, share, norm.eps, product_in_use()
            )
            norm.follow(mean + linear.bias, var * unbiased)
        return x

    def _layers(self) -> Iterator[tuple[Linear, BatchNorm]]:
        return cast("Iterator[tuple[Linear, BatchNorm]]", zip(self.linears, self.norms, strict=True))


class _Layer(torch.autograd.Function):
    """Linear, batch normalisation (Ioffe & Szegedy 2015, section 3) and ReLU with their gradient in closed
    form. The bias is left out, for the normalisation takes it away again, and its gradient is 0."""

    @staticmethod
    def forward(ctx, x, weight, scale, shift, share, eps, product):
        normal = product(x, weight)  # (M, B, C), normalised in place
        mean = share.mT @ normal  # (M, 1, C)
        normal.sub_(mean)
        var = share.mT @ (normal * normal)
        inverse = torch.rsqrt(var + eps)
        normal.mul_(inverse)
        y = torch.addcmul(shift, normal, scale).relu_()
        ctx.save_for_backward(x, weight, scale, share, normal, inverse, y)
        ctx.product = product
        ctx.mark_non_differentiable(mean, var)
        return y, mean, var

    @staticmethod
    def backward(ctx, grad, *_):
        x, weight, scale, share, normal, inverse, y = ctx.saved_tensors
        grad = torch.ops.aten.threshold_backward(grad, y, 0)
        g_shift = grad.sum(1, keepdim=True)  # (M, 1, C); rows that do not count have no gradient
        g_scale = (grad * normal).sum(1, keepdim=True)
        through_batch = torch.addcmul(g_shift, normal, g_scale).mul_(share)
        g_z = grad.sub_(through_batch).mul_(scale * inverse)
        g_x = ctx.product(g_z, weight.mT) if ctx.needs_input_grad[0] else None
        return g_x, ctx.product(x.mT, g_z), g_scale, g_shift, None, None, None


def mean_squared_error(rebuilt: Tensor, x: Tensor, rows: Tensor) -> Tensor:
    """Mean over the values of the rows that count, (M,), of tensors (M, B, width) and rows (M, B, 1)."""
    return _MeanSquare.apply(rebuilt, x, rows)


class _MeanSquare(torch.autograd.Function):
    """With its gradient in closed form, since the automatic one goes over six tensors of the batch's size."""

    @staticmethod
    def forward(ctx, rebuilt, x, rows):
        share = rows / (rows.sum(1, keepdim=True).clamp_(min=1) * x.shape[2])  # (M, B, 1)
        error = rebuilt - x
        ctx.save_for_backward(error, share)
        norm = torch.linalg.vector_norm(error, dim=2, keepdim=True)  # needs no tensor of squares
        return (norm * norm * share).sum((1, 2))

    @staticmethod
    def backward(ctx, grad):
        error, share = ctx.saved_tensors
        return error * (share * (2 * grad[:, None, None])), None, None

"""Layers for a whole fleet: every tensor carries a leading machine axis, and one machine is a fleet of one.

Shapes: M machines, B vectors a batch, C channels. Machines share a step but nothing else: weights, batch
statistics and random numbers are each machine's own, so that machine i of a fleet is machine i alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


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

    def forward(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """``rows`` (M, B, 1) is 1 where a vector counts and 0 where it only fills up the batch."""
        if not self.training:
            gain = self.scale * torch.rsqrt(self.running_var + self.eps)
            return (x - self.running_mean) * gain + self.shift
        if rows is None:
            rows = torch.ones(x.shape[0], x.shape[1], 1, dtype=x.dtype, device=x.device)
        count = rows.sum(1, keepdim=True).clamp_(min=1)  # (M, 1, 1)
        y, mean, var = _Normalise.apply(x, self.scale, self.shift, rows, count, self.eps)
        with torch.no_grad():
            unbiased = var * (count / (count - 1).clamp(min=1))
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
        return y


class _Normalise(torch.autograd.Function):
    """The batch-normalisation step with its gradient in closed form (Ioffe & Szegedy 2015, section 3)."""

    @staticmethod
    def forward(ctx, x, scale, shift, rows, count, eps):
        mean = (rows.transpose(1, 2) @ x) / count  # (M, 1, C)
        centred = x - mean
        var = (rows.transpose(1, 2) @ centred.square()) / count
        inverse = torch.rsqrt(var + eps)
        normal = centred.mul_(inverse)
        ctx.save_for_backward(normal, inverse, scale, rows, count)
        ctx.mark_non_differentiable(mean, var)
        return torch.addcmul(shift, normal, scale), mean, var

    @staticmethod
    def backward(ctx, grad, *_):
        normal, inverse, scale, rows, count = ctx.saved_tensors
        g_shift = grad.sum(1, keepdim=True)  # rows that do not count have no gradient
        g_scale = (grad * normal).sum(1, keepdim=True)
        through_batch = torch.addcmul(g_shift / count, normal, g_scale / count)
        g_x = (grad - rows * through_batch).mul_(scale * inverse)
        return g_x, g_scale, g_shift, None, None, None


class Stack(nn.Module):
    """Linear → BatchNorm → ReLU, as often as there are steps between ``widths``."""

    def __init__(self, generators: Sequence[torch.Generator], widths: Sequence[int]) -> None:
        super().__init__()
        self.linears = nn.ModuleList(Linear(generators, n_in, n_out) for n_in, n_out in pairwise(widths))
        self.norms = nn.ModuleList(BatchNorm(len(generators), n_out) for n_out in widths[1:])

    def forward(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        for linear, norm in zip(self.linears, self.norms, strict=True):
            x = torch.relu(norm(linear(x), rows))
        return x  # (M, B, widths[-1])

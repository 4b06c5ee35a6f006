"""Matrix products of a fleet, each machine with its own weights: the implementation and the precision.

Shapes: M machines, B vectors per batch.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import torch
from torch import Tensor

#: (M, B, in) and (M, in, out) to (M, B, out).
Product = Callable[[Tensor, Tensor], Tensor]


#: Whether oneDNN multiplies on the CPU. A fixed rule, not a benchmark at run time: results depend on it by
#: rounding.
_ONEDNN = (
    platform.machine() in ("x86_64", "AMD64")
    and torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)
#: oneDNN supports bfloat16 only on processors that do (mostly AVX-512); `torch.bmm` supports it everywhere.
_ONEDNN_BF16 = _ONEDNN and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def float32_product(a: Tensor, b: Tensor) -> Tensor:
    """Multiply in the precision of the factors."""
    if _ONEDNN and a.device.type == "cpu" and a.dtype == torch.float32:
        return _onednn_product(a, b)
    return torch.bmm(a, b)


def bf16_product(a: Tensor, b: Tensor) -> Tensor:
    """Multiply with factors rounded to bfloat16, sums in float32 and the result rounded to bfloat16."""
    product = _onednn_product if _ONEDNN_BF16 and a.device.type == "cpu" else torch.bmm
    return product(a.bfloat16(), b.bfloat16()).to(a.dtype)


def _onednn_product(a: Tensor, b: Tensor) -> Tensor:
    """Multiply with oneDNN, one machine after the other.

    On an AMD processor this is twice as fast as `torch.bmm`, which uses MKL there, and so saves a fifth to a
    quarter of a training step. Results are rounded differently but are as exact.
    """
    multiply = torch.ops.mkldnn._linear_pointwise  # a · weightᵀ
    if len(a) == 1:
        return multiply(a[0], b[0].mT, None, "none", [], "")[None]
    pairs = zip(a.unbind(), b.mT.unbind(), strict=True)
    return torch.stack([multiply(vectors, weight, None, "none", [], "") for vectors, weight in pairs])


_product: ContextVar[Product] = ContextVar("product", default=float32_product)


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Set the precision of `affine` inside the block.

    float32, or bf16: factors and results rounded to 8 bits. Weights are always float32.
    """
    token = _product.set(bf16_product if name == "bf16" else float32_product)
    try:
        yield
    finally:
        _product.reset(token)


def product_in_use() -> Product:
    """Return the product for the precision that is set."""
    return _product.get()


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x · weight + bias, (M, B, out), in the precision that is set.

    For training only: evaluation always uses float32, as scoring does.
    """
    return _Affine.apply(x, weight, bias, product_in_use())


class _Affine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, product):
        ctx.save_for_backward(x, weight)
        ctx.product = product
        return product(x, weight).add_(bias)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        g_x = ctx.product(grad, weight.mT) if ctx.needs_input_grad[0] else None
        return g_x, ctx.product(x.mT, grad), grad.sum(1, keepdim=True), None

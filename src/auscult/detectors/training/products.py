"""Matrix products of a fleet, each machine's with its own weights: by whom, and in which precision.

Shapes: M machines, B vectors a batch.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import torch
from torch import Tensor

from auscult.errors import OptionError

#: (M, B, in) and (M, in, out) to (M, B, out).
Product = Callable[[Tensor, Tensor], Tensor]


#: Whether products on the CPU are oneDNN's. A fixed rule and no race, for by rounding results depend on it.
_ONEDNN = (
    platform.machine() in ("x86_64", "AMD64")
    and torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)
#: oneDNN has bfloat16 where the processor has (AVX-512, mostly); PyTorch's own product has it everywhere.
_ONEDNN_BF16 = _ONEDNN and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def float32_product(a: Tensor, b: Tensor) -> Tensor:
    """As exact as the factors are."""
    if _ONEDNN and a.device.type == "cpu" and a.dtype == torch.float32:
        return _onednn_product(a, b)
    return torch.bmm(a, b)


def bf16_product(a: Tensor, b: Tensor) -> Tensor:
    """Factors rounded to bfloat16, sums in float32, the result rounded to bfloat16."""
    product = _onednn_product if _ONEDNN_BF16 and a.device.type == "cpu" else torch.bmm
    return product(a.bfloat16(), b.bfloat16()).to(a.dtype)


def _onednn_product(a: Tensor, b: Tensor) -> Tensor:
    """By oneDNN, machine after machine: on an AMD processor twice as fast as `torch.bmm`, which asks MKL
    there, and so a fifth to a quarter of a whole step. Results are rounded otherwise and as exact."""
    multiply = torch.ops.mkldnn._linear_pointwise  # a · weightᵀ
    if len(a) == 1:
        return multiply(a[0], b[0].mT, None, "none", [], "")[None]
    pairs = zip(a.unbind(), b.mT.unbind(), strict=True)
    return torch.stack([multiply(its, weight, None, "none", [], "") for its, weight in pairs])


_product: ContextVar[Product] = ContextVar("product", default=float32_product)


@contextlib.contextmanager
def precision(name: str, device: torch.device) -> Iterator[None]:
    """Within it `affine` multiplies so: float32; tf32, float32 with factors rounded to 10 bits, on NVIDIA's
    matrix units; bf16, factors and results rounded to 8 bits. Weights stay float32 always.

    Raises:
        OptionError: tf32 on another device than CUDA.
    """
    if name == "tf32" and device.type != "cuda":
        raise OptionError(f"precision=tf32 is for CUDA, and this is {device.type}: take bf16 or float32")
    token = _product.set(bf16_product if name == "bf16" else float32_product)
    with _tf32() if name == "tf32" else contextlib.nullcontext():
        try:
            yield
        finally:
            _product.reset(token)


@contextlib.contextmanager
def _tf32() -> Iterator[None]:
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed


def product_in_use() -> Product:
    """The product in the precision that is set."""
    return _product.get()


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x · weight + bias, (M, B, out), in the precision that is set; for training, since ONNX has no such
    node."""
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

"""Divergences between a latent posterior and its gamma prior: pure functions of tensors, in nats per latent.

Letters as in the report: Q = Gamma(shape d, scale c) is the posterior, P = Gamma(shape b, scale a) the
prior, ψ the digamma function. All arguments broadcast; tensors stay on their device.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    from auscult.detectors.onnx_export.graph import Value

Number = TypeVar("Number", "Tensor", "Value")

EULER = 0.57721566490153286


def eq2(a: float, b: float, c: Tensor, d: Tensor) -> Tensor:
    """Return Eq. (2) of the report exactly as printed; it is not a KL divergence.

    S = c·d/a + b·log a − log(c·d) − b + (b − 1)·(ψ(d) + log c)
      = d_IS(c·d | a) + (b − 1)·(log a − 1 + ψ(d) + log c), with Itakura–Saito d_IS(u|v) = u/v − log(u/v) − 1.

    For b = 1 it is the divergence of two exponential distributions; for b > 1 it has no lower bound.
    """
    return c * d / a + b * math.log(a) - (c * d).log() - b + (b - 1) * (d.digamma() + c.log())


def eq2_text_labels(shape: Tensor, scale: Tensor, prior_shape: float, prior_scale: float) -> Tensor:
    """Return Eq. (2) with the letters as labelled in the report's text: a and c shapes, b and d scales."""
    return eq2(a=prior_shape, b=prior_scale, c=shape, d=scale)


def eq2_shape_scale(shape: Tensor, scale: Tensor, prior_shape: float, prior_scale: float) -> Tensor:
    """Return Eq. (2) with the letters assigned so that ψ(d) makes sense: b and d shapes, a and c scales.

    It has no lower bound for a prior shape above 1.
    """
    return eq2(a=prior_scale, b=prior_shape, c=scale, d=shape)


def exact(shape: Tensor, scale: Tensor, prior_shape: float, prior_scale: float) -> Tensor:
    """Return the exact KL(Gamma(d, c) ‖ Gamma(b, a)).

    c·d/a + b·log a + lnΓ(b) − (b − 1)(ψ(d) + log c) − d − log c − lnΓ(d) + (d − 1)ψ(d)
    """
    d, c, b, a = shape, scale, prior_shape, prior_scale
    psi, log_c = d.digamma(), c.log()
    at_prior = c * d / a + b * math.log(a) + math.lgamma(b) - (b - 1) * (psi + log_c)
    return at_prior - d - log_c - d.lgamma() + (d - 1) * psi


def arguments_reversed(shape: Tensor, scale: Tensor, prior_shape: float, prior_scale: float) -> Tensor:
    """Return the divergence in a public gamma VAE, with direction exchanged and shapes exchanged with rates.

    That code, in the collection PyTorch-VAE (A. K. Subramanian, 2020), has the report's head names, softmax
    heads and letters. With the posterior's shape α and rate β = 1/c, and the prior's shape b and rate
    r = 1/a, its KL term equals

    KL(Gamma(shape r, rate b) ‖ Gamma(shape β, rate α))
      = (r − β)·ψ(r) − lnΓ(r) + lnΓ(β) + β·log(b/α) + r·(α − b)/b,

    which is a divergence too: never negative, and 0 where the posterior equals the prior.
    """
    from scipy.special import digamma

    rate, r, b = 1 / scale, 1 / prior_scale, prior_shape
    shapes = (r - rate) * float(digamma(r)) - math.lgamma(r) + rate.lgamma()
    return shapes + rate * (b / shape).log() + r * (shape - b) / b


def weibull(shape: Tensor, scale: Tensor, prior_shape: float, prior_scale: float) -> Tensor:
    """Return the exact KL(Weibull(k, λ) ‖ Gamma(α, scale a)) (Zhang et al., "WHAI", ICLR 2018, with β = 1/a).

    γα/k − α·log λ + log k + λΓ(1 + 1/k)/a − γ − 1 + α·log a + lnΓ(α)
    """
    k, log_scale = shape, scale.log()
    mean_ratio = (log_scale + log_gamma(1 + 1 / k)).exp() / prior_scale
    constant = prior_shape * math.log(prior_scale) + math.lgamma(prior_shape) - EULER - 1
    return EULER * prior_shape / k - prior_shape * log_scale + k.log() + mean_ratio + constant


#: The divergences of a gamma posterior by the value of the option ``kl``.
KL = {f.__name__: f for f in (eq2_text_labels, eq2_shape_scale, exact, arguments_reversed)}

_LANCZOS = (
    0.99999999999980993,
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
)


def log_gamma(x: Number) -> Number:
    """Return lnΓ(x) for x ≥ 1 by the Lanczos series (SIAM J. Numer. Anal. B 1, 1964; g = 7, nine terms).

    Written in plain arithmetic because ONNX has no lnΓ, and the mean of a Weibull posterior needs it when
    scoring.

    Args:
        x: a tensor, or a float64 value of an ONNX graph.
    """
    x = x - 1.0
    series = _LANCZOS[0] + _LANCZOS[1] / (x + 1.0)
    for i, coefficient in enumerate(_LANCZOS[2:], start=2):
        series = series + coefficient / (x + float(i))
    t = x + 7.5
    return 0.5 * math.log(2 * math.pi) + (x + 0.5) * t.log() - t + series.log()

"""The gamma distribution as an observation model of mel power: pure functions, in nats.

A periodogram bin of a Gaussian signal is exponentially distributed, so a mel band, a weighted sum of a few of
them, is close to a gamma distribution with shape k and mean μ: k is 1.35 for two bins and 8 to 9 for the
widest bands. With the Itakura–Saito divergence d(x | μ) = x/μ − log(x/μ) − 1 (Févotte et al., Neural
Computation 21, 2009)

    −log p(x) = k·(x/μ + log μ) − (k − 1)·log x − k·log k + lnΓ(k) = k·d(x | μ) + normaliser(k) + log x,

so only the divergence depends on μ, and the deviance from a perfect fit is 2k·d(x | μ).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

#: Smallest and largest shape: below, the density is all spikes; above, the band is practically constant.
SHAPE_RANGE = (0.1, 1000.0)
#: Nats of power in a decibel.
NATS_PER_DECIBEL = math.log(10) / 10
#: Log-ratio (43 dB) above which the exponential is continued by its tangent, so that no sound overflows.
LINEAR_ABOVE = 10.0


def divergence(log_ratio: Tensor) -> Tensor:
    """Return the Itakura–Saito divergence of x from μ, given log(x/μ); 0 where they are equal."""
    near = log_ratio.clamp(max=LINEAR_ABOVE)
    return near.exp() * (1 + log_ratio - near) - log_ratio - 1


def normaliser(shape: Tensor) -> Tensor:
    """Return k − k·log k + lnΓ(k), the part of −log p that depends on the shape only; about −½·log(k/2π) for
    a large k."""
    return shape - shape * shape.log() + shape.lgamma()


def moment_shape(power: np.ndarray) -> np.ndarray:
    """Estimate the shape of each band by the method of moments, within short stationary segments.

    For n independent gamma values the ratio of variance to squared mean is independent of the mean
    (Lukacs, Ann. Math. Statist. 26, 1955), so its expectation is (1/k) / (1 + 1/(k·n)) = 1 / (k + 1/n),
    regardless of the level of each segment.

    Args:
        power: (W, n, bands) mel power, n ≥ 2 frames of each of W segments; or n = 1, where all frames are
            treated as one segment.

    Returns:
        (bands,) float64 within `SHAPE_RANGE`.
    """
    if power.shape[1] == 1:
        power = power.transpose(1, 0, 2)
    mean = np.maximum(power.mean(axis=1), np.finfo(np.float64).tiny)  # (W, bands)
    ratio = (power / mean[:, None]).var(axis=1, ddof=1).mean(axis=0)  # (bands,)
    shape = 1 / np.maximum(ratio, 1e-9) - 1 / power.shape[1]
    return np.clip(shape, *SHAPE_RANGE)

"""The gamma distribution as an observation model of mel power: pure functions, nats.

A periodogram bin of a Gaussian signal is exponential, so a mel band, a weighted sum of few of them, is close
to a gamma of shape k about a mean μ: k is 1.35 for two bins and 8 to 9 for the widest bands. With the
Itakura–Saito divergence d(x | μ) = x/μ − log(x/μ) − 1 (Févotte et al., Neural Computation 21, 2009)

    −log p(x) = k·(x/μ + log μ) − (k − 1)·log x − k·log k + lnΓ(k) = k·d(x | μ) + normaliser(k) + log x,

so all that depends on μ is the divergence, and the deviance from a perfect fit is 2k·d(x | μ).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

#: Smallest and largest shape: below, a density of spikes; above, a band that does not move at all.
SHAPES = (0.1, 1000.0)
#: Smallest mean deviance of a band whose logarithm is taken.
SMALLEST_DEVIANCE = 1e-6
#: Log ratio (43 dB) beyond which the exponential goes on as its tangent, so that no sound overflows.
STEEPEST = 10.0


def divergence(log_ratio: Tensor) -> Tensor:
    """Itakura–Saito divergence of x from μ, from log(x/μ); 0 where they are equal."""
    near = log_ratio.clamp(max=STEEPEST)
    return near.exp() * (1 + log_ratio - near) - log_ratio - 1


def normaliser(shape: Tensor) -> Tensor:
    """k − k·log k + lnΓ(k), what the shape alone adds to −log p; about −½·log(k/2π) for a large k."""
    return shape - shape * shape.log() + shape.lgamma()


def moment_shape(power: np.ndarray) -> np.ndarray:
    """Shape of each band by moments within stretches so short that nothing changes in them.

    For n independent gamma values the ratio of variance to squared mean is independent of the mean
    (Lukacs, Ann. Math. Statist. 26, 1955), so its expectation is (1/k) / (1 + 1/(k·n)) = 1 / (k + 1/n),
    whatever level each stretch has.

    Args:
        power: (W, n, bands) mel power, n ≥ 2 frames of each of W stretches; or n = 1, where all are taken
            for one stretch.

    Returns:
        (bands,) float64 within `SHAPES`.
    """
    if power.shape[1] == 1:
        power = power.transpose(1, 0, 2)
    mean = np.maximum(power.mean(axis=1), np.finfo(np.float64).tiny)  # (W, bands)
    ratio = (power / mean[:, None]).var(axis=1, ddof=1).mean(axis=0)  # (bands,)
    shape = 1 / np.maximum(ratio, 1e-9) - 1 / power.shape[1]
    return np.clip(shape, *SHAPES)

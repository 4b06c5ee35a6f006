"""The shrinkage of Ledoit & Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
J. Multivariate Analysis 88, 2004."""

from __future__ import annotations

import numpy as np


def shrinkage(products: np.ndarray, dimensions: int, fourth: float, count: int) -> tuple[float, float]:
    """Return the weight of the multiple of the identity, and the mean variance, which is that multiple.

    Args:
        products: XᵀX (D, D) or XXᵀ (N, N), whichever is smaller, for the N vectors X (N, D) of mean 0. Both
            have the same trace and the same sum of squares.
        dimensions: D.
        fourth: Σ ‖x‖⁴ over the vectors.
        count: N.

    Returns:
        The weight, from 0 to 1, and the mean variance of the D dimensions. The shrunk covariance is
        (1 − weight) · XᵀX / N + weight · variance · I.
    """
    variance = float(np.trace(products)) / (count * dimensions)
    square = float((products**2).sum()) / count**2
    noise = (fourth / count - square) / (dimensions * count)  # b̄² of the paper, before it is limited
    spread = square / dimensions - variance**2  # d² of the paper
    return (min(max(noise, 0.0) / spread, 1.0) if spread > 0 else 1.0), variance

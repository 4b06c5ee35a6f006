"""Gaussian density in more dimensions than there are normal vectors, without a D × D matrix.

One mean for each domain and one shrunk covariance for both (Ledoit & Wolf, J. Multivariate Analysis 88,
2004). The shrunk covariance of N vectors is λI plus a matrix of rank N, so that N directions and their
variances represent it: 6144 features of an encoder would otherwise need 300 MB. The means are shrunk slightly
towards the common one, as in `densities.Gaussian`, since a domain may have few clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.detectors.statistics.densities import domain_means
from auscult.detectors.statistics.ledoit_wolf import shrinkage

#: Share of the mean variance that is added to every variance, so that constant features stay invertible.
_FLOOR = 1e-6


@dataclass(frozen=True)
class LowRankGaussian:
    """A Gaussian with one mean for each domain and the covariance λI + Σ σᵢ² uᵢuᵢᵀ.

    Attributes:
        means: (2, D) means of the source and of the target domain.
        counts: (2,) number of vectors of each domain.
        directions: (R, D) orthonormal uᵢ.
        shares: (R,) σᵢ² / (σᵢ² + λ).
        floor: λ, the variance in all other directions.
    """

    means: np.ndarray
    counts: np.ndarray
    directions: np.ndarray
    shares: np.ndarray
    floor: float

    @classmethod
    def fit(cls, vectors: np.ndarray, target: np.ndarray) -> LowRankGaussian:
        """Fit to (N, D) vectors, N ≥ 2; those marked in ``target``, (N,) bool, are of the target domain."""
        vectors, target = vectors.astype(np.float64), np.asarray(target, bool)
        means, counts = domain_means(vectors, target)
        centred = vectors - means[target.astype(int)]
        products = centred @ centred.T  # (N, N)
        fourth = float((np.diag(products) ** 2).sum())
        weight, mean_variance = shrinkage(products, centred.shape[1], fourth, len(centred))
        floor = (weight + _FLOOR) * mean_variance or 1.0  # 1 if all vectors are equal
        rows = centred * np.sqrt((1 - weight) / len(centred))
        _, sigma, directions = np.linalg.svd(rows, full_matrices=False)
        return cls(means, counts, directions, sigma**2 / (sigma**2 + floor), floor)

    def distance(self, x: np.ndarray) -> float:
        """Return the squared Mahalanobis distance of x (D,) from the nearer mean."""
        difference = (x.astype(np.float64) - self.means)[self.counts > 0]
        along = difference @ self.directions.T
        squares = (difference**2).sum(axis=1) - (along**2) @ self.shares
        return max(float(squares.min()), 0.0) / self.floor

"""Gaussian density fitted to few normal vectors, and Mahalanobis distances from it.

Shrinkage by Ledoit & Wolf (J. Multivariate Analysis 88, 2004) keeps a covariance of a hundred clips in 128
dimensions invertible. Each domain has its own mean, and all share one covariance: ten target clips are enough
for a mean, but not for a covariance. The difference of the two means is added to the covariance as a further
direction of variance, since a machine that changed in this direction once may do so again, and further.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.detectors.statistics.ledoit_wolf import shrinkage

#: Share of the mean variance that is added to every variance, so that constant bands stay invertible.
_FLOOR = 1e-6
#: Weight of the common mean in each domain's mean, in clips: shrinks means of few clips towards it.
PRIOR_CLIPS = 0.5


def domain_means(vectors: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the (2, D) means of the source and of the target domain, and the (2,) numbers of their vectors.

    The means are shrunk slightly towards the common one.

    Args:
        vectors: (N, D) float64.
        target: (N,) bool, true for vectors of the target domain.
    """
    common = vectors.mean(axis=0)
    counts = np.array([np.sum(~target), np.sum(target)], np.float64)
    sums = np.stack([vectors[~target].sum(axis=0), vectors[target].sum(axis=0)])
    return (sums + PRIOR_CLIPS * common) / (counts + PRIOR_CLIPS)[:, None], counts


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian with one mean for each domain and a common precision.

    Attributes:
        means: (2, D) means of the source and of the target domain.
        precision: (D, D) inverse covariance.
        counts: (2,) number of vectors of each domain.
    """

    means: np.ndarray
    precision: np.ndarray
    counts: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, target: np.ndarray) -> Gaussian:
        """Fit to (N, D) vectors, N ≥ 2; those marked in ``target``, (N,) bool, are of the target domain."""
        vectors, target = vectors.astype(np.float64), np.asarray(target, bool)
        means, counts = domain_means(vectors, target)
        within = shrunk_covariance(vectors - means[target.astype(int)])
        return cls(means, _inverse(within + _between_domains(means, counts)), counts)

    def adapted(self, vectors: np.ndarray, target: np.ndarray) -> Gaussian:
        """Return the density updated with (N, D) further vectors, N ≥ 1; this one is not changed.

        The means become those of all vectors. The covariance becomes the average of the old one, which is
        shrunk already, and of the scatter of the new vectors about the new means, weighted by the numbers of
        vectors. The scatter of the old vectors about the new means is unknown, so that about the old means is
        used.
        """
        vectors, target = vectors.astype(np.float64), np.asarray(target, bool)
        old_count = self.counts.sum()
        sums = self.means * (self.counts + PRIOR_CLIPS)[:, None]  # including the weight of the common mean
        common = sums.sum(axis=0) / (old_count + 2 * PRIOR_CLIPS)
        sums += np.stack([vectors[~target].sum(axis=0), vectors[target].sum(axis=0)]) - PRIOR_CLIPS * common
        counts = self.counts + np.array([np.sum(~target), np.sum(target)])
        common = sums.sum(axis=0) / counts.sum()
        means = (sums + PRIOR_CLIPS * common) / (counts + PRIOR_CLIPS)[:, None]
        centred = vectors - means[target.astype(int)]
        old_within = np.linalg.inv(self.precision) - _between_domains(self.means, self.counts)
        within = (old_count * old_within + centred.T @ centred) / counts.sum()
        return Gaussian(means, _inverse(within + _between_domains(means, counts)), counts)

    def distance(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute the squared Mahalanobis distances of x (..., D) from the nearer mean of each.

        Returns:
            The squared distances, (...), the contributions of the dimensions, (..., D), which sum to them,
            and the nearer means, (..., D).
        """
        means = self.means[self.counts > 0]
        difference = x.astype(np.float64)[..., None, :] - means  # (..., K, D)
        shares = difference * (difference @ self.precision)
        squares = shares.sum(axis=-1)
        nearer = squares.argmin(axis=-1)[..., None]
        share = np.take_along_axis(shares, nearer[..., None], axis=-2)[..., 0, :]
        return np.take_along_axis(squares, nearer, axis=-1)[..., 0], share, means[nearer[..., 0]]


def shrunk_precision(centred: np.ndarray) -> np.ndarray:
    """Return the (D, D) inverse of the shrunk covariance of centred vectors (N, D)."""
    return _inverse(shrunk_covariance(centred))


def shrunk_covariance(centred: np.ndarray) -> np.ndarray:
    """Return the (D, D) covariance of centred vectors (N, D), shrunk and never singular."""
    count, dimensions = centred.shape
    products = centred.T @ centred
    fourth = float(((centred**2).sum(axis=1) ** 2).sum())
    weight, variance = shrinkage(products, dimensions, fourth, count)
    covariance = (1 - weight) / count * products + weight * variance * np.eye(dimensions)
    return covariance + _FLOOR * max(np.trace(covariance) / len(covariance), 1.0) * np.eye(len(covariance))


def _between_domains(means: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the (D, D) outer product of the difference of the means; 0 if there is only one domain."""
    difference = (means[1] - means[0]) * np.all(counts > 0)
    return np.outer(difference, difference)


def _inverse(covariance: np.ndarray) -> np.ndarray:
    """Return the inverse, exactly symmetric."""
    precision = np.linalg.inv(covariance)
    return (precision + precision.T) / 2

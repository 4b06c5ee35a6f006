"""How improbable a vector is under a density fitted to few normal ones.

Shrinkage by Ledoit & Wolf (J. Multivariate Analysis 88, 2004) keeps a covariance of a hundred clips in 128
dimensions invertible. Domains have a mean each and share one covariance: ten target clips give a mean, never
a covariance of their own. The step from one mean to the other is a variance too, since a machine that moved
that way once may move that way again, and further.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: A share of the mean variance that is added to every variance, so that constant bands stay invertible.
_FLOOR = 1e-6
#: Clips that a domain's own mean weighs as much as: a mean of fewer is drawn towards the common one.
PRIOR_CLIPS = 0.5


@dataclass(frozen=True)
class Gaussian:
    """A mean for each domain and one precision.

    Attributes:
        means: (2, D) of the source and of the target domain.
        precision: (D, D).
        counts: (2,) vectors that each mean was learnt from.
    """

    means: np.ndarray
    precision: np.ndarray
    counts: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, target: np.ndarray) -> Gaussian:
        """Learns from (N, D) vectors, N ≥ 2, of which ``target`` (N,) are of the target domain."""
        vectors, target = vectors.astype(np.float64), np.asarray(target, bool)
        common = vectors.mean(axis=0)
        counts = np.array([np.sum(~target), np.sum(target)], np.float64)
        sums = np.stack([vectors[~target].sum(axis=0), vectors[target].sum(axis=0)])
        means = (sums + PRIOR_CLIPS * common) / (counts + PRIOR_CLIPS)[:, None]
        within = shrunk_covariance(vectors - means[target.astype(int)])
        return cls(means, _inverse(within + _step(means, counts)), counts)

    def adapted(self, vectors: np.ndarray, target: np.ndarray) -> Gaussian:
        """The density with (N, D) further vectors taken in, N ≥ 1; this one stays as it is.

        Means become those of all vectors. The covariance is the old one, which is shrunk already, and the
        scatter of the new vectors about the new means, weighted by their numbers; what the old vectors
        scatter about means that have moved cannot be known any more and is left as it was.
        """
        vectors, target = vectors.astype(np.float64), np.asarray(target, bool)
        known = self.counts.sum()
        sums = self.means * (self.counts + PRIOR_CLIPS)[:, None]  # with the common mean's share in each
        common = sums.sum(axis=0) / (known + 2 * PRIOR_CLIPS)
        sums += np.stack([vectors[~target].sum(axis=0), vectors[target].sum(axis=0)]) - PRIOR_CLIPS * common
        counts = self.counts + np.array([np.sum(~target), np.sum(target)])
        common = sums.sum(axis=0) / counts.sum()
        means = (sums + PRIOR_CLIPS * common) / (counts + PRIOR_CLIPS)[:, None]
        centred = vectors - means[target.astype(int)]
        before = np.linalg.inv(self.precision) - _step(self.means, self.counts)
        within = (known * before + centred.T @ centred) / counts.sum()
        return Gaussian(means, _inverse(within + _step(means, counts)), counts)

    def distance(self, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Squared Mahalanobis distance of x (D,) from the nearer mean, the share of each dimension in it
        (D,), which sum to it, and that mean (D,)."""
        away = x.astype(np.float64) - self.means  # (2, D)
        shares = away * (away @ self.precision)
        shares = shares[self.counts > 0]
        nearer = int(shares.sum(axis=1).argmin())
        return float(shares[nearer].sum()), shares[nearer], self.means[self.counts > 0][nearer]


def shrunk_precision(centred: np.ndarray) -> np.ndarray:
    """(D, D) inverse of the shrunk covariance of centred vectors (N, D)."""
    return _inverse(shrunk_covariance(centred))


def shrunk_covariance(centred: np.ndarray) -> np.ndarray:
    """(D, D) covariance of centred vectors (N, D), shrunk and never singular."""
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(centred, assume_centered=True)
    return covariance + _FLOOR * max(np.trace(covariance) / len(covariance), 1.0) * np.eye(len(covariance))


def _step(means: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(D, D) variance of the step between the domains' means; 0 where one domain alone is known."""
    step = (means[1] - means[0]) * np.all(counts > 0)
    return np.outer(step, step)


def _inverse(covariance: np.ndarray) -> np.ndarray:
    precision = np.linalg.inv(covariance)
    return (precision + precision.T) / 2

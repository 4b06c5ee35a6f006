"""Gaussian mixture with a shared covariance, for machines with several unlabelled operating states.

As in `densities`, each component has its own mean, and all share one covariance, shrunk by Ledoit & Wolf: a
hundred clips in 128 dimensions are not enough to estimate more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.detectors.statistics.densities import PRIOR_CLIPS, shrunk_precision

#: Minimum number of clips per component, and per dimension used for clustering.
CLIPS_PER_COMPONENT = 5
#: Maximum number of principal components used for clustering.
MAX_PRINCIPAL_COMPONENTS = 8
#: EM ends when the mean log likelihood changes by less than this, or after so many steps.
TOLERANCE, MAX_ITERATIONS = 1e-3, 100
#: Share of the mean variance that is added to each variance.
FLOOR = 1e-3


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians with one mean each and a common precision.

    Attributes:
        weights: (K,) sum to 1; components of weight 0 are unused.
        means: (K, D) means of the components.
        precision: (D, D) inverse covariance.
    """

    weights: np.ndarray
    means: np.ndarray
    precision: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, components: int, seed: int) -> Mixture:
        """Fit to (N, D) vectors, N ≥ 2.

        The vectors are clustered by EM in their few leading principal components, since a hundred vectors are
        not enough to find clusters in 128 dimensions.

        Args:
            vectors: (N, D).
            components: maximum number of components.
            seed: of the initialisation of EM.
        """
        vectors = vectors.astype(np.float64)
        common = vectors.mean(axis=0)
        labels = _clusters(vectors - common, components, seed)
        counts = np.bincount(labels, minlength=components).astype(np.float64)
        sums = np.stack([vectors[labels == label].sum(axis=0) for label in range(components)])
        means = (sums + PRIOR_CLIPS * common) / (counts + PRIOR_CLIPS)[:, None]
        return cls(counts / len(vectors), means, shrunk_precision(vectors - means[labels]))

    def negative_log_density(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute the negative log densities of x (..., D), up to a constant of the mixture.

        With r the posterior probabilities of the components it is ½ Σ r d² + Σ r log(r / weight), d the
        Mahalanobis distances. The second sum does not depend on single dimensions and is distributed evenly
        over them.

        Returns:
            The values, (...), the contributions of the dimensions, (..., D), which sum to them, and the means
            of the components weighted by r, (..., D).
        """
        used = self.weights > 0
        difference = x.astype(np.float64)[..., None, :] - self.means[used]  # (..., K, D)
        shares = difference * (difference @ self.precision) / 2
        log_joint = np.log(self.weights[used]) - shares.sum(axis=-1)
        value = -np.logaddexp.reduce(log_joint, axis=-1)
        posterior = np.exp(log_joint + value[..., None])
        shares = np.einsum("...k,...kd->...d", posterior, shares)
        rest = (value - shares.sum(axis=-1)) / shares.shape[-1]
        return value, shares + rest[..., None], posterior @ self.means[used]


def _clusters(centred: np.ndarray, components: int, seed: int) -> np.ndarray:
    """Return the (N,) component of each centred vector (N, D); all 0 if they are too few or do not vary."""
    from sklearn.cluster import KMeans

    values, axes = np.linalg.eigh(
        centred.T @ centred
    )  # in half of the time of a singular value decomposition
    significant = values[::-1] > 1e-6 * max(values[-1], 1e-6)
    dimensions = min(MAX_PRINCIPAL_COMPONENTS, len(centred) // CLIPS_PER_COMPONENT)
    leading = centred @ axes[:, ::-1][:, significant][:, :dimensions]
    components = min(components, len(centred) // CLIPS_PER_COMPONENT)
    if components < 2 or not leading.size:
        return np.zeros(len(centred), int)
    seed %= 2**32  # the range that scikit-learn accepts
    labels = KMeans(components, n_init=1, random_state=seed).fit(leading).labels_
    return _by_expectation_maximisation(leading, labels, components)


def _by_expectation_maximisation(x: np.ndarray, labels: np.ndarray, components: int) -> np.ndarray:
    """Return the (N,) most probable component of each vector (N, D) after EM, from initial components.

    Components and covariance are those of `sklearn.mixture.GaussianMixture` with a tied covariance, which
    takes several times as long for its checks; with many folds it would be most of the time of a fit.
    """
    floor = FLOOR * x.var() * np.eye(x.shape[1])
    products = x.T @ x
    shares, bound = np.eye(components)[labels], -np.inf

    def log_joint(shares: np.ndarray) -> np.ndarray:
        """Maximise the likelihood given the shares (N, K) of the components in the vectors, and return the
        (N, K) joint log density of vectors and components, up to a constant."""
        counts = shares.sum(axis=0) + 10 * np.finfo(float).eps
        means = shares.T @ x / counts[:, None]
        covariance = (products - (counts * means.T) @ means) / counts.sum() + floor
        factor = np.linalg.cholesky(covariance)
        white = np.linalg.solve(factor, np.concatenate([x, means]).T).T
        squares = ((white[: len(x), None] - white[len(x) :]) ** 2).sum(axis=2)
        return np.log(counts / counts.sum()) - squares / 2 - np.log(np.diag(factor)).sum()

    joint = log_joint(shares)
    for _ in range(MAX_ITERATIONS):
        total = np.logaddexp.reduce(joint, axis=1)
        previous, bound = bound, float(total.mean())
        joint = log_joint(np.exp(joint - total[:, None]))
        if abs(bound - previous) < TOLERANCE:
            break
    return joint.argmax(axis=1)

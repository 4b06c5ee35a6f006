"""How improbable a vector is under several kinds of normal running, found without knowing them.

As in `densities` the components have a mean each and share one covariance, shrunk by Ledoit & Wolf: a hundred
clips in 128 dimensions tell no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.detectors.statistics.densities import PRIOR_CLIPS, shrunk_precision

#: Clips for each component that is looked for, and for each dimension in which they are.
CLIPS_PER_COMPONENT = 5
#: Principal components in which they are looked for.
LEADING = 8


@dataclass(frozen=True)
class Mixture:
    """Several means and one precision.

    Attributes:
        weights: (K,) sum to 1; a component of weight 0 does not exist.
        means: (K, D).
        precision: (D, D).
    """

    weights: np.ndarray
    means: np.ndarray
    precision: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, components: int, seed: int) -> Mixture:
        """Learns from (N, D) vectors, N ≥ 2, of unknown kinds.

        Which vectors belong together is found by EM where they differ most, in their few leading principal
        components; a hundred vectors tell nothing of clusters in 128 dimensions.
        """
        vectors = vectors.astype(np.float64)
        common = vectors.mean(axis=0)
        kinds = _kinds(vectors - common, components, seed)
        counts = np.bincount(kinds, minlength=components).astype(np.float64)
        sums = np.stack([vectors[kinds == kind].sum(axis=0) for kind in range(components)])
        means = (sums + PRIOR_CLIPS * common) / (counts + PRIOR_CLIPS)[:, None]
        return cls(counts / len(vectors), means, shrunk_precision(vectors - means[kinds]))

    def surprise(self, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Negative log-likelihood of x (D,) less a constant of the mixture, the share of each dimension in it
        (D,), which sum to it, and the mean (D,) that it was measured from, between those of the components.

        With r the probabilities of the components given x it is ½ Σ r d² + Σ r log(r / weight); the second
        sum has no dimension and is shared out evenly.
        """
        there = self.weights > 0
        away = x.astype(np.float64) - self.means[there]  # (K, D)
        shares = away * (away @ self.precision) / 2
        log_joint = np.log(self.weights[there]) - shares.sum(axis=1)
        value = -np.logaddexp.reduce(log_joint)
        r = np.exp(log_joint + value)
        shares = r @ shares
        return float(value), shares + (value - shares.sum()) / len(shares), r @ self.means[there]


def _kinds(centred: np.ndarray, components: int, seed: int) -> np.ndarray:
    """(N,) the component of each centred vector (N, D); all one where there is nothing to tell apart."""
    from sklearn.mixture import GaussianMixture

    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    wide = values > 1e-3 * max(values[0], 1e-3)
    leading = (left * values)[:, wide][:, : min(LEADING, len(centred) // CLIPS_PER_COMPONENT)]
    components = min(components, len(centred) // CLIPS_PER_COMPONENT)
    if components < 2 or not leading.size:
        return np.zeros(len(centred), int)
    em = GaussianMixture(
        components,
        covariance_type="tied",
        reg_covar=1e-3 * leading.var(),
        random_state=seed % 2**32,  # scikit-learn takes no more
    )
    return em.fit(leading).predict(leading)

"""How far a vector is from its nearest among normal ones, where some regions are denser than others.

A clip of the target domain has few neighbours and lies far from all of them, normal or not. Four ways of
making distances comparable, each a column of `SCORES`:

* ``nearest``: the plain distance to the nearest neighbour.
* ``density``: min over y of d(x, y) / ρ(y), with ρ(y) the mean distance of y to its K nearest among the
  others of its own domain (local density normalisation, Wilkinghoff et al. 2025).
* ``variance``: min over y of log d(x, y) − α log ρ(y), with the α that makes its variance over
  leave-one-out pairs least, Cov(log d, log ρ) / Var(log ρ).
* ``domain``: each domain's distance over the median leave-one-out distance within that domain, the smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SCORES = ("density", "nearest", "variance", "domain")
_SMALLEST = 1e-9  # of a distance: twins among the normals must not divide by zero
METRICS = ("euclidean", "cosine")


def distances(one: np.ndarray, other: np.ndarray, metric: str = "euclidean") -> np.ndarray:
    """(M, N) float64 distances between (M, D) and (N, D); ``cosine`` is one minus the cosine."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    if metric == "cosine":
        one, other = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (one, other))
        return np.maximum(1 - one @ other.T, 0.0)
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.sqrt(np.maximum(squares, 0.0))


@dataclass(frozen=True)
class Neighbours:
    """Normal vectors, and how dense it is around each.

    Attributes:
        vectors: (N, D) float32.
        target: (N,) bool, which are of the target domain.
        density: (N,) ρ: mean distance to the K nearest of the same domain.
        alpha: of ``variance``.
        scale: (2,) median leave-one-out distance within the source and within the target domain.
        metric: one of `METRICS`.
    """

    vectors: np.ndarray
    target: np.ndarray
    density: np.ndarray
    alpha: float
    scale: np.ndarray
    metric: str = "euclidean"

    @classmethod
    def fit(
        cls,
        vectors: np.ndarray,
        target: np.ndarray,
        *,
        groups: Sequence[int] | None = None,
        metric: str = "euclidean",
        k_source: int = 1,
        k_target: int = 1,
    ) -> Neighbours:
        """Learns the density around each normal vector.

        Args:
            vectors: (N, D), at least 2.
            target: (N,) bool.
            groups: (N,) vectors of one group, cuts of one recording, are no neighbours of each other.
            k_source, k_target: neighbours that make up a density, or as many as there are.
        """
        group = np.arange(len(vectors)) if groups is None else np.asarray(groups)
        target = np.asarray(target, bool)
        apart = group[:, None] != group
        if not apart.any():  # one recording alone: its cuts are all there is
            apart = ~np.eye(len(vectors), dtype=bool)
        between = np.where(apart, np.maximum(distances(vectors, vectors, metric), _SMALLEST), np.inf)
        same = np.where(target[:, None] == target, between, np.inf)
        lonely = ~np.isfinite(same).any(axis=1)
        same[lonely] = between[lonely]  # the only one of its domain looks at the other domain
        density = np.array(
            [
                _mean_nearest(row, k_target if is_target else k_source)
                for row, is_target in zip(same, target, strict=True)
            ]
        )
        density[~np.isfinite(density)] = np.median(density[np.isfinite(density)])
        nearest = same.min(axis=1)
        overall = np.median(nearest[np.isfinite(nearest)])
        scale = [_median(nearest[target == domain], overall) for domain in (False, True)]
        return cls(
            vectors.astype(np.float32), target, density, _alpha(between, density), np.array(scale), metric
        )

    def scores(self, x: np.ndarray) -> dict[str, float]:
        """Every score of one vector (D,)."""
        return {name: value for name, (value, _) in self.judge(x).items()}

    def judge(self, x: np.ndarray) -> dict[str, tuple[float, int]]:
        """Every score of one vector (D,), and the normal vector that it was measured against."""
        d = np.maximum(distances(x[None], self.vectors, self.metric)[0], _SMALLEST)
        by_score = {
            "density": d / self.density,
            "nearest": d,
            "variance": np.log(d) - self.alpha * np.log(self.density),
            "domain": d / self.scale[self.target.astype(int)],
        }
        return {name: (float(values.min()), int(values.argmin())) for name, values in by_score.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it but the metric, as arrays for a model file; `from_arrays` is the way back."""
        return {
            "vectors": self.vectors,
            "target": self.target,
            "density": self.density,
            "alpha": np.array([self.alpha]),
            "scale": self.scale,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], metric: str = "euclidean") -> Neighbours:
        """The inverse of `arrays`."""
        alpha = float(arrays["alpha"][0])
        return cls(arrays["vectors"], arrays["target"], arrays["density"], alpha, arrays["scale"], metric)


def _mean_nearest(row: np.ndarray, k: int) -> float:
    near = np.sort(row[np.isfinite(row)])[:k]
    return float(near.mean()) if len(near) else np.inf


def _median(values: np.ndarray, otherwise: float) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else float(otherwise)


def _alpha(between: np.ndarray, density: np.ndarray) -> float:
    """Regression of log distance on log density over all leave-one-out pairs."""
    one, other = np.nonzero(np.isfinite(between))
    log_d, log_rho = np.log(between[one, other]), np.log(density[other])
    variance = log_rho.var()
    if variance < 1e-12:
        return 0.0
    return float(np.mean((log_d - log_d.mean()) * (log_rho - log_rho.mean())) / variance)

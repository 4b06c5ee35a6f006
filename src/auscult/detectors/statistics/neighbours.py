"""How far a vector is from its nearest among normal ones, where some regions are denser than others.

A clip of the target domain has few neighbours and lies far from all of them, normal or not. Four ways of
making distances comparable, each a column of `SCORES`:

* ``density``: min over y of d(x, y) / ρ(y), with ρ(y) the mean distance of y to its K nearest among the
  others of its own domain (local density normalisation, Wilkinghoff et al. 2025).
* ``nearest``: the plain distance to the nearest neighbour.
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
    middle = other.mean(axis=0)  # far from the origin squares cancel, and little is left of the difference
    one, other = one - middle, other - middle
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
        groups: Sequence[int] | np.ndarray | None = None,
        metric: str = "euclidean",
        k_source: int = 1,
        k_target: int = 1,
    ) -> Neighbours:
        """Learns the density around each normal vector; arguments as for `fit_left_out`."""
        return cls.fit_left_out(
            vectors, target, groups=groups, metric=metric, k_source=k_source, k_target=k_target
        )[0]

    @classmethod
    def fit_left_out(
        cls,
        vectors: np.ndarray,
        target: np.ndarray,
        *,
        groups: Sequence[int] | np.ndarray | None = None,
        metric: str = "euclidean",
        k_source: int = 1,
        k_target: int = 1,
    ) -> tuple[Neighbours, dict[str, np.ndarray]]:
        """`fit`, and what each normal vector scores by the others.

        Densities and scales are those that the rest of the bank alone would have; only α, one number of
        all pairs, stays. Where the rest is a single group and tells no density, it keeps what it had.

        Args:
            vectors: (N, D), at least 2.
            target: (N,) bool.
            groups: (N,) vectors of one group, cuts of one recording, are no neighbours of each other, and
                are left out together.
            k_source, k_target: neighbours that make up a density, or as many as there are.

        Returns:
            The neighbours, and score name to (N,) leave-one-out scores.
        """
        vectors, target = vectors.astype(np.float32), np.asarray(target, bool)
        group = np.arange(len(vectors)) if groups is None else np.asarray(groups)
        if np.all(group == group[0]):  # one recording alone: its cuts are all there is
            group = np.arange(len(vectors))
        between = np.maximum(distances(vectors, vectors, metric), _SMALLEST)
        bank = _Bank(np.where(group[:, None] == group, np.inf, between), target, group)
        density, density_without = bank.densities(np.where(target, k_target, k_source))
        nearest, nearest_without = bank.densities(np.ones(len(vectors), int))
        scale, scale_without = bank.scales(nearest[None])[0], bank.scales(nearest_without, left_out=True)
        alpha, log_between, log_without = _alpha(bank.between, density_without)
        by_score = {
            "density": bank.between / density_without,
            "nearest": bank.between,
            "variance": log_between - alpha * log_without,
            "domain": bank.between / scale_without[:, target.astype(int)],
        }
        left_out = {name: values.min(axis=1) for name, values in by_score.items()}
        return cls(vectors, target, density, alpha, scale, metric), left_out

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


@dataclass(frozen=True)
class _Bank:
    """Distances among normal vectors, whole and with each left out in turn, its group with it.

    Attributes:
        between: (N, N), infinite within a group.
        target: (N,) bool.
        group: (N,), two groups at least.
    """

    between: np.ndarray
    target: np.ndarray
    group: np.ndarray

    def densities(self, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean distance of each vector y to its k (N,) nearest of the same domain; of both domains where it
        has none.

        Returns:
            (N,), and (N, N) whose row i is without i's group. Only vectors with one of that group among
            their k nearest differ there, and since their next nearest follow in the same list nothing is
            fitted again.
        """
        count, label = len(k), np.unique(self.group, return_inverse=True)[1]
        sizes = np.bincount(label)
        same = np.where(self.target[:, None] == self.target, self.between, np.inf)
        lonely = ~np.isfinite(same).any(axis=1)
        same[lonely] = self.between[lonely]
        listed = min(int(k.max() + sizes.max()), count)
        near = np.argpartition(same, listed - 1, axis=1)[:, :listed]
        near = np.take_along_axis(near, np.argsort(np.take_along_axis(same, near, 1), axis=1), 1)
        far = np.take_along_axis(same, near, 1)  # (N, listed), rising
        whole = _mean_of_first(far, np.isfinite(far), k)
        hit = np.zeros((len(sizes), count), bool)  # one of group g is among the k nearest of y
        for rank in range(min(int(k.max()), listed)):
            counted = np.flatnonzero(np.isfinite(far[:, rank]) & (rank < k))
            hit[label[near[counted, rank]], counted] = True
        g, y = np.nonzero(hit)
        changed = _mean_of_first(far[y], np.isfinite(far[y]) & (label[near[y]] != g[:, None]), k[y])
        gone = np.isnan(changed)  # none of its domain is left
        row = np.sort(np.where(label == g[gone, None], np.inf, self.between[y[gone]]), axis=1)
        changed[gone] = _mean_of_first(row, np.isfinite(row), k[y[gone]])
        without = np.tile(whole, (len(sizes), 1))
        without[g, y] = np.where(np.isnan(changed), whole[y], changed)
        return whole, without[label]

    def scales(self, nearest: np.ndarray, *, left_out: bool = False) -> np.ndarray:
        """(M, 2) median of the nearest distances (M, N) of each domain, of all where it has none; with
        ``left_out`` row i is without i's group."""
        apart = self.group[:, None] != self.group if left_out else np.ones((1, len(self.group)), bool)
        everyone = _median_of_rows(np.where(apart, nearest, np.inf))
        of_domain = [
            _median_of_rows(np.where(apart & (self.target == domain), nearest, np.inf))
            for domain in (False, True)
        ]
        return np.stack([np.where(np.isfinite(m), m, everyone) for m in of_domain], axis=1)


def _mean_of_first(rising: np.ndarray, there: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Mean of the first k (M,) values that are ``there`` in each row (M, L), or of as many as there are; NaN
    where there is none."""
    used = there & (np.cumsum(there, axis=1) <= k[:, None])
    found = used.sum(axis=1)
    total = np.where(used, rising, 0.0).sum(axis=1)
    return np.divide(total, found, out=np.full(len(rising), np.nan), where=found > 0)


def _median_of_rows(values: np.ndarray) -> np.ndarray:
    """Median of the finite values of each row (M, N); infinite where there is none."""
    rising = np.sort(values, axis=1)
    found = np.isfinite(rising).sum(axis=1)
    rows = np.arange(len(values))
    return (rising[rows, (np.maximum(found, 1) - 1) // 2] + rising[rows, found // 2]) / 2


def _alpha(between: np.ndarray, density: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Slope of log distance on log density over all leave-one-out pairs, and both logarithms (N, N)."""
    log_d, log_rho = np.log(between), np.log(density)
    pairs = np.isfinite(between)
    x, y = log_rho[pairs], log_d[pairs]
    variance = x.var()
    alpha = float(np.mean((x - x.mean()) * (y - y.mean())) / variance) if variance > 1e-12 else 0.0
    return alpha, log_d, log_rho

"""Distance of a vector from its nearest normal vectors, corrected for differences in density.

A clip of the target domain has few neighbours and is far from all of them, whether it is normal or not. There
are four ways of making distances comparable, the entries of `SCORES`:

* ``density``: min over y of d(x, y) / ρ(y), with ρ(y) the mean distance of y to its K nearest neighbours in
  its own domain (local density normalisation, Wilkinghoff et al. 2025).
* ``nearest``: the plain distance to the nearest neighbour.
* ``variance``: min over y of log d(x, y) − α log ρ(y), with the α that minimises its variance over
  leave-one-out pairs, Cov(log d, log ρ) / Var(log ρ).
* ``domain``: the distance to the nearest neighbour in each domain divided by the median leave-one-out
  distance within that domain; the smaller of the two.

Vectors may have leading axes, such as one for the groups of bands of a clip. Neighbours are then found in
each of these spaces separately, at once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

SCORES = ("density", "nearest", "variance", "domain")
METRICS = ("euclidean", "cosine")
MIN_DISTANCE = 1e-9  # avoids division by zero if there are identical normal vectors


def distances(a: np.ndarray, b: np.ndarray, metric: str = "euclidean") -> np.ndarray:
    """Compute the (..., M, N) float64 distances between (..., M, D) and (..., N, D).

    ``cosine`` is one minus the cosine.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    if metric == "cosine":
        a, b = (v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12) for v in (a, b))
        return np.maximum(1 - a @ np.swapaxes(b, -1, -2), 0.0)
    # The mean is subtracted to avoid cancellation of large squares far from the origin.
    centre = b.mean(axis=-2, keepdims=True)
    a, b = a - centre, b - centre
    squares = (a**2).sum(-1)[..., None] + (b**2).sum(-1)[..., None, :] - 2 * a @ np.swapaxes(b, -1, -2)
    return np.sqrt(np.maximum(squares, 0.0))


@dataclass(frozen=True)
class Neighbours:
    """Normal vectors and the local density around each.

    Attributes:
        vectors: (..., N, D) float32.
        target: (N,) bool, true for vectors of the target domain.
        density: (..., N) ρ, the mean distance to the K nearest neighbours in the same domain.
        alpha: (...) α of ``variance``.
        scale: (..., 2) median leave-one-out distance within the source and within the target domain.
        metric: one of `METRICS`.
    """

    vectors: np.ndarray
    target: np.ndarray
    density: np.ndarray
    alpha: np.ndarray | float
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
        """Estimate the density around each normal vector; arguments as for `fit_leave_one_out`."""
        return cls.fit_leave_one_out(
            vectors, target, groups=groups, metric=metric, k_source=k_source, k_target=k_target
        )[0]

    @classmethod
    def fit_leave_one_out(
        cls,
        vectors: np.ndarray,
        target: np.ndarray,
        *,
        groups: Sequence[int] | np.ndarray | None = None,
        metric: str = "euclidean",
        k_source: int = 1,
        k_target: int = 1,
    ) -> tuple[Neighbours, dict[str, np.ndarray]]:
        """Estimate the densities as `fit` does, and compute the leave-one-out scores of the normal vectors.

        A vector is scored with the densities and scales that the other vectors alone would have; only α, one
        number for all pairs, is that of all vectors. If the others are a single group, which gives no
        density, their densities are those of all vectors.

        Args:
            vectors: (..., N, D), N at least 2.
            target: (N,) bool, true for vectors of the target domain.
            groups: (N,) group of each vector. Vectors of one group, such as segments of one recording, are
                not neighbours of each other and are left out together. Default: each vector is a group.
            metric: one of `METRICS`.
            k_source: number of neighbours that determine the density around a vector of the source domain;
                all of them if there are fewer.
            k_target: the same for the target domain.

        Returns:
            The neighbours, and score name to (..., N) leave-one-out scores.
        """
        vectors, target = vectors.astype(np.float32), np.asarray(target, bool)
        group = np.arange(len(target)) if groups is None else np.asarray(groups)
        if np.all(group == group[0]):  # only one recording: its segments are the only possible neighbours
            group = np.arange(len(target))
        between = np.maximum(distances(vectors, vectors, metric), MIN_DISTANCE)
        pairs = _PairDistances(np.where(group[:, None] == group, np.inf, between), target, group)
        k = np.where(target, k_target, k_source)
        density, density_without = pairs.densities(k)
        nearest, nearest_without = (density, density_without) if np.all(k == 1) else pairs.densities(k**0)
        scale = pairs.scales(nearest[..., None, :])[..., 0, :]
        scale_without = pairs.scales(nearest_without, leave_one_out=True)
        log_between, log_without = np.log(pairs.between), pairs.of_rows(np.log(density_without))
        alpha = _alpha(log_between, log_without)
        by_score = {
            "density": pairs.between / pairs.of_rows(density_without),
            "nearest": pairs.between,
            "variance": log_between - alpha[..., None, None] * log_without,
            "domain": pairs.between / pairs.of_rows(scale_without[..., target.astype(int)]),
        }
        scores = {name: values.min(axis=-1) for name, values in by_score.items()}
        return cls(vectors, target, density, alpha, scale, metric), scores

    def scores(self, x: np.ndarray) -> dict[str, float]:
        """Return every score of a vector (D,)."""
        return {name: float(value) for name, (value, _) in self.scores_and_nearest(x).items()}

    def scores_and_nearest(self, x: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return every score (...) of vectors (..., D), one of each space, and the index (...) of the normal
        vector that attains it."""
        d = np.maximum(distances(x[..., None, :], self.vectors, self.metric)[..., 0, :], MIN_DISTANCE)
        by_score = {
            "density": d / self.density,
            "nearest": d,
            "variance": np.log(d) - np.asarray(self.alpha)[..., None] * np.log(self.density),
            "domain": d / self.scale[..., self.target.astype(int)],
        }
        return {name: (values.min(axis=-1), values.argmin(axis=-1)) for name, values in by_score.items()}

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything except the metric as arrays for a model file; inverse of `from_arrays`.

        Only for vectors without leading axes.
        """
        return {
            "vectors": self.vectors,
            "target": self.target,
            "density": self.density,
            "alpha": np.asarray(self.alpha, np.float64).reshape(1),
            "scale": self.scale,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], metric: str = "euclidean") -> Neighbours:
        """Invert `to_arrays`."""
        alpha = float(arrays["alpha"][0])
        return cls(arrays["vectors"], arrays["target"], arrays["density"], alpha, arrays["scale"], metric)


@dataclass(frozen=True)
class _PairDistances:
    """Distances between normal vectors, from which densities with and without each group are computed.

    Attributes:
        between: (..., N, N) distances, infinite within a group.
        target: (N,) bool, true for vectors of the target domain.
        group: (N,) group of each vector; at least two groups, G in number.
    """

    between: np.ndarray
    target: np.ndarray
    group: np.ndarray

    @cached_property
    def label(self) -> np.ndarray:
        """(N,) index of the group of each vector."""
        return np.unique(self.group, return_inverse=True)[1]

    def of_rows(self, values: np.ndarray) -> np.ndarray:
        """Return the (..., N, N) rows of values (..., G, N) that belong to the groups of the N vectors."""
        alone = len(self.label) == values.shape[-2]
        return values if alone and np.all(np.diff(self.label) > 0) else values[..., self.label, :]

    def densities(self, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the mean distance of each vector y to its nearest neighbours in the same domain.

        If y has no neighbour in its domain, the neighbours are those of both domains.

        Args:
            k: (N,) number of neighbours of each vector.

        Returns:
            The (..., N) densities, and the (..., G, N) densities without each group. These differ only for
            vectors that have a member of the group among their k nearest. Their next nearest follow in the
            same sorted list, so that distances are sorted only once.
        """
        count, label = len(k), self.label
        group_sizes = np.bincount(label)
        other_group = label[:, None] != label
        near = other_group & (self.target[:, None] == self.target)
        near[~near.any(axis=1)] = True
        same_domain = np.where(near & other_group, self.between, np.inf)
        # The nearest neighbours of each vector, as many as are needed when the largest group is left out.
        list_length = min(int(k.max() + group_sizes.max()), count)
        neighbour = np.argpartition(same_domain, list_length - 1, axis=-1)[..., :list_length]
        order = np.argsort(np.take_along_axis(same_domain, neighbour, -1), axis=-1)
        neighbour = np.take_along_axis(neighbour, order, -1)
        distance = np.take_along_axis(same_domain, neighbour, -1)  # (..., N, list_length), ascending
        density = _mean_of_first(distance, np.isfinite(distance), k)
        # affected[..., g, y]: whether a member of group g is among the k nearest of y.
        affected = np.zeros((*density.shape[:-1], len(group_sizes), count), bool)
        for rank in range(min(int(k.max()), list_length)):
            *space, y = np.nonzero(np.isfinite(distance[..., rank]) & (rank < k))
            affected[(*space, label[neighbour[(*space, y, rank)]], y)] = True
        *space, g, y = np.nonzero(affected)
        at = (*space, y)
        outside_group = label[neighbour[at]] != g[:, None]
        updated = _mean_of_first(distance[at], np.isfinite(distance[at]) & outside_group, k[y])
        nan = np.isnan(updated)  # no neighbour in the same domain is left
        of_nan = self.between[tuple(axis[nan] for axis in at)]
        any_domain = np.sort(np.where(label == g[nan, None], np.inf, of_nan), axis=-1)
        updated[nan] = _mean_of_first(any_domain, np.isfinite(any_domain), k[y[nan]])
        without = np.repeat(density[..., None, :], len(group_sizes), axis=-2)  # (..., G, N)
        without[(*space, g, y)] = np.where(np.isnan(updated), density[at], updated)
        return density, without

    def scales(self, nearest: np.ndarray, *, leave_one_out: bool = False) -> np.ndarray:
        """Compute the (..., M, 2) medians of nearest distances (..., M, N) in each domain.

        A domain without vectors gets the median of all. With ``leave_one_out``, M is the number of groups,
        and row g is without group g.
        """
        included = np.ones((1, len(self.label)), bool)
        if leave_one_out:
            included = np.arange(self.label.max() + 1)[:, None] != self.label

        def medians(of_domain: np.ndarray) -> np.ndarray:
            return _median_of_rows(np.where(included[:, of_domain], nearest[..., of_domain], np.inf))

        result = np.stack([medians(self.target == domain) for domain in (False, True)], axis=-1)
        if not np.all(np.isfinite(result)):
            of_all = medians(np.ones(len(self.target), bool))
            result = np.where(np.isfinite(result), result, of_all[..., None])
        return result


def _mean_of_first(ascending: np.ndarray, mask: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the mean of the first k (M,) values in ``mask`` of each row (..., M, L).

    If there are fewer, the mean is over these; if there are none, it is NaN.
    """
    used = mask & (np.cumsum(mask, axis=-1) <= k[:, None])
    count = used.sum(axis=-1)
    total = np.where(used, ascending, 0.0).sum(axis=-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _median_of_rows(values: np.ndarray) -> np.ndarray:
    """Return the median of the finite values of each row (..., N); infinite if there are none."""
    if not values.shape[-1]:
        return np.full(values.shape[:-1], np.inf)
    ascending = np.sort(values, axis=-1)
    count = np.isfinite(ascending).sum(axis=-1, keepdims=True)
    lower = np.take_along_axis(ascending, (np.maximum(count, 1) - 1) // 2, -1)
    upper = np.take_along_axis(ascending, count // 2, -1)
    return ((lower + upper) / 2)[..., 0]


def _alpha(log_d: np.ndarray, log_rho: np.ndarray) -> np.ndarray:
    """Return the (...) slope of log distance on log density, both (..., N, N), over all pairs.

    The distance within pairs of one group is infinite, in every space.
    """
    pairs = np.isfinite(log_d.reshape(-1, *log_d.shape[-2:])[0])
    x, y = (np.ascontiguousarray(values[..., pairs]) for values in (log_rho, log_d))
    variance = x.var(axis=-1)
    x, y = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    alpha: np.ndarray = np.mean(x * y, axis=-1) / np.maximum(variance, 1e-300)
    return np.where(variance > 1e-12, alpha, 0.0)[()]

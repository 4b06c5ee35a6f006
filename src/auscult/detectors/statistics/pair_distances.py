"""Distances between all pairs of normal vectors, and the densities and scores that follow from them.

Vectors may have leading axes, as in `neighbours`. Distances are computed and sorted once; those of a subset
of the vectors, such as the training set of a fold model, are selected from them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class PairDistances:
    """Distances between normal vectors, from which densities with and without each group are computed.

    Attributes:
        between: (..., N, N) distances, infinite within a group.
        target: (N,) bool, true for vectors of the target domain.
        group: (N,) group of each vector; at least two groups, G in number.
        k: (N,) number of neighbours that determine the density around each vector.
        nearest: (..., N, L) indices of the nearest vectors of other groups in the same domain, by increasing
            distance; of both domains, if the domain has no other group.
    """

    between: np.ndarray
    target: np.ndarray
    group: np.ndarray
    k: np.ndarray
    nearest: np.ndarray

    @classmethod
    def of(
        cls, distances: np.ndarray, target: np.ndarray, group: np.ndarray, k: np.ndarray, spare: int = 0
    ) -> PairDistances:
        """Sort distances (..., N, N); ``spare`` is the largest number of vectors that `select` leaves out."""
        between = np.where(group[:, None] == group, np.inf, distances)
        length = min(_list_length(group, k) + spare, len(group))
        near = _same_domain(target, group)
        return cls(between, target, group, k, _first_in_order(np.where(near, between, np.inf), length))

    def select(self, subset: np.ndarray) -> PairDistances:
        """Return the distances between the vectors of a subset, (N,) bool, of at least two groups."""
        index, position = np.flatnonzero(subset), np.cumsum(subset) - 1
        target, group, k = self.target[index], self.group[index], self.k[index]
        between = self.between.take(index, axis=-2).take(index, axis=-1)
        nearest = self.nearest.take(index, axis=-2)
        order = np.argsort(~subset[nearest], axis=-1, kind="stable")[..., : _list_length(group, k)]
        nearest = position[np.take_along_axis(nearest, order, axis=-1)]
        alone = np.flatnonzero(_is_alone(target, group))
        if len(alone):
            nearest[..., alone, :] = _first_in_order(between[..., alone, :], nearest.shape[-1])
        return PairDistances(between, target, group, k, nearest)

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
            k: (N,) number of neighbours of each vector, at most those of the attribute.

        Returns:
            The (..., N) densities, and the (..., G, N) densities without each group. These differ only for
            vectors that have a member of the group among their k nearest. Their next nearest follow in the
            same sorted list, so that distances are sorted only once.
        """
        count, label, neighbour = len(k), self.label, self.nearest
        distance = np.take_along_axis(self.between, neighbour, -1)  # (..., N, L), ascending
        near = _same_domain(self.target, self.group)
        if not near.all():  # without the other domain, whose vectors may fill the list
            rows = np.arange(count)[:, None]
            distance = np.where(near[rows, neighbour], distance, np.inf)
        density = _mean_of_first(distance, np.isfinite(distance), k)
        # affected[..., g, y]: whether a member of group g is among the k nearest of y.
        groups = label.max() + 1
        affected = np.zeros((*density.shape[:-1], groups, count), bool)
        for rank in range(min(int(k.max()), neighbour.shape[-1])):
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
        without = np.repeat(density[..., None, :], groups, axis=-2)  # (..., G, N)
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


@dataclass(frozen=True)
class LeaveOneOut:
    """What `neighbours.Neighbours` needs of all vectors, and the scores of each without its group.

    Attributes:
        density: (..., N) ρ of `Neighbours`.
        alpha: (...) α of ``variance``, 0 without that score.
        scale: (..., 2) as in `Neighbours`.
        scores: score name to (..., N) leave-one-out scores.
    """

    density: np.ndarray
    alpha: np.ndarray
    scale: np.ndarray
    scores: dict[str, np.ndarray]

    @classmethod
    def of(cls, pairs: PairDistances, names: Collection[str]) -> LeaveOneOut:
        """Compute the scores of these names; see `Neighbours.fit_leave_one_out`."""
        density, density_without = pairs.densities(pairs.k)
        nearest, nearest_without = density, density_without
        if not np.all(pairs.k == 1):
            nearest, nearest_without = pairs.densities(np.ones_like(pairs.k))
        alpha = np.zeros(density.shape[:-1])[()]
        scores: dict[str, np.ndarray] = {}
        if "density" in names:
            scores["density"] = (pairs.between / pairs.of_rows(density_without)).min(axis=-1)
        if "nearest" in names:
            scores["nearest"] = pairs.between.min(axis=-1)
        if "variance" in names:
            log_between, log_without = np.log(pairs.between), pairs.of_rows(np.log(density_without))
            alpha = _alpha(log_between, log_without)
            scores["variance"] = (log_between - alpha[..., None, None] * log_without).min(axis=-1)
        if "domain" in names:
            scale_without = pairs.scales(nearest_without, leave_one_out=True)[..., pairs.label, :]
            of_domains = [
                pairs.between[..., pairs.target == domain].min(axis=-1, initial=np.inf)
                / scale_without[..., int(domain)]
                for domain in (False, True)
            ]
            scores["domain"] = np.minimum(*of_domains)
        return cls(density, alpha, pairs.scales(nearest[..., None, :])[..., 0, :], scores)


def _list_length(group: np.ndarray, k: np.ndarray) -> int:
    """Return how many neighbours are needed when the largest group is left out."""
    largest = np.unique(group, return_counts=True)[1].max()
    return min(int(k.max() + largest), len(group))


def _is_alone(target: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return (N,) bool, true for vectors whose domain has no other group."""
    return ~np.any((group[:, None] != group) & (target[:, None] == target), axis=1)


def _same_domain(target: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return (N, N) bool, true where both are of one domain, or the first is alone in its own."""
    return (target[:, None] == target) | _is_alone(target, group)[:, None]


def _first_in_order(distance: np.ndarray, length: int) -> np.ndarray:
    """Return the (..., length) indices of the smallest of distances (..., N), in ascending order."""
    first = np.argpartition(distance, length - 1, axis=-1)[..., :length]
    order = np.argsort(np.take_along_axis(distance, first, -1), axis=-1)
    return np.take_along_axis(first, order, -1)


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

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

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auscult.detectors.statistics.pair_distances import LeaveOneOut, PairDistances

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
    return Centred.of(b).distances(a)


@dataclass(frozen=True)
class Centred:
    """Vectors less their mean, prepared for Euclidean distances; in float64.

    Subtracting the mean avoids cancellation of large squares far from the origin.

    Attributes:
        centre: (..., 1, D) their mean.
        vectors: (..., N, D) the vectors less the mean.
        squares: (..., 1, N) the squared norms of these.
    """

    centre: np.ndarray
    vectors: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> Centred:
        """Prepare (..., N, D) vectors."""
        vectors = vectors.astype(np.float64)
        centre = vectors.mean(axis=-2, keepdims=True)
        vectors = vectors - centre
        return cls(centre, vectors, (vectors**2).sum(-1)[..., None, :])

    def distances(self, a: np.ndarray) -> np.ndarray:
        """Return the (..., M, N) distances from (..., M, D) vectors."""
        a = a - self.centre
        squares = (a**2).sum(-1)[..., None] + self.squares - 2 * a @ np.swapaxes(self.vectors, -1, -2)
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
        everything = [np.ones(len(target), bool)]
        return cls.fit_subsets(
            vectors,
            target,
            everything,
            groups=groups,
            metric=metric,
            k_source=k_source,
            k_target=k_target,
        )[0]

    @classmethod
    def fit_subsets(
        cls,
        vectors: np.ndarray,
        target: np.ndarray,
        subsets: Sequence[np.ndarray],
        *,
        groups: Sequence[int] | np.ndarray | None = None,
        metric: str = "euclidean",
        k_source: int = 1,
        k_target: int = 1,
        names: Collection[str] = SCORES,
    ) -> list[tuple[Neighbours, dict[str, np.ndarray]]]:
        """As `fit_leave_one_out` on each of several subsets of the vectors, for some of the scores.

        Distances are computed once for all subsets.

        Args:
            vectors: as in `fit_leave_one_out`, as are ``target``, ``groups``, ``metric``, ``k_source`` and
                ``k_target``.
            subsets: (N,) bool each, true for at least two vectors.
            names: of the scores; α is 0 without ``variance``.
        """
        vectors, target = vectors.astype(np.float32), np.asarray(target, bool)
        group = np.arange(len(target)) if groups is None else np.asarray(groups)
        if np.all(group == group[0]):  # only one recording: its segments are the only possible neighbours
            group = np.arange(len(target))
        between = np.maximum(distances(vectors, vectors, metric), MIN_DISTANCE)
        k = np.where(target, k_target, k_source)
        spare = max(len(subset) - int(subset.sum()) for subset in subsets)
        pairs = PairDistances.of(between, target, group, k, spare)
        fitted = []
        for subset in subsets:
            index = np.flatnonzero(subset)
            of_subset = vectors if subset.all() else np.take(vectors, index, axis=-2)
            if subset.all():
                leave_one_out = LeaveOneOut.of(pairs, names)
            elif np.all(group[index] == group[index[0]]):  # only one recording is left
                alone = PairDistances.of(
                    between[..., index[:, None], index], target[index], np.arange(len(index)), k[index]
                )
                leave_one_out = LeaveOneOut.of(alone, names)
            else:
                leave_one_out = LeaveOneOut.of(pairs.select(subset), names)
            parts = leave_one_out.density, leave_one_out.alpha, leave_one_out.scale
            fitted.append((cls(of_subset, target[index], *parts, metric), leave_one_out.scores))
        return fitted

    @cached_property
    def centred(self) -> Centred:
        """The vectors, prepared for Euclidean distances."""
        return Centred.of(self.vectors)

    def scores(self, x: np.ndarray) -> dict[str, float]:
        """Return every score of a vector (D,)."""
        return {name: float(value) for name, (value, _) in self.scores_and_nearest(x).items()}

    def scores_and_nearest(
        self, x: np.ndarray, names: Collection[str] = SCORES
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return some scores (...) of vectors (..., D), one of each space, and the index (...) of the normal
        vector that attains it."""
        x = x[..., None, :].astype(np.float64)
        euclidean = self.metric == "euclidean"
        between = self.centred.distances(x) if euclidean else distances(x, self.vectors, self.metric)
        d = np.maximum(between[..., 0, :], MIN_DISTANCE)
        by_score = {
            "density": lambda: d / self.density,
            "nearest": lambda: d,
            "variance": lambda: np.log(d) - np.asarray(self.alpha)[..., None] * np.log(self.density),
            "domain": lambda: d / self.scale[..., self.target.astype(int)],
        }
        values = {name: compute() for name, compute in by_score.items() if name in names}
        return {name: (of_all.min(axis=-1), of_all.argmin(axis=-1)) for name, of_all in values.items()}

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

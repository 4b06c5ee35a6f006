"""The densities of `pooled_gaussian`: of each pooled view of a clip, and of all views in coarse bands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from auscult.detectors.pooled.bank import NormalBank
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.mixture import Mixture

#: Maximum number of bands per view of the joint Gaussian: the covariance of all views in all bands would have
#: more elements than can be estimated.
COARSE_BANDS = 32
#: The kinds of densities.
KINDS = ("gaussian", "mixture", "joint")


@dataclass(frozen=True)
class PooledDensities:
    """A Gaussian and a mixture for each view, and a joint Gaussian of all views in coarse bands.

    Those that no score needs are ``None``.
    """

    gaussians: Sequence[Gaussian] | None
    mixtures: Sequence[Mixture] | None
    joint: Gaussian | None

    @classmethod
    def fit(cls, bank: NormalBank, kinds: Collection[str], components: int, seed: int) -> PooledDensities:
        """Fit the densities of some of `KINDS` to the clips of a bank."""
        views = [bank.vectors[:, v] for v in range(bank.vectors.shape[1])]
        coarse = _to_coarse(bank.vectors).reshape(len(bank), -1)
        return cls(
            [Gaussian.fit(view, bank.target) for view in views] if "gaussian" in kinds else None,
            [Mixture.fit(view, components, seed) for view in views] if "mixture" in kinds else None,
            Gaussian.fit(coarse, bank.target) if "joint" in kinds else None,
        )

    def shares_and_means(self, x: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Decompose the distances of the views of clips (..., V, B).

        Returns:
            For each of `KINDS` whose density is fitted, the contribution of every band of every view to the
            distance, and the mean that it is measured from; both (..., V, B).
        """
        result: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        views = np.moveaxis(x, -2, 0)
        if self.gaussians:
            result["gaussian"] = _stacked(g.distance(v) for g, v in zip(self.gaussians, views, strict=True))
        if self.mixtures:
            of_views = (m.negative_log_density(v) for m, v in zip(self.mixtures, views, strict=True))
            result["mixture"] = _stacked(of_views)
        if self.joint:
            coarse, bands = _to_coarse(x), x.shape[-1]
            _, share, mean = self.joint.distance(coarse.reshape(*x.shape[:-2], -1))
            share, mean = share.reshape(coarse.shape) / coarse_sizes(bands), mean.reshape(coarse.shape)
            result["joint"] = _to_fine(share, bands), _to_fine(mean, bands)
        return result

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all densities as arrays for a model file; inverse of `from_arrays`."""
        arrays: dict[str, np.ndarray] = {}
        if self.gaussians:
            arrays["gaussian_means"] = np.stack([g.means for g in self.gaussians])
            arrays["gaussian_precision"] = np.stack([g.precision for g in self.gaussians])
            arrays["counts"] = self.gaussians[0].counts
        if self.mixtures:
            arrays["mixture_weights"] = np.stack([m.weights for m in self.mixtures])
            arrays["mixture_means"] = np.stack([m.means for m in self.mixtures])
            arrays["mixture_precision"] = np.stack([m.precision for m in self.mixtures])
        if self.joint:
            arrays["joint_means"] = self.joint.means
            arrays["joint_precision"] = self.joint.precision
            arrays["counts"] = self.joint.counts
        return arrays

    @classmethod
    def from_arrays(cls, a: Mapping[str, np.ndarray]) -> PooledDensities:
        """Invert `to_arrays`."""
        gaussians, mixtures, joint = None, None, None
        if "gaussian_means" in a:
            parts = zip(a["gaussian_means"], a["gaussian_precision"], strict=True)
            gaussians = [Gaussian(means, precision, a["counts"]) for means, precision in parts]
        if "mixture_means" in a:
            names = ("mixture_weights", "mixture_means", "mixture_precision")
            mixtures = [Mixture(*of_view) for of_view in zip(*(a[name] for name in names), strict=True)]
        if "joint_means" in a:
            joint = Gaussian(a["joint_means"], a["joint_precision"], a["counts"])
        return cls(gaussians, mixtures, joint)


def _stacked(
    of_views: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Return shares and means of all views, each (..., V, B), from the distances of each view."""
    _, shares, means = zip(*of_views, strict=True)
    return np.stack(shares, axis=-2), np.stack(means, axis=-2)


def _first_bands(bands: int) -> np.ndarray:
    """Return the index of the first fine band of each coarse band."""
    count = min(COARSE_BANDS, bands)
    return np.arange(count) * bands // count


@lru_cache(maxsize=16)
def coarse_sizes(bands: int) -> np.ndarray:
    """Return the number of fine bands in each coarse band, read-only."""
    sizes = np.diff(_first_bands(bands), append=bands)
    sizes.flags.writeable = False
    return sizes


def _to_coarse(x: np.ndarray) -> np.ndarray:
    """Average over neighbouring bands: (..., B) fine bands to (..., C) coarse ones."""
    return np.add.reduceat(x, _first_bands(x.shape[-1]), axis=-1) / coarse_sizes(x.shape[-1])


def _to_fine(x: np.ndarray, bands: int) -> np.ndarray:
    """Repeat the value of each coarse band for its fine bands: (..., C) to (..., B)."""
    return np.repeat(x, coarse_sizes(bands), axis=-1)

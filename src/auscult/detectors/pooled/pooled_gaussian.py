"""Gaussians and Gaussian mixtures on the pooled views of a clip, fitted to the normal clips.

Covariances are shrunk (Ledoit & Wolf, J. Multivariate Analysis 88, 2004), so that fewer clips than bands are
enough; each domain has its own mean, and all share the covariance. Unlike nearest neighbours, these densities
detect bands that usually vary together and no longer do, even if the level of each is normal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.corpus import AudioClip, folds_of_clips
from auscult.detectors.base import Evidence
from auscult.detectors.pooled.bank import BankConfig, BankDetector, NormalBank
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.mixture import Mixture
from auscult.detectors.statistics.standardizer import Standardizer
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

#: Maximum number of bands per view of the joint Gaussian: the covariance of all views in all bands would have
#: more elements than can be estimated.
COARSE_BANDS = 32
#: Number of folds for the held-out distances of normal clips.
FOLDS = 5


@dataclass
class PooledGaussianConfig(BankConfig):
    """Options of `PooledGaussian`."""

    components: int = 2  # of the mixture of each view

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.components <= 16:
            raise OptionError(f"components must be between 1 and 16, got {self.components}")


@dataclass(frozen=True)
class _Densities:
    """A Gaussian and a mixture for each view, and a joint Gaussian of all views in coarse bands."""

    gaussians: Sequence[Gaussian]
    mixtures: Sequence[Mixture]
    joint: Gaussian

    @classmethod
    def fit(cls, bank: NormalBank, components: int, seed: int) -> _Densities:
        """Fit all densities to the clips of a bank."""
        views = [bank.vectors[:, v] for v in range(bank.vectors.shape[1])]
        return cls(
            [Gaussian.fit(view, bank.target) for view in views],
            [Mixture.fit(view, components, seed) for view in views],
            Gaussian.fit(_to_coarse(bank.vectors).reshape(len(bank), -1), bank.target),
        )

    def shares_and_means(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Decompose the distances of a clip's views (V, B).

        Returns:
            The contribution of every band of every view to each kind of distance, and the mean that it is
            measured from; both (3, V, B), in the order Gaussians, mixtures, joint Gaussian.
        """
        gaussians = [g.distance(view)[1:] for g, view in zip(self.gaussians, x, strict=True)]
        mixtures = [m.negative_log_density(view)[1:] for m, view in zip(self.mixtures, x, strict=True)]
        coarse, bands = _to_coarse(x), x.shape[-1]
        share, mean = (part.reshape(coarse.shape) for part in self.joint.distance(coarse.ravel())[1:])
        joint_shares, joint_means = _to_fine(share / _coarse_sizes(bands), bands), _to_fine(mean, bands)
        return (
            np.array([[share for share, _ in gaussians], [share for share, _ in mixtures], joint_shares]),
            np.array([[mean for _, mean in gaussians], [mean for _, mean in mixtures], joint_means]),
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all densities as arrays for a model file; inverse of `from_arrays`."""
        return {
            "gaussian_means": np.stack([g.means for g in self.gaussians]),
            "gaussian_precision": np.stack([g.precision for g in self.gaussians]),
            "mixture_weights": np.stack([m.weights for m in self.mixtures]),
            "mixture_means": np.stack([m.means for m in self.mixtures]),
            "mixture_precision": np.stack([m.precision for m in self.mixtures]),
            "joint_means": self.joint.means,
            "joint_precision": self.joint.precision,
            "counts": self.joint.counts,
        }

    @classmethod
    def from_arrays(cls, a: Mapping[str, np.ndarray]) -> _Densities:
        """Invert `to_arrays`."""
        gaussians = zip(a["gaussian_means"], a["gaussian_precision"], strict=True)
        mixtures = zip(a["mixture_weights"], a["mixture_means"], a["mixture_precision"], strict=True)
        return cls(
            [Gaussian(means, precision, a["counts"]) for means, precision in gaussians],
            [Mixture(*parts) for parts in mixtures],
            Gaussian(a["joint_means"], a["joint_precision"], a["counts"]),
        )


class PooledGaussian(BankDetector):
    """Distances from densities of pooled views, standardised by the cross-fitted distances of normal clips.

    Scores, each from standardised distances: ``gaussian`` is the mean over views of the squared Mahalanobis
    distance, ``largest`` the largest of them, ``mixture`` the mean over views of the negative log density,
    and ``joint`` the squared distance of all views together, in coarse bands.
    """

    name = "pooled_gaussian"
    config: PooledGaussianConfig
    config_type = PooledGaussianConfig
    scores = ("gaussian", "largest", "mixture", "joint")
    min_recordings = 4  # then the densities of each fold are fitted to at least two

    def fit_bank(self, bank: NormalBank) -> Mapping[str, np.ndarray]:
        c = self.config
        folds = np.array(folds_of_clips(bank.clips, FOLDS, c.seed))
        if min(np.sum(folds != fold) for fold in folds) < 2:  # nearly all from one recording: split it
            folds = np.arange(len(bank)) % FOLDS
        shares = np.empty((len(bank), 3, *bank.vectors.shape[1:]))
        for fold in range(folds.max() + 1):
            densities = _Densities.fit(bank.select(folds != fold), c.components, c.seed)
            for i in np.flatnonzero(folds == fold):
                shares[i] = densities.shares_and_means(bank.vectors[i])[0]
        return {
            **_Densities.fit(bank, c.components, c.seed).to_arrays(),
            "usual": shares.mean(axis=0),
            "by_view": Standardizer.fit(shares[:, :2].sum(axis=-1)).to_arrays(),
            "by_joint": Standardizer.fit(shares[:, 2].sum(axis=(-2, -1))).to_arrays(),
        }

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """As in `Detector`.

        The mean of a map over time, summed over bands, is the score. The contribution of a band is measured
        relative to its mean contribution over normal clips, so it can be negative.
        """
        x = self.view(recording)
        shares, means = _Densities.from_arrays(self.arrays).shares_and_means(x)
        by_view, by_joint = (Standardizer.from_arrays(self.arrays[name]) for name in ("by_view", "by_joint"))
        excess = shares - self.arrays["usual"]  # (3, V, B)
        views, joint = excess[:2] / by_view.sd[..., None], excess[2] / by_joint.sd
        gaussian, mixture = views / len(x)
        z = views[0].sum(axis=-1)  # (V,)
        largest = views[0] * (np.arange(len(x)) == z.argmax())[:, None]
        parts = {
            "gaussian": (gaussian, means[0]),
            "largest": (largest, means[0]),
            "mixture": (mixture, means[1]),
            "joint": (joint, means[2]),
        }
        scores = {name: float(part.sum()) for name, (part, _) in parts.items()}
        if not explain:
            return Evidence(scores)
        frames = recording.log_mel(self.config.front_end)
        return Evidence(scores, {name: self.map_of(frames, *part) for name, part in parts.items()})

    def export(self, samples: Value) -> GraphEvidence:
        from auscult.detectors.onnx_export.front_end import log_mel
        from auscult.detectors.pooled.pooled_gaussian_onnx import pooled_evidence

        front_end, densities = self.config.front_end, _Densities.from_arrays(self.arrays)
        return pooled_evidence(
            log_mel(samples, front_end),
            self.config.view_names,
            densities.gaussians,
            densities.mixtures,
            densities.joint,
            _coarse_sizes(front_end.n_mels),
            self.arrays,
        )

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        c = self.config
        views, bands = len(c.view_names), c.front_end.n_mels
        coarse = len(_coarse_sizes(bands))
        return {
            "bank": (None, views, bands),
            "gaussian_means": (views, 2, bands),
            "gaussian_precision": (views, bands, bands),
            "mixture_weights": (views, c.components),
            "mixture_means": (views, c.components, bands),
            "mixture_precision": (views, bands, bands),
            "joint_means": (2, views * coarse),
            "joint_precision": (views * coarse, views * coarse),
            "counts": (2,),
            "usual": (3, views, bands),
            "by_view": (2, 2, views),
            "by_joint": (2,),
        }


def _first_bands(bands: int) -> np.ndarray:
    """Return the index of the first fine band of each coarse band."""
    count = min(COARSE_BANDS, bands)
    return np.arange(count) * bands // count


def _coarse_sizes(bands: int) -> np.ndarray:
    """Return the number of fine bands in each coarse band."""
    return np.diff(_first_bands(bands), append=bands)


def _to_coarse(x: np.ndarray) -> np.ndarray:
    """Average over neighbouring bands: (..., B) fine bands to (..., C) coarse ones."""
    return np.add.reduceat(x, _first_bands(x.shape[-1]), axis=-1) / _coarse_sizes(x.shape[-1])


def _to_fine(x: np.ndarray, bands: int) -> np.ndarray:
    """Repeat the value of each coarse band for its fine bands: (..., C) to (..., B)."""
    return np.repeat(x, _coarse_sizes(bands), axis=-1)

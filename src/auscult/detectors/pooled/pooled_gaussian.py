"""How improbable the pooled views of a clip are under Gaussians and mixtures fitted to the normal clips.

Covariances are shrunk (Ledoit & Wolf, J. Multivariate Analysis 88, 2004), so that fewer clips than bands are
enough; domains have a mean each and share the covariance. Bands that usually rise and fall together and now
do not are odd here though each of them is not, which nearest neighbours do not see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.corpus import AudioClip, folds_of_clips
from auscult.detectors.base import Evidence
from auscult.detectors.pooled.bank import Bank, BankConfig, BankDetector
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.mixture import Mixture
from auscult.detectors.statistics.standardizer import Standard
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

#: Bands of the joint Gaussian at most: all views in all bands have more covariances than clips can tell.
COARSE_BANDS = 32
FOLDS = 5  # in which normals are scored by the densities of the others


@dataclass
class PooledGaussianConfig(BankConfig):
    """Settings of `PooledGaussian`."""

    components: int = 2  # of the mixture on each view

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.components <= 16:
            raise OptionError(f"components={self.components}: between 1 and 16")


@dataclass(frozen=True)
class _Densities:
    """A Gaussian and a mixture on each view, and a Gaussian on all views side by side in coarse bands."""

    gaussians: Sequence[Gaussian]
    mixtures: Sequence[Mixture]
    joint: Gaussian

    @classmethod
    def fit(cls, bank: Bank, components: int, seed: int) -> _Densities:
        views = [bank.vectors[:, v] for v in range(bank.vectors.shape[1])]
        return cls(
            [Gaussian.fit(view, bank.target) for view in views],
            [Mixture.fit(view, components, seed) for view in views],
            Gaussian.fit(_coarse(bank.vectors).reshape(len(bank), -1), bank.target),
        )

    def look(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What every band of every view (V, B) adds to the three kinds of distance, and what it was measured
        from; both (3, V, B): Gaussians, mixtures, joint Gaussian."""
        looks = [
            [gaussian.distance(view)[1:] for gaussian, view in zip(self.gaussians, x, strict=True)],
            [mixture.surprise(view)[1:] for mixture, view in zip(self.mixtures, x, strict=True)],
        ]
        coarse = _coarse(x)
        share, mean = (part.reshape(coarse.shape) for part in self.joint.distance(coarse.ravel())[1:])
        whole = [_fine(share / _sizes(x.shape[-1]), x.shape[-1]), _fine(mean, x.shape[-1])]
        shares, means = (
            np.stack([*(np.stack([look[i] for look in kind]) for kind in looks), whole[i]]) for i in (0, 1)
        )
        return shares, means

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it for a model file; `from_arrays` is the way back."""
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
        """The inverse of `arrays`."""
        gaussians = zip(a["gaussian_means"], a["gaussian_precision"], strict=True)
        mixtures = zip(a["mixture_weights"], a["mixture_means"], a["mixture_precision"], strict=True)
        return cls(
            [Gaussian(means, precision, a["counts"]) for means, precision in gaussians],
            [Mixture(*parts) for parts in mixtures],
            Gaussian(a["joint_means"], a["joint_precision"], a["counts"]),
        )


class PooledGaussian(BankDetector):
    """Distances by densities on pooled views, each standardised by what cross-fitted normals have.

    ``gaussian`` is the mean over views of the squared Mahalanobis distance, ``largest`` the largest of them,
    ``mixture`` the mean over views of the negative log-likelihood, ``joint`` the squared distance of all
    views side by side, in coarse bands.
    """

    name = "pooled_gaussian"
    config: PooledGaussianConfig
    config_type = PooledGaussianConfig
    scores = ("gaussian", "largest", "mixture", "joint")
    least = 4  # each fold's densities still learn from two

    def learn(self, bank: Bank) -> Mapping[str, np.ndarray]:
        c = self.config
        folds = np.array(folds_of_clips(bank.clips, FOLDS, c.seed))
        if min(np.sum(folds != fold) for fold in folds) < 2:  # one recording is nearly all: its cuts apart
            folds = np.arange(len(bank)) % FOLDS
        shares = np.empty((len(bank), 3, *bank.vectors.shape[1:]))
        for fold in range(folds.max() + 1):
            densities = _Densities.fit(bank.only(folds != fold), c.components, c.seed)
            for i in np.flatnonzero(folds == fold):
                shares[i] = densities.look(bank.vectors[i])[0]
        return {
            **_Densities.fit(bank, c.components, c.seed).arrays(),
            "usual": shares.mean(axis=0),
            "by_view": Standard.fit(shares[:, :2].sum(axis=-1)).array(),
            "by_joint": Standard.fit(shares[:, 2].sum(axis=(-2, -1))).array(),
        }

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """As in `Detector`. A map's mean over time, summed over bands, is the score: a band has as much of it
        as it added above what it adds to the distance of a normal clip, so parts may be negative."""
        x = self.view(recording)
        shares, means = _Densities.from_arrays(self.arrays).look(x)
        by_view, by_joint = (Standard.from_array(self.arrays[name]) for name in ("by_view", "by_joint"))
        odd = shares - self.arrays["usual"]  # (3, V, B)
        of_views, joint = odd[:2] / by_view.sd[..., None], odd[2] / by_joint.sd
        gaussian, mixture = of_views / len(x)
        z = of_views[0].sum(axis=-1)  # (V,)
        largest = of_views[0] * (np.arange(len(x)) == z.argmax())[:, None]
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
            _sizes(front_end.n_mels),
            self.arrays,
        )

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        c = self.config
        views, bands = len(c.view_names), c.front_end.n_mels
        coarse = len(_sizes(bands))
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
    """The first fine band of each coarse one."""
    count = min(COARSE_BANDS, bands)
    return np.arange(count) * bands // count


def _sizes(bands: int) -> np.ndarray:
    """How many fine bands make up each coarse one."""
    return np.diff(_first_bands(bands), append=bands)


def _coarse(x: np.ndarray) -> np.ndarray:
    """Means over neighbouring bands: (..., B) as (..., C)."""
    return np.add.reduceat(x, _first_bands(x.shape[-1]), axis=-1) / _sizes(x.shape[-1])


def _fine(x: np.ndarray, bands: int) -> np.ndarray:
    """Every coarse band's value for each of its fine bands: (..., C) as (..., B)."""
    return np.repeat(x, _sizes(bands), axis=-1)

"""Gaussians and Gaussian mixtures on the pooled views of a clip, fitted to the normal clips.

Covariances are shrunk (Ledoit & Wolf, J. Multivariate Analysis 88, 2004), so that fewer clips than bands are
enough; each domain has its own mean, and all share the covariance. Unlike nearest neighbours, these densities
detect bands that usually vary together and no longer do, even if the level of each is normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.corpus import AudioClip, folds_of_clips
from auscult.corpus.folds import FOLDS
from auscult.detectors.base import Evidence
from auscult.detectors.pooled.bank import BankConfig, BankDetector, NormalBank
from auscult.detectors.pooled.pooled_densities import KINDS, PooledDensities, coarse_sizes
from auscult.detectors.statistics.standardizer import Standardizer
from auscult.errors import OptionError
from auscult.runtime.option_fields import option

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

#: The kind of density that each score needs.
_KIND_OF_SCORE = {"gaussian": "gaussian", "largest": "gaussian", "mixture": "mixture", "joint": "joint"}


@dataclass
class PooledGaussianConfig(BankConfig):
    """Options of `PooledGaussian`."""

    components: int = option(2, "Components of the Gaussian mixture of each view, 1 to 16.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.components <= 16:
            raise OptionError(f"components must be between 1 and 16, got {self.components}")


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

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those of `KINDS` that the scores need."""
        needed = {_KIND_OF_SCORE[score] for score in self.scores}
        return tuple(kind for kind in KINDS if kind in needed)

    @property
    def densities(self) -> PooledDensities:
        """The fitted densities."""
        return self.derived("densities", lambda: PooledDensities.from_arrays(self.arrays))

    def fit_bank(self, bank: NormalBank) -> Mapping[str, np.ndarray]:
        c, kinds = self.config, self.kinds
        folds = np.array(folds_of_clips(bank.clips, FOLDS, c.seed))
        if min(np.sum(folds != fold) for fold in folds) < 2:  # nearly all from one recording: split it
            folds = np.arange(len(bank)) % FOLDS
        shares = {kind: np.empty(bank.vectors.shape) for kind in kinds}
        for fold in range(folds.max() + 1):
            densities = PooledDensities.fit(bank.select(folds != fold), kinds, c.components, c.seed)
            for kind, (of_fold, _) in densities.shares_and_means(bank.vectors[folds == fold]).items():
                shares[kind][folds == fold] = of_fold
        arrays = PooledDensities.fit(bank, kinds, c.components, c.seed).to_arrays()
        arrays["usual"] = np.stack([shares[kind].mean(axis=0) for kind in kinds])
        if of_views := [shares[kind].sum(axis=-1) for kind in kinds if kind != "joint"]:
            arrays["by_view"] = Standardizer.fit(np.stack(of_views, axis=1)).to_arrays()
        if "joint" in kinds:
            arrays["by_joint"] = Standardizer.fit(shares["joint"].sum(axis=(-2, -1))).to_arrays()
        return arrays

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """As in `Detector`.

        The mean of a map over time, summed over bands, is the score. The contribution of a band is measured
        relative to its mean contribution over normal clips, so it can be negative.
        """
        self.check_fitted()
        x = self.view(recording)
        parts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        distances = self.densities.shares_and_means(x)
        for index, (kind, (shares, means)) in enumerate(distances.items()):
            excess = shares - self.arrays["usual"][index]  # (V, B)
            if kind == "joint":
                parts[kind] = excess / Standardizer.from_arrays(self.arrays["by_joint"]).sd, means
                continue
            excess /= Standardizer.from_arrays(self.arrays["by_view"]).sd[index][:, None]
            parts[kind] = excess / len(x), means
            if kind == "gaussian":
                largest = np.arange(len(x)) == excess.sum(axis=-1).argmax()
                parts["largest"] = excess * largest[:, None], means
        scores = {name: float(parts[name][0].sum()) for name in self.scores}
        if not explain:
            return Evidence(scores)
        frames = recording.log_mel(self.config.front_end)
        return Evidence(scores, {name: self.map_of(frames, *parts[name]) for name in self.scores})

    def export(self, samples: Value) -> GraphEvidence:
        from auscult.detectors.onnx_export.front_end import log_mel
        from auscult.detectors.pooled.pooled_gaussian_onnx import pooled_evidence

        front_end, densities = self.config.front_end, self.densities
        return pooled_evidence(
            log_mel(samples, front_end),
            self.config.view_names,
            densities.gaussians,
            densities.mixtures,
            densities.joint,
            coarse_sizes(front_end.n_mels),
            self.scores,
            self.arrays,
        )

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        c, kinds = self.config, self.kinds
        views, bands = len(c.view_names), c.front_end.n_mels
        coarse = len(coarse_sizes(bands))
        shapes: dict[str, tuple[int | None, ...]] = {
            "bank": (None, views, bands),
            "usual": (len(kinds), views, bands),
        }
        if "gaussian" in kinds:
            shapes |= {"gaussian_means": (views, 2, bands), "gaussian_precision": (views, bands, bands)}
        if "mixture" in kinds:
            shapes |= {
                "mixture_weights": (views, c.components),
                "mixture_means": (views, c.components, bands),
                "mixture_precision": (views, bands, bands),
            }
        if "joint" in kinds:
            size = views * coarse
            shapes |= {"joint_means": (2, size), "joint_precision": (size, size), "by_joint": (2,)}
        if kinds != ("joint",):
            shapes["by_view"] = (2, len(set(kinds) - {"joint"}), views)
        if kinds != ("mixture",):
            shapes["counts"] = (2,)
        return shapes

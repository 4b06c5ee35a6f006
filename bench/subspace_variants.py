"""Residuals of the test clips of a machine, and variants of the scores of `subspace_residual`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

import auscult
from auscult.corpus import AudioClip, Clip, folds_of
from auscult.corpus.folds import FOLDS
from auscult.detectors.base import Config
from auscult.detectors.crossfit import TrainingSet
from auscult.detectors.options import config_for_recordings
from auscult.detectors.reconstruction.subspace_residual import SubspaceResidual, SubspaceResidualConfig
from auscult.detectors.reconstruction.subspaces import RANKS
from auscult.detectors.statistics.standardizer import Standardizer
from auscult.evaluation import evaluate_scores
from auscult.spectrum import context_windows


@dataclass(frozen=True)
class Residuals:
    """Residuals of N test clips by all ranks, in B bands.

    Attributes:
        squares: (N, len(RANKS), B) mean squares of the clips.
        normal: (len(RANKS), B) mean squares of normal windows.
        dimensions: (len(RANKS),) effective numbers of dimensions.
    """

    squares: np.ndarray
    normal: np.ndarray
    dimensions: np.ndarray

    @classmethod
    def of(cls, detector: SubspaceResidual, clips: Sequence[AudioClip]) -> Residuals:
        """Compute the residuals of clips by a fitted detector."""
        subspaces, context = detector.subspaces, detector.config.context

        def by_band(squares: np.ndarray) -> np.ndarray:
            return squares.reshape(len(RANKS), context, -1).mean(axis=1)

        squares = [by_band(subspaces.mean_squares(windows(clip, detector.config))) for clip in clips]
        return cls(np.array(squares), by_band(subspaces.noise), subspaces.dimensions)

    def select(self, ranks: Sequence[int]) -> Residuals:
        """Return the residuals by some of the ranks."""
        index = [RANKS.index(rank) for rank in ranks]
        return Residuals(self.squares[:, index], self.normal[index], self.dimensions[index])


@dataclass(frozen=True)
class Machine:
    """The residuals of the test clips of one machine.

    Attributes:
        clips: the N test clips.
        by_domain: with the mean between the domains and their difference as a direction, as in the detector.
        pooled: with mean and covariance of all windows.
        held_out: (M, len(RANKS), B) mean squares of the training clips by the models of five folds.
        likelihood: (N, len(RANKS)) negative log-likelihoods of probabilistic PCA, mean over windows.
    """

    clips: Sequence[Clip]
    by_domain: Residuals
    pooled: Residuals
    held_out: np.ndarray
    likelihood: np.ndarray

    @classmethod
    def of(cls, folder: str | Path) -> Machine:
        """Fit to the training clips of a folder, and compute what the scores of its test clips need."""
        corpus = auscult.open_corpus(folder)
        training, test = (
            [AudioClip.from_file(clip) for clip in clips]
            for clips in (corpus.for_training(), corpus.for_evaluation())
        )
        waveform = training[0].waveform()
        config = config_for_recordings(SubspaceResidual.name, waveform.sample_rate, waveform.seconds)
        folds = folds_of(training, FOLDS, config.seed)
        if max(folds) < 1:  # all are cut from one recording
            folds = [i % FOLDS for i in range(len(training))]
        by_domain, fold_models = SubspaceResidual.crossfit(config, TrainingSet(training, folds))
        pooled = SubspaceResidual(config).fit([_without_domain(clip) for clip in training])
        held_out = [Residuals.of(fold_models[k], [clip]) for k, clip in zip(folds, training, strict=True)]
        return cls(
            [clip.clip for clip in test],
            Residuals.of(by_domain, test),
            Residuals.of(pooled, test),
            np.concatenate([residuals.squares for residuals in held_out]),
            likelihoods(training, test, config),
        )

    def harmonic_mean(self, scores: np.ndarray) -> float:
        """Return the measure of the machine for (N,) scores, in percent."""
        value = evaluate_scores(self.clips, scores, intervals=False).overall.harmonic_mean.value
        assert value is not None, "test clips of both conditions"
        return 100 * value


def _without_domain(clip: AudioClip) -> AudioClip:
    other = copy(clip)
    other.clip = replace(clip.clip, domain=None)
    return other


def windows(clip: AudioClip, config: Config) -> np.ndarray:
    """Return the (V, D) float64 context windows of a clip."""
    frames = clip.log_mel(config.front_end).astype(np.float64)
    return context_windows(frames, SubspaceResidualConfig().context)


def likelihoods(training: Sequence[AudioClip], test: Sequence[AudioClip], config: Config) -> np.ndarray:
    """Return the (N, len(RANKS)) negative log-likelihoods per element by scikit-learn's probabilistic PCA
    (Tipping & Bishop, J. Royal Statistical Society B 61, 1999), means over the windows of a clip."""
    normal, new = (np.concatenate([windows(c, config) for c in clips]) for clips in (training, test))
    starts = np.cumsum([0, *(len(windows(clip, config)) for clip in test)])
    columns = []
    for rank in RANKS:
        pca = PCA(max(rank, 1), svd_solver="covariance_eigh").fit(normal)
        # scikit-learn has no rank 0: its likelihood has the order of the squared distance from the mean.
        of_windows = -pca.score_samples(new) if rank else np.sum((new - pca.mean_) ** 2, axis=1)
        columns.append(np.add.reduceat(of_windows, starts[:-1]) / np.diff(starts) / normal.shape[1])
    return np.array(columns).T


def _ratio(residuals: Residuals, weights: np.ndarray) -> np.ndarray:
    """Mean over ranks of the mean square relative to that of normal windows."""
    return (residuals.squares.mean(axis=2) / residuals.normal.mean(axis=1)) @ weights / weights.sum()


def _log_ratio(residuals: Residuals, weights: np.ndarray) -> np.ndarray:
    """Mean over ranks and bands of the logarithm of that ratio in each band."""
    return np.log(residuals.squares / residuals.normal).mean(axis=2) @ weights / weights.sum()


def _standardised(
    machine: Machine, ranks: Sequence[int], level: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Mean over ranks of z-scores with respect to held-out training clips.

    Args:
        machine: the machine.
        ranks: ranks to average.
        level: from (…, len(RANKS), B) mean squares to (…, len(RANKS)) scores.
    """
    standard = Standardizer.fit(level(machine.held_out))
    z = standard.z(level(machine.by_domain.squares))
    return z[:, [RANKS.index(rank) for rank in ranks]].mean(axis=1)


def _band_ratio(residuals: Residuals, weights: np.ndarray) -> np.ndarray:
    """Mean over ranks and bands of that ratio in each band."""
    return (residuals.squares / residuals.normal).mean(axis=2) @ weights / weights.sum()


#: From a machine and a set of ranks to (N,) scores. The first two are those of the detector.
VARIANTS: dict[str, Callable[[Machine, Sequence[int]], np.ndarray]] = {
    "`weighted`": lambda m, r: _log_ratio(m.by_domain.select(r), m.by_domain.select(r).dimensions),
    "`residual`": lambda m, r: _ratio(m.by_domain.select(r), m.by_domain.select(r).dimensions),
    "`weighted`, ranks with equal weights": lambda m, r: _log_ratio(m.by_domain.select(r), np.ones(len(r))),
    "`residual`, ranks with equal weights": lambda m, r: _ratio(m.by_domain.select(r), np.ones(len(r))),
    "`weighted`, domains pooled": lambda m, r: _log_ratio(m.pooled.select(r), m.pooled.select(r).dimensions),
    "`residual`, domains pooled": lambda m, r: _ratio(m.pooled.select(r), m.pooled.select(r).dimensions),
    "mean over bands of the ratio, not of its logarithm": lambda m, r: _band_ratio(
        m.by_domain.select(r), m.by_domain.select(r).dimensions
    ),
    "`weighted`, ranks standardised by held-out clips": lambda m, r: _standardised(
        m, r, lambda squares: np.log(squares).mean(axis=-1)
    ),
    "`residual`, ranks standardised by held-out clips": lambda m, r: _standardised(
        m, r, lambda squares: squares.mean(axis=-1)
    ),
    "negative log-likelihood of probabilistic PCA": lambda m, r: m.likelihood[
        :, [RANKS.index(rank) for rank in r]
    ].mean(axis=1),
}

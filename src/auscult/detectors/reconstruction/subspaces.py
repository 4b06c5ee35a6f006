"""Principal subspaces of several ranks, and what they leave of the windows of a clip.

For windows of mean m and covariance C, let P_R hold the eigenvectors of the R largest eigenvalues λ of C. The
subspace of rank R reconstructs a window x as m + P_R P_Rᵀ (x − m). No other linear reconstruction from R
numbers leaves a smaller mean squared residual (Jolliffe, "Principal Component Analysis", 2002). The residual
of normal windows has the covariance C − P_R Λ_R P_Rᵀ; its diagonal ψ_R is the noise of each element.

The effective number of dimensions of the residual, ν_R = (Σ_{k>R} λ_k)² / Σ_{k>R} λ_k², follows from the
other eigenvalues. The mean square of a Gaussian residual over n independent windows has the relative variance
2 / (n ν_R) (Satterthwaite, Biometrics Bulletin 2, 1946). Weights ν_R therefore combine ranks by the inverse
of their variances.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auscult.spectrum import spread_over_frames

#: All ranks.
RANKS = (0, 1, 2, 4, 8, 16, 32, 64)
#: Added to squared residuals, in dB², so that those of silence have a ratio and a logarithm.
SQUARE_FLOOR = 1e-9


@dataclass(frozen=True)
class Subspaces:
    """Principal subspaces of several ranks.

    Attributes:
        mean: (D,) float64 mean m of the windows.
        axes: (K, D) orthonormal eigenvectors, by decreasing eigenvalue; K is at most the largest rank, and
            subspaces of a larger rank than K have rank K.
        noise: (R, D) noise ψ_R of each element, for R ranks.
        dimensions: (R,) ν_R.
        ranks: the ranks.
    """

    mean: np.ndarray
    axes: np.ndarray
    noise: np.ndarray
    dimensions: np.ndarray
    ranks: Sequence[int] = RANKS

    @classmethod
    def fit(cls, mean: np.ndarray, covariance: np.ndarray, windows: int) -> Subspaces:
        """Compute the subspaces of all `RANKS` from mean (D,) and covariance (D, D) of a number of windows.

        A subspace has at most half as many dimensions as there are windows or elements: what it left of the
        windows that it was computed from would otherwise not be noise.
        """
        from scipy.linalg import eigh

        size = len(mean)
        count = min(RANKS[-1], size // 2, (windows - 1) // 2)
        values, vectors = np.empty(0), np.empty((size, 0))
        if count:
            # Only the largest: two thirds of the time that all would take.
            values, vectors = eigh(covariance, subset_by_index=(size - count, size - 1), driver="evr")
        values, axes = np.maximum(values[::-1], 0.0), np.ascontiguousarray(vectors[:, ::-1].T)
        left = covariance - (axes.T * values) @ axes  # by the largest subspace; by smaller ones, it and more
        shares = values[:, None] * axes**2  # (K, D)
        noise = np.array([np.diag(left) + shares[rank:].sum(axis=0) for rank in RANKS])
        squares = np.sum(left**2) + np.array([np.sum(values[rank:] ** 2) for rank in RANKS])
        totals = noise.sum(axis=1)
        dimensions = np.divide(totals**2, squares, out=np.ones(len(RANKS)), where=squares > 0)
        return cls(mean, axes, np.maximum(noise, 0.0), np.maximum(dimensions, 1.0))

    def of_ranks(self, ranks: Sequence[int]) -> Subspaces:
        """Return the subspaces of some of the ranks."""
        rows = [self.ranks.index(rank) for rank in ranks]
        return Subspaces(self.mean, self.axes[: max(ranks)], self.noise[rows], self.dimensions[rows], ranks)

    def mean_squares(self, windows: np.ndarray) -> np.ndarray:
        """Compute the mean squared residual of each element over the windows (V, D) of a clip.

        With y = x − m and z = P_Kᵀ y, the residual y − P_R z_R has the mean square
        ⟨y²⟩ − 2 P_R ⟨z_R y⟩ + P_R ⟨z_R z_Rᵀ⟩ P_Rᵀ, where ⟨⟩ is the mean over windows: three matrix products
        for all ranks.

        Returns:
            (R, D) float64.
        """
        centred = windows - self.mean
        components = centred @ self.axes.T  # (V, K)
        squares = (centred**2).mean(axis=0)
        cross = components.T @ centred / len(windows)  # (K, D)
        gram = components.T @ components / len(windows)
        left = [
            squares + np.sum(self.axes[:rank] * (gram[:rank, :rank] @ self.axes[:rank] - 2 * cross[:rank]), 0)
            for rank in self.ranks
        ]
        return np.maximum(left, 0.0)

    def residuals(self, windows: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the (V, D) residual of windows (V, D) for each rank."""
        centred = windows - self.mean
        components = centred @ self.axes.T
        for rank in self.ranks:
            yield centred - components[:, :rank] @ self.axes[:rank]


@dataclass(frozen=True)
class SubspaceScores:
    """The scores of one clip and their contributions.

    Attributes:
        by_rank: mean squared residual by rank, in dB².
        residual: the mean over ranks of the mean squared residual divided by that of normal windows.
        weighted: the mean over ranks and bands of the logarithm of that ratio in each band, in dB.
        residual_factors: (R,) factors of squared residuals in ``residual``.
        weighted_factors: (R, bands) factors of squared residuals in ``weighted``.
    """

    by_rank: Mapping[int, float]
    residual: float
    weighted: float
    residual_factors: np.ndarray
    weighted_factors: np.ndarray


def subspace_scores(
    mean_squares: np.ndarray, subspaces: Subspaces, averaged: Sequence[int], context: int
) -> SubspaceScores:
    """Compute the scores of a clip.

    Args:
        mean_squares: (R, D) as from `Subspaces.mean_squares`.
        subspaces: of R ranks.
        averaged: the ranks that the scores average, weighted by ν_R.
        context: frames in one window.
    """
    weights = np.where([rank in averaged for rank in subspaces.ranks], subspaces.dimensions, 0.0)
    weights /= weights.sum()
    by_band, normal = (
        squares.reshape(len(weights), context, -1).mean(axis=1) + SQUARE_FLOOR
        for squares in (mean_squares, subspaces.noise)
    )  # (R, bands)
    ratio = by_band.mean(axis=1) / normal.mean(axis=1)
    decibels = 10 * np.log10(by_band / normal)
    by_rank = by_band.mean(axis=1) - SQUARE_FLOOR
    return SubspaceScores(
        dict(zip(subspaces.ranks, by_rank.tolist(), strict=True)),
        float(weights @ ratio),
        float(weights @ decibels.mean(axis=1)),
        weights / normal.mean(axis=1),
        weights[:, None] * decibels / by_band,
    )


def subspace_maps(
    scores: SubspaceScores, residuals: Iterable[np.ndarray], context: int
) -> dict[str, np.ndarray]:
    """Return a (T, bands) float32 map of each score.

    A map averages over all bins to score / bands, except at the ends of the clip, as the value of a frame is
    the mean over the windows that contain it. Scores are divided among bins in proportion to their squared
    residuals; ``weighted`` first among the bands.

    Args:
        scores: of the clip.
        residuals: (V, D) for each rank of the scores.
        context: frames in one window.
    """
    by_rank, weighted, residual_ratio = {}, np.zeros(()), np.zeros(())
    factors = zip(scores.by_rank, residuals, scores.weighted_factors, scores.residual_factors, strict=True)
    for rank, residual, weighted_factor, residual_factor in factors:
        bands = len(weighted_factor)
        shares = residual.reshape(len(residual), context, bands) ** 2 / bands
        by_rank[f"residual_{rank}"] = _map_of(shares, context)
        if residual_factor:  # the rank is one of those that the scores average
            shares += SQUARE_FLOOR / bands
            weighted = weighted + shares * weighted_factor
            residual_ratio = residual_ratio + shares * residual_factor
    combined = {"weighted": _map_of(weighted, context), "residual": _map_of(residual_ratio, context)}
    return combined | by_rank


def _map_of(shares: np.ndarray, context: int) -> np.ndarray:
    """Return the (T, bands) float32 map of shares (V, context, bands)."""
    return spread_over_frames(shares.reshape(len(shares), -1), context).astype(np.float32)

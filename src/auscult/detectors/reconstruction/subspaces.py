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

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.spectrum import spread_over_frames

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

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


class SubspaceScores:
    """The scores of one clip, and their maps.

    ``residual_R`` is the mean squared residual of rank R in dB², ``residual`` the mean over ranks of that
    divided by the residual of normal windows, ``weighted`` the mean over ranks and bands of the logarithm of
    the ratio in each band, in dB. Means over ranks are weighted by ν_R.

    Args:
        mean_squares: (R, D) as from `Subspaces.mean_squares`.
        subspaces: of R ranks.
        averaged: the ranks that ``residual`` and ``weighted`` average.
        context: frames in one window.

    Attributes:
        scores: score name to value.
    """

    def __init__(
        self, mean_squares: np.ndarray, subspaces: Subspaces, averaged: Sequence[int], context: int
    ) -> None:
        self.ranks, self.context = subspaces.ranks, context
        weights = np.where([rank in averaged for rank in self.ranks], subspaces.dimensions, 0.0)
        weights /= weights.sum()
        by_band, normal = (
            squares.reshape(len(weights), context, -1).mean(axis=1) + SQUARE_FLOOR
            for squares in (mean_squares, subspaces.noise)
        )  # (R, bands)
        ratio = by_band.mean(axis=1) / normal.mean(axis=1)
        decibels = 10 * np.log10(by_band / normal)
        by_rank = (by_band.mean(axis=1) - SQUARE_FLOOR).tolist()
        self.scores = {
            "weighted": float(weights @ decibels.mean(axis=1)),
            "residual": float(weights @ ratio),
            **{f"residual_{rank}": value for rank, value in zip(self.ranks, by_rank, strict=True)},
        }
        # Factors of the squared residuals in the first two scores, (R, bands) and (R,).
        self._factors = weights[:, None] * decibels / by_band, weights / normal.mean(axis=1)

    def maps(self, residuals: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        """Return a (T, bands) float32 map of each score, given the residual (V, D) of each rank.

        A map averages over all bins to score / bands, except at the ends of the clip, as the value of a frame
        is the mean over the windows that contain it. Scores are divided among bins in proportion to their
        squared residuals; ``weighted`` first among the bands.
        """
        by_rank, weighted, residual_ratio = {}, np.zeros(()), np.zeros(())
        for rank, residual, weighted_factor, factor in zip(
            self.ranks, residuals, *self._factors, strict=True
        ):
            bands = len(weighted_factor)
            shares = residual.reshape(len(residual), self.context, bands) ** 2 / bands
            by_rank[f"residual_{rank}"] = self._map(shares)
            if factor:  # the rank is one of those that the scores average
                shares += SQUARE_FLOOR / bands
                weighted = weighted + shares * weighted_factor
                residual_ratio = residual_ratio + shares * factor
        return {"weighted": self._map(weighted), "residual": self._map(residual_ratio), **by_rank}

    def _map(self, shares: np.ndarray) -> np.ndarray:
        """Return the map of shares (V, context, bands)."""
        return spread_over_frames(shares.reshape(len(shares), -1), self.context).astype(np.float32)


def scores_in_graph(
    windows: Value, subspaces: Subspaces, averaged: Sequence[int], context: int
) -> GraphEvidence:
    """Compute scores and maps of `SubspaceScores` in an ONNX graph, for windows (V, D) float32."""
    from auscult.detectors.onnx_export.graph import GraphEvidence
    from auscult.detectors.onnx_export.windows import spread_over_frames

    graph, (largest, size) = windows.graph, subspaces.axes.shape
    bands = size // context
    axes = graph.Identity(subspaces.axes)  # (K, D), stored once for all ranks
    centred = windows.double() - subspaces.mean  # (V, D)
    components = graph.Gemm(centred, axes, transB=1)  # (V, K)
    count = windows.count().double()
    squares = centred.square().mean(0)  # (D,)
    cross = graph.Gemm(components, centred, transA=1) / count  # (K, D)
    gram = graph.Gemm(components, components, transA=1) / count

    weights = np.where(np.isin(subspaces.ranks, averaged), subspaces.dimensions, 0.0)
    weights /= weights.sum()
    normal = subspaces.noise.reshape(len(weights), context, bands).mean(axis=1) + SQUARE_FLOOR
    scores: dict[str, Value] = {}
    maps: dict[str, Value] = {}
    weighted, residual, weighted_shares, residual_shares = [], [], [], []
    for index, rank in enumerate(subspaces.ranks):
        left, of_windows = squares, centred
        if used := min(rank, largest):
            part = axes.slice(0, used)
            explained = gram.slice(0, used).slice(0, used, axis=1) @ part - cross.slice(0, used) * 2.0
            left = graph.Max(squares + (explained * part).sum(0), np.float64(0))
            of_windows = centred - components.slice(0, used, axis=1) @ part
        by_band = left.reshape(context, bands).mean(0)
        bins = of_windows.square().reshape(-1, bands)
        scores[f"residual_{rank}"] = by_band.mean()
        maps[f"residual_{rank}"] = bins / float(bands)
        if not weights[index]:
            continue
        floored, bins = by_band + SQUARE_FLOOR, bins + SQUARE_FLOOR
        decibels = graph.Log(floored / normal[index]) * (10 / math.log(10) * weights[index] / bands)
        factor = weights[index] / normal[index].mean()
        weighted.append(decibels.sum())
        weighted_shares.append(bins * (decibels / floored))
        residual.append(floored.mean() * factor)
        residual_shares.append(bins * (factor / bands))
    return GraphEvidence(
        scores={"weighted": graph.Sum(*weighted), "residual": graph.Sum(*residual), **scores},
        maps={
            name: spread_over_frames(share.reshape(-1, context * bands), context, bands).float()
            for name, share in {
                "weighted": graph.Sum(*weighted_shares),
                "residual": graph.Sum(*residual_shares),
                **maps,
            }.items()
        },
    )

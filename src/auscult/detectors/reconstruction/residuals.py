"""Scores and maps of one recording from the reconstruction error of a network.

The residual is r = x̂ − x, a (V, context · bands) array for the V windows of a clip. Source of the first three
scores: the DCASE Task 2 baseline (2023–2026) as described by Harada et al., "First-shot anomaly detection for
machine condition monitoring", EUSIPCO 2023.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auscult.spectrum import spread_over_frames

#: Added to squared residuals, in dB², so that a band without reconstruction error has a logarithm.
SQUARE_FLOOR = 1e-9


class Residual:
    """The residual of one recording.

    Maps are (T, bands) float32. The value of a frame is the mean over the windows that contain it, so the
    averages of maps that are given below are not exact at the ends of the recording.

    Args:
        residual: (V, context · bands).
        bands: number of mel bands.

    Attributes:
        rows: (V · context, bands) float64, one row for every frame of every window.
        mean: (bands,) mean row r̄.
        scatter: (bands, bands), the mean of rᵀr; its diagonal is the mean square of every band.
    """

    def __init__(self, residual: np.ndarray, bands: int) -> None:
        self.context = residual.shape[1] // bands
        self.rows = residual.reshape(-1, bands).astype(np.float64)
        self.mean = self.rows.mean(axis=0)
        self.scatter = self.rows.T @ self.rows / len(self.rows)

    def scores(self, precisions: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return the three scores of the baseline, given the (bands, bands) precision of each domain.

        ``mse`` is the mean square. ``mahalanobis`` is the official selective Mahalanobis score: the average
        of the full N×N matrix R Σ⁻¹ Rᵀ, which equals r̄ᵀ Σ⁻¹ r̄ for the mean row r̄. ``mahalanobis_frames`` is
        the mean squared distance of the single rows. Each of these two is the smaller value over the domains.
        """
        return {
            "mse": float(np.trace(self.scatter)) / len(self.mean),
            "mahalanobis": min(map(self._distance_of_mean, precisions.values())),
            "mahalanobis_frames": min(map(self._mean_distance, precisions.values())),
        }

    def maps(self, precisions: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return a map of each score, which averages to score / bands.

        The quadratic forms are divided among the bands: r_b (Σ⁻¹ v)_b summed over the bands b is rᵀ Σ⁻¹ v.
        """
        nearest_to_mean = min(precisions.values(), key=self._distance_of_mean)
        nearest_to_rows = min(precisions.values(), key=self._mean_distance)
        return {
            "mse": self._map(self.rows**2 / len(self.mean)),
            "mahalanobis": self._map(self.rows * (nearest_to_mean @ self.mean)),
            "mahalanobis_frames": self._map(self.rows * (self.rows @ nearest_to_rows)),
        }

    def pooled(self) -> np.ndarray:
        """Return (2 · bands,): the mean of every band in dB, then the logarithm of its mean square."""
        return np.concatenate([self.mean, np.log(np.diag(self.scatter) + SQUARE_FLOOR)])

    def pooled_map(self, shares: np.ndarray) -> np.ndarray:
        """Return the map of a score of `pooled`, which averages over time to the share of each band.

        Args:
            shares: (2 · bands,) contribution of each element of the vector to the score. That of a band is
                distributed over time in proportion to the squared residual.
        """
        square = self.rows**2 + SQUARE_FLOOR
        return self._map(shares.reshape(2, -1).sum(axis=0) * square / square.mean(axis=0))

    def _distance_of_mean(self, precision: np.ndarray) -> float:
        return float(self.mean @ precision @ self.mean)

    def _mean_distance(self, precision: np.ndarray) -> float:
        return float(np.sum(self.scatter * precision))

    def _map(self, shares: np.ndarray) -> np.ndarray:
        """Return the map of shares, an array like ``rows``."""
        by_window = shares.reshape(-1, self.context * len(self.mean))
        return spread_over_frames(by_window, self.context).astype(np.float32)

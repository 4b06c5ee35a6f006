"""How far each bin of a spectrogram is from what the bins around it foretell: a map that needs no network.

The frames of normal running, three at a time, are taken for Gaussian. The row of a bin in the precision
matrix is then its regression on all others (Lauritzen, "Graphical Models", 1996, sec. 5.1), and what that
leaves is what is new in the bin. Bins are regressed through noise (a ridge on the diagonal), for a fault is
wider than one bin and would else foretell itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from auscult.errors import FitError
from auscult.spectrum import context_windows

#: Frames that are looked at together, the middle one being explained.
CONTEXT = 3
#: Variance of the noise through which bins are seen, against each bin's own. None is the regression on the
#: neighbours alone, much is the distance from the mean alone; this is half-way.
NOISE = 1.0
#: Standard deviations, in frames and bands, of the smoothing of the map: what is new is mostly a moment in
#: several bands.
SMOOTHING = (0.5, 2.0)
_LEAST_DB = 1e-3  # a band that varies less than this is constant


@dataclass(frozen=True)
class BinResiduals:
    """What is usual around each bin.

    Attributes:
        mean: (CONTEXT · B,) float64 of the frames, dB less each clip's median.
        weights: (CONTEXT · B, B) float64; deviations times these are residuals of variance 1.
    """

    mean: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, clips: Iterable[np.ndarray]) -> BinResiduals:
        """Learns from (T, B) log-mels of normal recordings, dB, taken one after the other.

        Raises:
            FitError: no recording has as many frames as are looked at together.
        """
        rows, total, outer = 0, np.zeros(()), np.zeros(())
        for frames in clips:
            windows = _windows(frames)[CONTEXT // 2 : -(CONTEXT // 2) or None]  # those without an edge
            if len(frames) >= CONTEXT:
                rows, total, outer = (
                    rows + len(windows),
                    total + windows.sum(axis=0),
                    outer + windows.T @ windows,
                )
        if not rows:
            raise FitError(f"no recording has the {CONTEXT} frames that show what is usual around a bin")
        mean = total / rows
        covariance = outer / rows - np.outer(mean, mean)
        variances = np.maximum(np.diag(covariance), _LEAST_DB**2)
        precision = np.linalg.inv(covariance + np.diag(NOISE * variances))
        bands = len(mean) // CONTEXT
        middle = precision[:, CONTEXT // 2 * bands : (CONTEXT // 2 + 1) * bands]  # (CONTEXT · B, B)
        spread = np.sqrt(np.maximum(np.einsum("ib,ij,jb->b", middle, covariance, middle), 0.0))
        least = np.sqrt(NOISE * np.einsum("ib,i,ib->b", middle, variances, middle)) * _LEAST_DB
        return cls(mean, middle / np.maximum(spread, least))

    def map(self, frames: np.ndarray) -> np.ndarray:
        """(T, B) log-mel in dB as a map (T, B) float32: standard deviations of normal running by which each
        bin is above what the bins around it foretell, smoothed over neighbours."""
        from scipy.ndimage import gaussian_filter

        residual = (_windows(frames) - self.mean) @ self.weights
        return gaussian_filter(residual, SMOOTHING, mode="nearest").astype(np.float32)


def _windows(frames: np.ndarray) -> np.ndarray:
    """(T, CONTEXT · B) windows around each of (T, B) frames less their median, which is how loud the clip is;
    the first and the last frame stand for those before and after."""
    level = np.asarray(frames, np.float64) - np.median(frames)
    padded = np.pad(level, ((CONTEXT // 2, CONTEXT // 2), (0, 0)), mode="edge")
    return np.asarray(context_windows(padded, CONTEXT))

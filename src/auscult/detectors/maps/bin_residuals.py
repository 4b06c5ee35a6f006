"""Residual of each spectrogram bin given the bins around it: a map that needs no network.

Windows of three consecutive frames of normal recordings are modelled as Gaussian vectors. The row of a bin in
the precision matrix then gives its regression on all other bins (Lauritzen, "Graphical Models", 1996,
sec. 5.1), and the residual of that regression is the part of the bin that its surroundings do not explain.
The regression is regularised by a ridge on the diagonal, since a fault covers several bins and would
otherwise predict itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from auscult.errors import FitError
from auscult.spectrum import context_windows

#: Frames per window; the residual is that of the middle frame.
CONTEXT = 3
#: Ridge, as a share of each bin's variance. 0 is plain regression on the neighbouring bins, a large value is
#: the distance from the mean; 1 is half-way between.
NOISE = 1.0
#: Standard deviations, in frames and bands, of the smoothing of the map: an event is mostly short and covers
#: several bands.
SMOOTHING = (0.5, 2.0)
#: Residual, in standard deviations, at which `sharpened` has 71 % of its effect.
SHARPENING = 4.0
_MIN_SPREAD_DB = 1e-3  # a band that varies less than this is constant


@dataclass(frozen=True)
class WindowSums:
    """Sums over the windows of recordings. They add up over recordings and can be subtracted, so that those
    without a fold need no further pass over the others.

    Attributes:
        count: number of windows.
        total: (CONTEXT · B,) sum of the windows.
        outer: (CONTEXT · B, CONTEXT · B) sum of their outer products.
    """

    count: int
    total: np.ndarray
    outer: np.ndarray

    @classmethod
    def of(cls, clips: Iterable[np.ndarray]) -> WindowSums:
        """Compute the sums of recordings from their (T, B) log-mels in dB, read one after the other; those
        of fewer than `CONTEXT` frames have no windows."""
        sums = cls(0, np.zeros(()), np.zeros(()))
        for frames in clips:
            if len(frames) >= CONTEXT:
                windows = _windows(frames)[CONTEXT // 2 : -(CONTEXT // 2) or None]  # without padded ones
                sums += cls(len(windows), windows.sum(axis=0), windows.T @ windows)
        return sums

    def __add__(self, other: WindowSums) -> WindowSums:
        return WindowSums(self.count + other.count, self.total + other.total, self.outer + other.outer)

    def __sub__(self, other: WindowSums) -> WindowSums:
        return WindowSums(self.count - other.count, self.total - other.total, self.outer - other.outer)


@dataclass(frozen=True)
class BinResiduals:
    """Regression of each bin on the bins around it.

    Attributes:
        mean: (CONTEXT · B,) float64 mean of the windows, in dB relative to each clip's median.
        weights: (CONTEXT · B, B) float64; deviations from the mean times these are residuals of variance 1.
    """

    mean: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, sums: WindowSums) -> BinResiduals:
        """Fit to the windows of normal recordings.

        Raises:
            FitError: no recording has `CONTEXT` frames.
        """
        if not sums.count:
            raise FitError(f"no recording is long enough: at least one must have {CONTEXT} frames")
        mean = sums.total / sums.count
        covariance = sums.outer / sums.count - np.outer(mean, mean)
        variances = np.maximum(np.diag(covariance), _MIN_SPREAD_DB**2)
        precision = np.linalg.inv(covariance + np.diag(NOISE * variances))
        bands = len(mean) // CONTEXT
        middle = precision[:, CONTEXT // 2 * bands : (CONTEXT // 2 + 1) * bands]  # (CONTEXT · B, B)
        spread = np.sqrt(np.maximum(np.einsum("ib,ij,jb->b", middle, covariance, middle), 0.0))
        min_spread = np.sqrt(NOISE * np.einsum("ib,i,ib->b", middle, variances, middle)) * _MIN_SPREAD_DB
        return cls(mean, middle / np.maximum(spread, min_spread))

    def residuals(self, frames: np.ndarray) -> np.ndarray:
        """Compute the (T, B) float64 residuals of a (T, B) log-mel in dB, in standard deviations over normal
        recordings."""
        return np.asarray((_windows(frames) - self.mean) @ self.weights)

    def map(self, frames: np.ndarray) -> np.ndarray:
        """Compute the (T, B) float32 map of a (T, B) log-mel in dB: its residuals, `smoothed`."""
        return smoothed(self.residuals(frames))


def smoothed(residuals: np.ndarray) -> np.ndarray:
    """Return (T, B) residuals smoothed over neighbouring bins, (T, B) float32."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(residuals, SMOOTHING, mode="nearest").astype(np.float32)


def sharpened(map: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Return a smoothed (T, B) map in which the bins with large residuals stand out from their neighbours.

    Positive values are multiplied by 1 + r / √(r² + `SHARPENING`²), which is between 0 and 2. A sum
    with the (T, B) residuals r would also raise bins of normal recordings, and thus the limits of maps.
    """
    share = residuals / np.sqrt(residuals**2 + SHARPENING**2)
    return np.asarray(map + np.maximum(map, 0.0) * share)


def _windows(frames: np.ndarray) -> np.ndarray:
    """Return (T, CONTEXT · B) windows around each of (T, B) frames, padded by repeating the edge frames.

    The clip's median, a measure of its level, is subtracted first.
    """
    relative = np.asarray(frames, np.float64) - np.median(frames)
    padded = np.pad(relative, ((CONTEXT // 2, CONTEXT // 2), (0, 0)), mode="edge")
    return np.asarray(context_windows(padded, CONTEXT))

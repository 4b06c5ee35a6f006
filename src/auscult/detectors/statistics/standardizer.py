"""Standardises scores by the mean and standard deviation of the scores of normal clips.

These scores must be held-out ones: leave-one-out or cross-fitted. Scores of clips that the detector was
fitted on are too low, so that every new clip would appear anomalous.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Lower limit of the standard deviation relative to the mean: few clips can have equal scores by chance.
_MIN_RELATIVE_SD = 1e-3
#: Normal clips with a smaller standard deviation do not vary at all; their scores are not scaled.
_MIN_SD = 1e-6


@dataclass(frozen=True)
class Standardizer:
    """Mean and standard deviation of the scores of normal clips.

    Attributes:
        mean: (K,) mean of each score.
        sd: (K,) standard deviation, above 0; 1 where it cannot be estimated.
    """

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def fit(cls, scores: np.ndarray) -> Standardizer:
        """Fit to (N, K) finite held-out scores of N ≥ 1 normal clips."""
        mean = scores.mean(axis=0)
        sd = scores.std(axis=0, ddof=1) if len(scores) > 1 else np.zeros_like(mean)
        sd = np.maximum(sd, _MIN_RELATIVE_SD * np.abs(mean))
        return cls(mean, np.where(sd > _MIN_SD, sd, 1.0))

    def z(self, scores: np.ndarray) -> np.ndarray:
        """Return the z-scores of (..., K) scores: standard deviations above the mean of normal clips."""
        return (scores - self.mean) / self.sd

    def to_arrays(self) -> np.ndarray:
        """Return mean and sd as one (2, K) array for a model file; inverse of `from_arrays`."""
        return np.stack([self.mean, self.sd])

    @classmethod
    def from_arrays(cls, arrays: np.ndarray) -> Standardizer:
        """Invert `to_arrays`."""
        return cls(arrays[0], arrays[1])

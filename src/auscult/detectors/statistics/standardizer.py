"""Scores of different scales made comparable: how far each is from what normals score, in their own spread.

The normals' scores must be such as a clip gets that was not learnt from: left out one at a time, or
cross-fitted. Those of clips that were learnt from are too low, and every new clip would look odd.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: A share of the mean score that the spread is at least: two clips can score the same by chance.
_LEAST_SHARE = 1e-3
#: Below this spread normals do not vary at all, and differences are left as they are.
_LEAST = 1e-6


@dataclass(frozen=True)
class Standard:
    """What normals score, score by score.

    Attributes:
        mean: (K,).
        sd: (K,) standard deviation, above 0; 1 where it cannot be known.
    """

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def fit(cls, scores: np.ndarray) -> Standard:
        """Learns from finite scores (n, K) of n ≥ 1 normals, left out or cross-fitted."""
        mean = scores.mean(axis=0)
        sd = scores.std(axis=0, ddof=1) if len(scores) > 1 else np.zeros_like(mean)
        sd = np.maximum(sd, _LEAST_SHARE * np.abs(mean))
        return cls(mean, np.where(sd > _LEAST, sd, 1.0))

    def z(self, scores: np.ndarray) -> np.ndarray:
        """Scores (..., K) in standard deviations above what normals score."""
        return (scores - self.mean) / self.sd

    def array(self) -> np.ndarray:
        """(2, K) for a model file: mean and standard deviation; `from_array` is the way back."""
        return np.stack([self.mean, self.sd])

    @classmethod
    def from_array(cls, array: np.ndarray) -> Standard:
        """The inverse of `array`."""
        return cls(array[0], array[1])

"""Standardises score maps: from each bin's contribution to a score to its z-score over normal recordings.

In a raw map every band in which a normal machine is loud or noisy is prominent, since residuals are always
large there. Compared with what normal recordings have in the same band, a fault stands out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

#: Standard deviations, in frames and in bands, of the smoothing: a fault covers more than one bin, and a
#: single extreme bin is mostly chance.
SMOOTHING = (1.0, 1.0)
#: Lower limit of a band's spread, as a share of the median spread over bands, so that negligible values do
#: not get large z-scores in bands where normal maps hardly vary, as where a detector attributes the score of
#: a view to one group of bands.
MIN_RELATIVE_SPREAD = 0.3


@dataclass(frozen=True)
class MapProfile:
    """Mean and spread of the maps of normal recordings in each band.

    Attributes:
        centre: (B,) float64 mean over the frames.
        spread: (B,) float64 standard deviation over the frames of all recordings.
    """

    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def fit(cls, maps: Iterable[np.ndarray]) -> MapProfile:
        """Fit to (T, B) raw maps, at least one, of normal recordings that the detector was not fitted on.

        The maps are read one after the other; each has the same weight, regardless of its length.
        """
        moments = np.stack([[map.mean(axis=0), (map**2).mean(axis=0)] for map in _as_float64(maps)])
        return cls._from_moments(moments.mean(axis=0))

    @classmethod
    def merge(cls, profiles: Sequence[MapProfile]) -> MapProfile:
        """Combine at least one profile, each fitted to the same number of recordings."""
        return cls._from_moments(np.mean([[p.centre, p.spread**2 + p.centre**2] for p in profiles], axis=0))

    @classmethod
    def cross_merged(
        cls, profiles: Sequence[MapProfile], folds: Sequence[int], count: int | None = None
    ) -> list[MapProfile]:
        """Merge profiles of single recordings: all of them, and for each fold those of the other folds.

        Args:
            profiles: one for each recording, at least one.
            folds: the fold of each recording, numbered from 0.
            count: the number of folds, by default that of ``folds``.
        """
        merged = [cls.merge(profiles)]
        for fold in range(max(folds) + 1 if count is None else count):
            outside = [p for p, p_fold in zip(profiles, folds, strict=True) if p_fold != fold]
            merged.append(cls.merge(outside) if outside else merged[0])
        return merged

    @classmethod
    def _from_moments(cls, moments: np.ndarray) -> MapProfile:
        """Make a profile of the mean and the mean square of each band, (2, B)."""
        mean, square = moments
        return cls(mean, np.sqrt(np.maximum(square - mean**2, 0.0)))

    def zscore(self, map: np.ndarray) -> np.ndarray:
        """Return the (T, B) float64 z-scores of a (T, B) raw map, with respect to normal recordings."""
        return (np.asarray(map, np.float64) - self.centre) / self.floored_spread

    @property
    def floored_spread(self) -> np.ndarray:
        """(B,) the spread, but at least `MIN_RELATIVE_SPREAD` of its median over bands; never 0."""
        floor = MIN_RELATIVE_SPREAD * float(np.median(self.spread)) or 1.0
        return np.maximum(self.spread, floor)

    def smoothed_zscore(self, map: np.ndarray) -> np.ndarray:
        """Return the `zscore` of a (T, B) raw map smoothed over neighbouring bins, (T, B) float32."""
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(self.zscore(map), SMOOTHING, mode="nearest").astype(np.float32)

    def to_arrays(self) -> np.ndarray:
        """Return centre and spread as one (2, B) float64 array for a model file; inverse of `from_arrays`."""
        return np.stack([self.centre, self.spread])

    @classmethod
    def from_arrays(cls, arrays: np.ndarray) -> MapProfile:
        """Invert `to_arrays`."""
        return cls(arrays[0], arrays[1])


def _as_float64(maps: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for map in maps:
        yield np.asarray(map, np.float64)


def resized(map: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resample a (T, B) map to the grid ``shape`` (T', B'), float32.

    Each new bin is the mean over the time and frequency range that it covers, so that fine maps lose no mass
    and coarse maps get no artificial edges. Bands of two mel front ends with the same range correspond
    proportionally.
    """
    for axis, length in enumerate(shape):
        if map.shape[axis] != length:
            sums = np.insert(np.cumsum(map, axis=axis, dtype=np.float64), 0, 0.0, axis=axis)
            edges = np.linspace(0, map.shape[axis], length + 1)
            below = np.minimum(edges.astype(int), map.shape[axis] - 1)
            fraction = np.expand_dims(edges - below, 1 - axis)
            left, right = sums.take(below, axis), sums.take(below + 1, axis)
            at_edges = left + fraction * (right - left)  # the cumulative sum, linearly interpolated
            map = np.diff(at_edges, axis=axis) * (length / map.shape[axis])
    return map.astype(np.float32)

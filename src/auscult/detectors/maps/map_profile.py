"""From how much each bin added to a score, to how much more than it usually adds: a map that points.

A raw map lights up wherever normal running is loud or noisy, since residuals are always large there. Against
what normal recordings have in the same band, a fault stands out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

#: Standard deviations, in frames and in bands, of the smoothing: a fault is wider than one bin, and a
#: single bin far from usual is mostly chance.
SMOOTHING = (1.0, 1.0)
#: A band in which normal maps hardly vary counts as if it varied by this share of the usual band, so that a
#: trifle there is no find.
LEAST_SPREAD = 0.01


@dataclass(frozen=True)
class MapProfile:
    """What the maps of normal recordings are like in each band.

    Attributes:
        centre: (B,) float64 mean over the frames.
        spread: (B,) float64 standard deviation over the frames of all recordings.
    """

    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def fit(cls, maps: Iterable[np.ndarray]) -> MapProfile:
        """Learns from the (T, B) raw maps, at least one, of normal recordings that the detector did not
        learn from; they are taken one after the other, and each counts alike whatever its length."""
        moments = np.stack([[map.mean(axis=0), (map**2).mean(axis=0)] for map in _precise(maps)])
        return cls._of_moments(moments.mean(axis=0))

    @classmethod
    def together(cls, profiles: Sequence[MapProfile]) -> MapProfile:
        """One profile of several, at least one, that were learnt from as many recordings each."""
        return cls._of_moments(np.mean([[p.centre, p.spread**2 + p.centre**2] for p in profiles], axis=0))

    @classmethod
    def _of_moments(cls, moments: np.ndarray) -> MapProfile:
        """From the mean and the mean square of each band, (2, B)."""
        mean, square = moments
        return cls(mean, np.sqrt(np.maximum(square - mean**2, 0.0)))

    def odd(self, map: np.ndarray) -> np.ndarray:
        """Standard deviations of normal running by which each bin of a raw map (T, B) is above what is usual
        in its band; (T, B) float64."""
        return (np.asarray(map, np.float64) - self.centre) / self.unit

    @property
    def unit(self) -> np.ndarray:
        """(B,) the spread that bins are measured in, which is nowhere next to nothing."""
        least = LEAST_SPREAD * float(np.median(self.spread)) or 1.0
        return np.maximum(self.spread, least)

    def pointing(self, map: np.ndarray) -> np.ndarray:
        """A raw map (T, B) as one that points: `odd`, smoothed over neighbours; (T, B) float32."""
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(self.odd(map), SMOOTHING, mode="nearest").astype(np.float32)

    def to_array(self) -> np.ndarray:
        """(2, B) float64, centre above spread; `from_array` is the way back."""
        return np.stack([self.centre, self.spread])

    @classmethod
    def from_array(cls, array: np.ndarray) -> MapProfile:
        """The inverse of `to_array`."""
        return cls(array[0], array[1])


def _precise(maps: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for map in maps:
        yield np.asarray(map, np.float64)


def resized(map: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A map (T, B) of other frames and bands on the grid ``shape`` (T', B'), float32.

    Each new bin is the mean over the stretch of time and frequency that it covers, so that fine maps lose no
    mass and coarse ones gain no edges. Bands of two mel front ends over the same range lie proportionally.
    """
    for axis, length in enumerate(shape):
        if map.shape[axis] != length:
            sums = np.insert(np.cumsum(map, axis=axis, dtype=np.float64), 0, 0.0, axis=axis)
            edges = np.linspace(0, map.shape[axis], length + 1)
            below = np.minimum(edges.astype(int), map.shape[axis] - 1)
            part = np.expand_dims(edges - below, 1 - axis)
            at = sums.take(below, axis) + part * (sums.take(below + 1, axis) - sums.take(below, axis))
            map = np.diff(at, axis=axis) * (length / map.shape[axis])
    return map.astype(np.float32)

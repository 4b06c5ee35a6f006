"""What the maps of normal recordings show, so that only what exceeds it is called a deviation.

A z-score map is split into three parts: what is steady (the median over time of each band), bursts (the mean
over the bands of each frame, without the steady part) and spots (single bins without the steady part,
smoothed). The largest value of each part over normal recordings, with a margin, is the limit for others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

#: Bins, frames × bands, that spots are smoothed over, so that single bins do not count.
SPOT_SIZE = 3
#: Share of normal recordings that may exceed a limit. With few recordings it is the largest value.
EXCEEDED_BY = 0.02
#: Factor of that value: the largest of a few dozen recordings is not the largest of all.
MARGIN = 1.25
#: Smallest limit, in standard deviations: normal recordings that all look the same would otherwise have none.
_LEAST = 0.5


@dataclass(frozen=True)
class MapParts:
    """The parts of a z-score map (T, B).

    Attributes:
        steady: (B,) median over time, so that a few knocks are not steady.
        bursts: (T,) mean over the bands of the map without ``steady``.
        spots: (T, B) the map without ``steady``, smoothed over `SPOT_SIZE` frames and bands.
    """

    steady: np.ndarray
    bursts: np.ndarray
    spots: np.ndarray

    @classmethod
    def of(cls, map: np.ndarray) -> MapParts:
        """Split a (T, B) map, T ≥ 1."""
        from scipy.ndimage import uniform_filter

        values = np.asarray(map, np.float64)
        steady = _median(values)
        rest = values - steady
        return cls(steady, rest.mean(axis=1), uniform_filter(rest, SPOT_SIZE, mode="nearest"))


@dataclass(frozen=True)
class MapLimits:
    """The largest values in maps of normal recordings, in standard deviations.

    Attributes:
        steady: of the median over time in any band.
        burst: of the mean over the bands in any frame.
        spot: of a smoothed bin.
    """

    steady: float = 6.0
    burst: float = 2.0
    spot: float = 8.0

    @classmethod
    def fit(cls, maps: Iterable[np.ndarray]) -> MapLimits:
        """Fit to (T, B) z-score maps, at least one, of normal recordings that were not fitted on.

        Recordings that the detector takes for anomalies should be left out: one of them can raise the limits
        above what a fault shows.
        """
        parts = (MapParts.of(map) for map in maps)
        peaks = np.sort([[p.steady.max(), p.bursts.max(), p.spots.max()] for p in parts], axis=0)
        rank = min(len(peaks), math.ceil((len(peaks) + 1) * (1 - EXCEEDED_BY)))
        return cls(*(max(MARGIN * float(value), _LEAST) for value in peaks[rank - 1]))

    def relative(self, map: np.ndarray) -> np.ndarray:
        """Return a (T, B) z-score map as multiples of the limits, (T, B) float64, at least 0.

        Above 1 is what normal recordings do not show. A bin has the largest multiple of the parts that it
        belongs to: of its band over all frames, of a burst, in proportion to its share of the frame, and its
        own. The parts differ by orders of magnitude, so that no scale of standard deviations shows them all.
        """
        parts = MapParts.of(map)
        spots = np.maximum(parts.spots, 0.0)
        largest = spots.max(axis=1, keepdims=True)
        share = np.divide(spots, largest, out=np.zeros_like(spots), where=largest > 0)
        bursts = np.maximum(parts.bursts, 0.0)[:, None] / self.burst * share
        steady = np.broadcast_to(np.maximum(parts.steady, 0.0) / self.steady, spots.shape)
        return np.maximum.reduce([steady, bursts, spots / self.spot])

    def to_json(self) -> dict[str, float]:
        """Return the limits as JSON-serialisable values; inverse of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any] | None) -> MapLimits:
        """Invert `to_json`; ``None``, as in models of version 0.1.0, gives limits suited to ``auto``."""
        return cls(**values) if values else cls()


def _median(values: np.ndarray) -> np.ndarray:
    """The median over the first axis; np.median takes four times as long."""
    ordered = np.sort(np.ascontiguousarray(values.T), axis=1)
    count = len(values)
    return ordered[:, [(count - 1) // 2, count // 2]].mean(axis=1)

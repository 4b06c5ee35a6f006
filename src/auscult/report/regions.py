"""Regions of time and frequency in a map, in seconds and hertz, and those with the largest values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from auscult.errors import OptionError
from auscult.spectrum import FrontEnd, band_centres

#: Regions are made of the strongest bins, which together hold this share of the deviation.
STRONGEST_SHARE = 1 / 3
#: Regions with a smaller share of the deviation are dropped.
MIN_SHARE = 0.01
_ROUNDING = 1 - 1e-9
_MAX_TIMES = 6  # of knocks, in words


@dataclass(frozen=True)
class Region:
    """A box around connected bins of an explanation map, or around several knocks.

    Attributes:
        start_seconds: left edge.
        end_seconds: right edge.
        low_hz: lower edge.
        high_hz: upper edge.
        share: the share of all that exceeds normal in the map: by how much its bins exceed the limit of
            normal recordings, relative to the sum over all bins; for a ``region``, the share of the sum of
            the map.
        kind: ``steady band`` (all the time), ``tone``, ``knocks``, ``burst`` (a moment at many frequencies),
            ``event`` (anything else), or ``region`` if the map is not in standard deviations.
        times: of the knocks, seconds.
        hertz: frequency of the tone.
        level_db: level relative to the nearest normal recording, dB; ``None`` if unknown.
        multiple: the largest multiple of the limit in it; ``None`` if the map is not in standard deviations.
    """

    start_seconds: float
    end_seconds: float
    low_hz: float
    high_hz: float
    share: float
    kind: str = "region"
    times: tuple[float, ...] = ()
    hertz: float | None = None
    level_db: float | None = None
    multiple: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data; times are in seconds."""
        return {
            "kind": self.kind,
            "start": self.start_seconds,
            "end": self.end_seconds,
            "low_hz": self.low_hz,
            "high_hz": self.high_hz,
            "share": self.share,
            "times": list(self.times),
            "hertz": self.hertz,
            "level_db": self.level_db,
            "multiple": self.multiple,
        }

    @property
    def frequencies(self) -> str:
        """The frequency range or the tone in words."""
        if self.hertz is not None:
            return f"{self.hertz:.0f} Hz"
        if self.high_hz < 1000:
            return f"{self.low_hz:.0f}–{self.high_hz:.0f} Hz"
        return f"{self.low_hz / 1000:.2f}–{self.high_hz / 1000:.2f} kHz"

    @property
    def moments(self) -> str:
        """When it is, in words."""
        if self.kind in ("steady band", "tone"):
            return "all the time"
        if self.times:
            named = ", ".join(f"{time:.2f}" for time in self.times[:_MAX_TIMES])
            more = f" s and {len(self.times) - _MAX_TIMES} more" if len(self.times) > _MAX_TIMES else " s"
            return f"at {named}{more}"
        return f"{self.start_seconds:.2f}–{self.end_seconds:.2f} s"

    @property
    def level(self) -> str:
        """The level relative to the nearest normal recording in words; empty if unknown."""
        return "" if self.level_db is None else f"{self.level_db:+.0f} dB"

    def shifted(self, seconds: float) -> Region:
        """Return the region of a recording that starts so many seconds earlier."""
        return replace(
            self,
            start_seconds=self.start_seconds + seconds,
            end_seconds=self.end_seconds + seconds,
            times=tuple(time + seconds for time in self.times),
        )

    @property
    def what(self) -> str:
        """What it is, when, and at which frequencies, without the share."""
        name = "" if self.kind == "region" else f"{self.kind} "
        level = f", {self.level} re nearest normal" if self.level else ""
        return f"{name}{self.moments}, {self.frequencies}{level}"

    def __str__(self) -> str:
        total = "what adds to the score" if self.kind == "region" else "all that exceeds normal"
        return f"{self.what}: {100 * self.share:.0f} % of {total}"


def strongest_regions(
    map: np.ndarray, front_end: FrontEnd, *, floor: float = 0.0, count: int = 3
) -> list[Region]:
    """Return the regions where a map is strongest.

    The deviation of a bin is how much it exceeds the floor. It is smoothed over 3 × 3 bins, so that single
    bins do not count. The strongest bins that together hold a third of it are selected; those that are
    connected, also by a corner, form a region.

    Args:
        map: (T, n_mels) as in `auscult.model.Score`; low values are normal.
        front_end: the front end that computed the frames.
        floor: values up to it are normal.
        count: the maximum number of regions.

    Returns:
        Regions that hold at least 1 % of the deviation, the one with the largest share first; empty if there
        is no deviation.

    Raises:
        OptionError: the map does not match the front end, or has values that are not finite.
    """
    from scipy import ndimage

    check_map(map, front_end)
    positive = np.maximum(np.asarray(map, dtype=np.float64) - floor, 0.0)
    total = positive.sum()
    if not total > 0:
        return []
    smooth = ndimage.uniform_filter(positive, size=3, mode="nearest")
    strongest = smooth >= _level(smooth, STRONGEST_SHARE)
    labels, label_count = ndimage.label(strongest, structure=np.ones((3, 3)))
    shares = ndimage.sum_labels(positive, labels, np.arange(1, label_count + 1)) / total
    boxes = ndimage.find_objects(labels)
    seconds, hertz = frame_edges(len(map), front_end), band_edges(front_end)
    regions = []
    for i in np.argsort(-shares, kind="stable")[:count]:
        if shares[i] < MIN_SHARE:
            break
        time, band = boxes[i]
        regions.append(
            Region(
                float(seconds[time.start]),
                float(seconds[time.stop]),
                float(hertz[band.start]),
                float(hertz[band.stop]),
                float(shares[i]),
            )
        )
    return regions


def frame_edges(count: int, front_end: FrontEnd) -> np.ndarray:
    """Return the (count + 1,) start times of the frames and the end of the last, s; frames are centred."""
    edges = (np.arange(count + 1) - 0.5) * (front_end.hop / front_end.sample_rate)
    edges[0] = 0.0
    return edges


def band_edges(front_end: FrontEnd) -> np.ndarray:
    """Return the (n_mels + 1,) frequencies half-way between band centres, from ``f_min`` to ``f_max``, Hz."""
    centres = band_centres(front_end)
    return np.concatenate([[front_end.f_min], (centres[1:] + centres[:-1]) / 2, [front_end.top]])


def check_map(map: np.ndarray, front_end: FrontEnd) -> None:
    """Raise `OptionError` unless a map has shape (T, n_mels) with T ≥ 1 and is finite."""
    shape = np.shape(map)
    if len(shape) != 2 or shape[1] != front_end.n_mels or not shape[0]:
        raise OptionError(f"map must have shape (frames, {front_end.n_mels}), got {shape}")
    if not np.all(np.isfinite(map)):
        raise OptionError("the map has values that are not finite")


def _level(values: np.ndarray, share: float) -> float:
    """The largest level for which the values at or above it sum to at least ``share`` of the total.

    It is lowered by a billionth, so that rounding does not separate equal bins.
    """
    descending = np.sort(values, axis=None)[::-1]
    sums = np.cumsum(descending)
    return float(descending[np.searchsorted(sums, share * sums[-1] * _ROUNDING)]) * _ROUNDING

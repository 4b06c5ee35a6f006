"""The few regions of time and frequency that stand out in a map, in seconds and hertz."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.errors import OptionError
from auscult.spectrum import FrontEnd, band_centres

if TYPE_CHECKING:
    from auscult.model import Score

#: What a map that is measured against normal running must exceed to stand out, standard deviations.
OUTSTANDING = 2.0
#: The strongest bins that together hold this part of what stands out are the ones that form regions.
KEPT = 1 / 3
#: A region with less of what stands out than this is a speck, not a place to look at.
SMALLEST = 0.01
_LESS = 1 - 1e-9


@dataclass(frozen=True)
class Region:
    """A box around connected bins of an explanation map.

    Attributes:
        start_seconds: left edge.
        end_seconds: right edge.
        low_hz: lower edge.
        high_hz: upper edge.
        share: part of what stands out in the map that its connected bins (not all of the box) hold.
    """

    start_seconds: float
    end_seconds: float
    low_hz: float
    high_hz: float
    share: float

    def __str__(self) -> str:
        return (
            f"{self.start_seconds:.2f}–{self.end_seconds:.2f} s, "
            f"{self.low_hz:.0f}–{self.high_hz:.0f} Hz: {100 * self.share:.0f} %"
        )


def strongest_regions(
    map: np.ndarray, front_end: FrontEnd, *, floor: float = 0.0, count: int = 3
) -> list[Region]:
    """Where a map is strongest.

    What stands out is what exceeds the floor. It is smoothed over 3 × 3 bins, so that single specks do
    not count; the strongest bins that together hold a third are kept, and those that touch, also by a
    corner, are a region.

    Args:
        map: (T, n_mels) as of `auscult.model.Score`; low values speak for normal.
        front_end: by which the frames were made.
        floor: `OUTSTANDING` for a map that points, 0 for one of what each bin added to the score.
        count: at most so many regions, the one with the largest share first.

    Returns:
        None where nothing stands out, and none that holds less than 1 %.

    Raises:
        OptionError: the map does not fit the front end, or is not finite.
    """
    from scipy import ndimage

    check_map(map, front_end)
    positive = np.maximum(np.asarray(map, dtype=np.float64) - floor, 0.0)
    total = positive.sum()
    if not total > 0:
        return []
    smooth = ndimage.uniform_filter(positive, size=3, mode="nearest")
    labels, found = ndimage.label(smooth >= _level(smooth, KEPT), structure=np.ones((3, 3)))
    shares = ndimage.sum_labels(positive, labels, np.arange(1, found + 1)) / total
    boxes = ndimage.find_objects(labels)
    seconds, hertz = frame_edges(len(map), front_end), band_edges(front_end)
    regions = []
    for i in np.argsort(-shares, kind="stable")[:count]:
        if shares[i] < SMALLEST:
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


def score_regions(score: Score, front_end: FrontEnd) -> list[Region]:
    """The strongest regions of a score that was asked to explain itself; errors as of `strongest_regions`."""
    if score.map is None:
        raise OptionError(f"{score.path} was scored without a map: score it with explain=True")
    return strongest_regions(score.map, front_end, floor=OUTSTANDING if score.points else 0.0)


def frame_edges(count: int, front_end: FrontEnd) -> np.ndarray:
    """(count + 1,) seconds at which each frame's time begins, and the last one's ends; frames are centred."""
    edges = (np.arange(count + 1) - 0.5) * (front_end.hop / front_end.sample_rate)
    edges[0] = 0.0
    return edges


def band_edges(front_end: FrontEnd) -> np.ndarray:
    """(n_mels + 1,) hertz half-way between band centres, from ``f_min`` to ``f_max``."""
    centres = band_centres(front_end)
    top = front_end.sample_rate / 2 if front_end.f_max is None else front_end.f_max
    return np.concatenate([[front_end.f_min], (centres[1:] + centres[:-1]) / 2, [top]])


def check_map(map: np.ndarray, front_end: FrontEnd) -> None:
    """Raises `OptionError` where a map is not (T, n_mels), T ≥ 1, and finite."""
    shape = np.shape(map)
    if len(shape) != 2 or shape[1] != front_end.n_mels or not shape[0]:
        raise OptionError(f"a map of shape {shape}: (frames, {front_end.n_mels}) is needed")
    if not np.all(np.isfinite(map)):
        raise OptionError("the map has values that are not finite")


def _level(values: np.ndarray, part: float) -> float:
    """The value at which the largest values, taken one after the other, sum to ``part`` of the whole.

    A billionth less, so that rounding does not part bins which are equal.
    """
    descending = np.sort(values, axis=None)[::-1]
    sums = np.cumsum(descending)
    return float(descending[np.searchsorted(sums, part * sums[-1] * _LESS)]) * _LESS

"""Groups of recordings that sound more alike than the rest, as pieces of one recording do.

The distance of two recordings is the RMS difference of their mean log-mels, less their level. The halves of
one recording show how large it is for pieces of the same recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from auscult.corpus.sound_print import SoundPrint

#: The smallest distance between groups is at least this many times the largest step within one.
MIN_GAP = 1.4
#: A step within a group is at most this many times the distance of pieces of one recording.
MAX_STEP = 2.6
#: If the nearest recordings are, in the median, this many times as far apart as pieces of one recording,
#: there are no pieces of one recording.
APART = 2.3
#: Groups have at least so many recordings, on average.
MIN_MEAN_SIZE = 2.0
#: With more recordings than this, the distances of all pairs would need too much memory.
MAX_RECORDINGS = 5000


@dataclass(frozen=True)
class Similarity:
    """Result of `similar_groups`.

    Attributes:
        groups: group of each recording, from 0; each is its own if there are no clear groups.
        apart: whether all recordings differ more than pieces of one recording do.
    """

    groups: list[int]
    apart: bool = False


def similar_groups(prints: Sequence[SoundPrint], *, min_groups: int) -> Similarity:
    """Find groups of recordings that are closer to each other than to the rest.

    Args:
        prints: the sound prints.
        min_groups: with fewer groups than this none are reported, since a few groups can also be the loads
            or speeds of a machine.
    """
    count = len(prints)
    separate = Similarity(list(range(count)))
    half_distances = np.array([sound.half_distance for sound in prints])
    half_distances = half_distances[np.isfinite(half_distances)]
    if count < 3 or count > MAX_RECORDINGS or not len(half_distances):
        return separate
    # Halves have half the length, so that their difference has twice the variance.
    own = max(float(np.median(half_distances)) / np.sqrt(2.0), 1e-3)
    distances = pdist(np.stack([sound.spectrum for sound in prints]).astype(np.float64))
    distances /= np.sqrt(len(prints[0].spectrum)) * own
    tree = linkage(distances, "single")
    steps = tree[:, 2]
    nearest = _nearest_distances(distances, count)
    apart = bool(np.median(nearest) >= APART)
    sizes = count / np.arange(count - 1, 1, -1)  # mean size of the groups after each step but the last
    gaps = steps[1:] / np.maximum(steps[:-1], 1e-9)
    allowed = (
        (gaps >= MIN_GAP)
        & (steps[:-1] <= MAX_STEP)
        & (sizes >= MIN_MEAN_SIZE)
        & (count / sizes >= min_groups)
    )
    if not allowed.any():
        return Similarity(separate.groups, apart)
    last = int(np.flatnonzero(allowed)[gaps[allowed].argmax()])
    middle = 0.5 * (steps[last] + steps[last + 1])
    return Similarity([int(group) - 1 for group in fcluster(tree, middle, "distance")], apart)


def _nearest_distances(distances: np.ndarray, count: int) -> np.ndarray:
    """(count,) smallest distance of each recording, of the condensed distances."""
    nearest = np.full(count, np.inf)
    start = 0
    for i in range(count - 1):
        row = distances[start : start + count - 1 - i]
        nearest[i] = min(nearest[i], row.min())
        nearest[i + 1 :] = np.minimum(nearest[i + 1 :], row)
        start += count - 1 - i
    return nearest

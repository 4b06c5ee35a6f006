"""Groups of recordings that sound more alike than the rest, as pieces of one recording do.

The distance of two recordings is the RMS difference of their mean log-mels, less their level. The halves of
one recording show how large it is for pieces of the same recording; this is the unit of all distances here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.corpus.sound_print import SoundPrint

#: Pieces of one recording have a chain of steps between them that are at most this long …
MAX_STEP = 1.9
#: … and any other recording is further away than that, and than this many times the longest of these steps.
MIN_GAP = 1.4
#: Groups are only reported if they contain at least this share of the recordings, since single pairs can be
#: close to each other by chance.
MIN_SHARE = 0.5
#: With more recordings than this, the distances of all pairs would need too much memory.
MAX_RECORDINGS = 5000
_SMALLEST_UNIT = 1e-3  # dB; smaller differences are rounding


def distances(prints: Sequence[SoundPrint]) -> np.ndarray | None:
    """Return the (N, N) float32 distances of all pairs, in units of that of two pieces of one recording.

    Returns:
        ``None`` if there are more than `MAX_RECORDINGS` or if the unit is unknown.
    """
    from scipy.spatial.distance import pdist, squareform  # slow to import, and scoring does not need it

    halves = np.array([sound.half_distance for sound in prints])
    halves = halves[np.isfinite(halves)]
    if len(prints) > MAX_RECORDINGS or not len(halves):
        return None
    # Halves have half the length, so that their difference has twice the variance.
    unit = max(float(np.median(halves)) / np.sqrt(2.0), _SMALLEST_UNIT)
    spectra = np.stack([sound.spectrum for sound in prints]).astype(np.float64)
    return squareform((pdist(spectra) / (np.sqrt(spectra.shape[1]) * unit)).astype(np.float32))


def similar_groups(
    distances: np.ndarray, *, min_groups: int, max_step: float = MAX_STEP, min_gap: float = MIN_GAP
) -> list[int]:
    """Find groups of recordings that are closer to each other than to the rest.

    Args:
        distances: (N, N) as of `distances`.
        min_groups: with fewer groups than this none are reported, since a few groups can also be the loads
            or speeds of a machine.
        max_step: limit of the steps within a group, and of the distance to others.
        min_gap: limit of the ratio of the distance to others to the longest step.

    Returns:
        The group of each recording; each is its own if there are no clear groups.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    count = len(distances)
    separate = list(range(count))
    if count < 2:
        return separate
    tree = linkage(squareform(distances, checks=False), "single")
    clusters = fcluster(tree, max_step, "distance")
    grouped = np.zeros(count, bool)
    groups = 0
    for cluster in np.unique(clusters):
        inside = clusters == cluster
        if inside.sum() < 2:
            continue
        longest = linkage(squareform(distances[np.ix_(inside, inside)], checks=False), "single")[-1, 2]
        if distances[np.ix_(inside, ~inside)].min(initial=np.inf) >= min_gap * longest:
            grouped |= inside
            groups += 1
    if groups < min_groups or grouped.mean() < MIN_SHARE:
        return separate
    return [int(clusters[i]) + count if grouped[i] else i for i in range(count)]


def separated(distances: np.ndarray, groups: Sequence[int]) -> bool:
    """Whether recordings of different groups are all further apart than pieces of one recording.

    Args:
        distances: (N, N) as of `distances`.
        groups: group of each recording.
    """
    others = np.not_equal.outer(groups, groups)
    return bool(np.min(distances, where=others, initial=np.inf) > MAX_STEP)

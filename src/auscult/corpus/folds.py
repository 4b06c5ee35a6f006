"""Recordings parted into folds, so that what judges a recording has not learnt from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.corpus.recording import Recording


def folds_of(recordings: Sequence[Recording], count: int, seed: int) -> list[int]:
    """A fold for every recording, counted from 0 and none of them empty.

    Each domain is spread over all folds, and clips that were cut from one longer recording stay together.

    Args:
        count: folds wanted; fewer where there are fewer recordings that may be parted.
        seed: decides which recording falls into which fold.
    """
    groups: dict[str | int, list[int]] = {}
    for i, recording in enumerate(recordings):
        groups.setdefault(i if recording.clip.recording is None else recording.clip.recording, []).append(i)
    by_domain: dict[str, list[list[int]]] = {}
    for group in groups.values():
        by_domain.setdefault(recordings[group[0]].clip.domain or "", []).append(group)
    count = min(count, len(groups))
    folds = [0] * len(recordings)
    rng = np.random.default_rng([seed, 5])
    turn = 0
    for domain in sorted(by_domain):
        for place in rng.permutation(len(by_domain[domain])):
            for i in by_domain[domain][place]:
                folds[i] = turn % count
            turn += 1
    return folds

"""Recordings parted into folds, so that what fold_models a recording has not learnt from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.corpus.audio_clip import AudioClip
from auscult.corpus.clip import Clip


def folds_of(recordings: Sequence[AudioClip], count: int, seed: int) -> list[int]:
    """A fold for every recording, counted from 0 and none of them empty.

    Each domain is spread over all folds, and clips that were cut from one longer recording stay together.

    Args:
        count: folds wanted; fewer where there are fewer recordings that may be parted.
        seed: decides which recording falls into which fold.
    """
    return folds_of_clips([recording.clip for recording in recordings], count, seed)


def folds_of_clips(clips: Sequence[Clip], count: int, seed: int) -> list[int]:
    """`folds_of` for what is known of the recordings."""
    groups: dict[str | int, list[int]] = {}
    for i, clip in enumerate(clips):
        groups.setdefault(i if clip.source_recording is None else clip.source_recording, []).append(i)
    by_domain: dict[str, list[list[int]]] = {}
    for group in groups.values():
        by_domain.setdefault(clips[group[0]].domain or "", []).append(group)
    count = min(count, len(groups))
    folds = [0] * len(clips)
    rng = np.random.default_rng([seed, 5])
    turn = 0
    for domain in sorted(by_domain):
        for place in rng.permutation(len(by_domain[domain])):
            for i in by_domain[domain][place]:
                folds[i] = turn % count
            turn += 1
    return folds

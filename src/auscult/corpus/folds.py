"""Splitting recordings into folds, so that a fold model never scores recordings that it was fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.corpus.audio_clip import AudioClip
from auscult.corpus.clip import Clip

#: Number of folds, unless there are reasons for another.
FOLDS = 5


def source_keys(clips: Sequence[Clip]) -> list[str | int]:
    """Return a key for each clip, equal for clips cut from one recording; unique where that is unknown."""
    return [i if clip.source_recording is None else clip.source_recording for i, clip in enumerate(clips)]


def number_of_sources(clips: Sequence[Clip]) -> int:
    """Return the number of independent recordings that clips were cut from, as far as that is known."""
    return len(set(source_keys(clips)))


def folds_of(recordings: Sequence[AudioClip], count: int, seed: int) -> list[int]:
    """Return the fold of each recording, numbered from 0; no fold is empty.

    Each domain is spread over all folds, and clips cut from one longer recording stay in the same fold.

    Args:
        recordings: the recordings to split.
        count: number of folds; reduced if there are fewer independent recordings than that.
        seed: of the random assignment to folds.
    """
    return folds_of_clips([recording.clip for recording in recordings], count, seed)


def folds_of_clips(clips: Sequence[Clip], count: int, seed: int) -> list[int]:
    """`folds_of` for clips, of which only the metadata is needed."""
    groups: dict[str | int, list[int]] = {}
    for i, source in enumerate(source_keys(clips)):
        groups.setdefault(source, []).append(i)
    by_domain: dict[str, list[list[int]]] = {}
    for group in groups.values():
        by_domain.setdefault(clips[group[0]].domain or "", []).append(group)
    count = min(count, len(groups))
    folds = [0] * len(clips)
    rng = np.random.default_rng([seed, 5])
    n_assigned = 0  # groups are dealt to the folds in turn
    for domain in sorted(by_domain):
        for index in rng.permutation(len(by_domain[domain])):
            for i in by_domain[domain][index]:
                folds[i] = n_assigned % count
            n_assigned += 1
    return folds


def alone_in_domain(clips: Sequence[Clip]) -> list[bool]:
    """Return for each clip whether its recording is the only one of its domain, source or target.

    A model that is fitted without this recording knows nothing of the domain, so that its score of the
    recording says how far the domains are apart. If all clips are of one domain, none is alone.
    """
    target = [clip.domain == "target" for clip in clips]
    recordings: dict[bool, set[str | int]] = {}
    for is_target, source in zip(target, source_keys(clips), strict=True):
        recordings.setdefault(is_target, set()).add(source)
    return [len(recordings) > 1 and len(recordings[domain]) == 1 for domain in target]

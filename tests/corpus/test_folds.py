"""Folds: every domain in every one of them, no recording torn apart, and the seed decides."""

from __future__ import annotations

from collections import Counter

import numpy as np

from auscult.corpus import AudioClip, Clip, folds_of
from auscult.sound import Waveform

SILENCE = Waveform(np.zeros(8, np.float32), 8000)


def recordings(count: int, *, targets: int = 0, cuts: int = 0) -> list[AudioClip]:
    """``count`` recordings, the last ``targets`` of the target domain, cut by ``cuts`` from longer ones."""
    return [
        AudioClip(
            Clip(
                f"{i}.wav",
                domain="target" if i >= count - targets else "source",
                source_recording=f"tape {i // cuts}" if cuts else None,
            ),
            lambda: SILENCE,
        )
        for i in range(count)
    ]


def test_every_domain_is_spread_over_the_folds():
    these = recordings(40, targets=10)
    folds = folds_of(these, 5, seed=3)
    sizes = Counter((fold, r.clip.domain) for fold, r in zip(folds, these, strict=True))
    assert sizes == {(fold, d): n for fold in range(5) for d, n in (("source", 6), ("target", 2))}


def test_no_fold_is_empty_and_few_recordings_give_few_folds():
    for count in (1, 2, 3, 7):
        assert set(folds_of(recordings(count, targets=1), 5, seed=0)) == set(range(min(5, count)))
    assert set(folds_of(recordings(12, cuts=6), 5, seed=0)) == {0, 1}


def test_cuts_of_one_recording_stay_together():
    """Also where the domain changes on the way."""
    these = recordings(40, targets=10, cuts=8)
    fold_of: dict[str | int | None, set[int]] = {}
    for fold, recording in zip(folds_of(these, 5, seed=1), these, strict=True):
        fold_of.setdefault(recording.clip.source_recording, set()).add(fold)
    assert [len(folds) for folds in fold_of.values()] == [1] * 5
    assert set.union(*fold_of.values()) == set(range(5))


def test_the_seed_decides():
    these = recordings(40, targets=10)
    assert folds_of(these, 5, seed=1) == folds_of(these, 5, seed=1)
    assert folds_of(these, 5, seed=1) != folds_of(these, 5, seed=2)

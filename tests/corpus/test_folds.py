"""Folds: each contains every domain, none splits a recording, and the seed determines them."""

from __future__ import annotations

from collections import Counter

import numpy as np

from auscult.corpus import AudioClip, Clip, alone_in_domain, folds_of
from auscult.sound import Waveform

SILENCE = Waveform(np.zeros(8, np.float32), 8000)


def recordings(count: int, *, targets: int = 0, clips_per_tape: int = 0) -> list[AudioClip]:
    """``count`` clips, the last ``targets`` of the target domain, ``clips_per_tape`` from each recording."""
    return [
        AudioClip(
            Clip(
                f"{i}.wav",
                domain="target" if i >= count - targets else "source",
                source_recording=f"tape {i // clips_per_tape}" if clips_per_tape else None,
            ),
            lambda: SILENCE,
        )
        for i in range(count)
    ]


def test_every_domain_is_spread_over_the_folds():
    clips = recordings(40, targets=10)
    folds = folds_of(clips, 5, seed=3)
    sizes = Counter((fold, r.clip.domain) for fold, r in zip(folds, clips, strict=True))
    assert sizes == {(fold, d): n for fold in range(5) for d, n in (("source", 6), ("target", 2))}


def test_no_fold_is_empty_and_few_recordings_give_fewer_folds():
    for count in (1, 2, 3, 7):
        assert set(folds_of(recordings(count, targets=1), 5, seed=0)) == set(range(min(5, count)))
    assert set(folds_of(recordings(12, clips_per_tape=6), 5, seed=0)) == {0, 1}


def test_clips_of_one_recording_stay_together():
    """Also if the domain changes within a recording."""
    clips = recordings(40, targets=10, clips_per_tape=8)
    fold_of: dict[str | int | None, set[int]] = {}
    for fold, recording in zip(folds_of(clips, 5, seed=1), clips, strict=True):
        fold_of.setdefault(recording.clip.source_recording, set()).add(fold)
    assert [len(folds) for folds in fold_of.values()] == [1] * 5
    assert set.union(*fold_of.values()) == set(range(5))


def test_the_seed_determines_the_folds():
    clips = recordings(40, targets=10)
    assert folds_of(clips, 5, seed=1) == folds_of(clips, 5, seed=1)
    assert folds_of(clips, 5, seed=1) != folds_of(clips, 5, seed=2)


def test_recordings_that_are_alone_in_their_domain():
    def alone(count: int, **options: int) -> list[bool]:
        return alone_in_domain([r.clip for r in recordings(count, **options)])

    assert alone(5, targets=1) == [False] * 4 + [True]
    assert alone(5, targets=4) == [True] + [False] * 4
    assert alone(5, targets=2) == [False] * 5
    assert alone(6, targets=3, clips_per_tape=3) == [True] * 6
    assert alone(9, targets=3, clips_per_tape=3) == [False] * 6 + [True] * 3
    assert not any(alone(3)), "there is no other domain"

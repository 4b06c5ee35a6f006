"""Groups that are closer to each other than to the rest."""

from __future__ import annotations

import numpy as np

from auscult.corpus.similarity import similar_groups
from auscult.corpus.sound_print import sound_print


def clip(recording: int, spread: float, seed: int, level: float = 0.0):
    """The sound print of a clip: the mean spectrum of its recording, with random frames."""
    mean = spread * np.random.default_rng([recording, 1]).standard_normal(64)
    frames = mean + level + 5.0 * np.random.default_rng([seed, 2]).standard_normal((50, 64))
    return sound_print(np.zeros(1000, np.float32), frames.astype(np.float32))


def groups_of(result) -> list[list[int]]:
    return [[i for i, g in enumerate(result.groups) if g == group] for group in dict.fromkeys(result.groups)]


def test_clips_of_the_same_recording_form_a_group_at_any_level():
    clips = [clip(i % 6, 3.0, i, level=-20.0 * (i > 12)) for i in range(24)]
    result = similar_groups(clips, min_groups=5)
    assert groups_of(result) == [[k, k + 6, k + 12, k + 18] for k in range(6)]
    assert not result.apart


def test_a_few_groups_may_be_loads_of_the_machine():
    clips = [clip(i % 3, 3.0, i) for i in range(24)]
    assert len(set(similar_groups(clips, min_groups=5).groups)) == 24
    assert len(set(similar_groups(clips, min_groups=3).groups)) == 3


def test_clips_without_groups_stay_apart():
    alike = similar_groups([clip(0, 3.0, i) for i in range(30)], min_groups=2)
    different = similar_groups([clip(i, 3.0, i) for i in range(30)], min_groups=2)
    assert len(set(alike.groups)) == len(set(different.groups)) == 30
    assert (alike.apart, different.apart) == (False, True)


def test_few_recordings_have_no_groups():
    assert [similar_groups([clip(i, 3.0, i) for i in range(n)], min_groups=2).groups for n in range(3)] == [
        [], [0], [0, 1],
    ]  # fmt: skip

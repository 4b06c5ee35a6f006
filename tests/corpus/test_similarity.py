"""Groups that are closer to each other than to the rest."""

from __future__ import annotations

import numpy as np

from auscult.corpus.similarity import distances, separated, similar_groups
from auscult.corpus.sound_print import sound_print


def clip(recording: int, spread: float, seed: int, level: float = 0.0, tilt: float = 0.0):
    """The sound print of a clip: the mean spectrum of its recording, with random frames."""
    mean = spread * np.random.default_rng([recording, 1]).standard_normal(64) + tilt * np.arange(64)
    frames = mean + level + 5.0 * np.random.default_rng([seed, 2]).standard_normal((50, 64))
    return sound_print(np.zeros(1000, np.float32), frames.astype(np.float32))


def similar(clips, min_groups: int) -> list[list[int]]:
    """Groups of indices, in order of appearance."""
    groups = similar_groups(distances(clips), min_groups=min_groups)
    return [[i for i, g in enumerate(groups) if g == group] for group in dict.fromkeys(groups)]


def test_clips_of_the_same_recording_form_a_group_at_any_level():
    clips = [clip(i % 6, 3.0, i, level=-20.0 * (i > 12)) for i in range(24)]
    groups = similar(clips, min_groups=5)
    assert groups == [[k, k + 6, k + 12, k + 18] for k in range(6)]
    assert separated(distances(clips), [i % 6 for i in range(24)])
    assert not separated(distances(clips), [i % 6 for i in range(23)] + [6])


def test_one_recording_that_changed_does_not_hide_the_groups_of_the_others():
    drifting = [clip(0, 3.0, i, tilt=0.06 * i) for i in range(8)]
    clips = [clip(1 + i % 6, 3.0, 100 + i) for i in range(24)] + drifting
    assert similar(clips, min_groups=5)[:6] == [[k, k + 6, k + 12, k + 18] for k in range(6)]


def test_a_few_groups_may_be_loads_of_the_machine():
    clips = [clip(i % 3, 3.0, i) for i in range(24)]
    assert len(similar(clips, min_groups=5)) == 24
    assert len(similar(clips, min_groups=3)) == 3


def test_pairs_that_are_close_by_chance_are_no_groups():
    clips = [clip(i % 30, 3.0, i) for i in range(35)]  # five pairs
    assert len(similar(clips, min_groups=5)) == 35


def test_clips_without_groups_stay_apart():
    alike = [clip(0, 3.0, i) for i in range(30)]
    different = [clip(i, 3.0, i) for i in range(30)]
    assert len(similar(alike, 2)) == len(similar(different, 2)) == 30
    assert not separated(distances(alike), range(30))
    assert separated(distances(different), range(30))


def test_few_recordings_have_no_groups():
    assert distances([]) is None
    assert [similar([clip(i, 3.0, i) for i in range(n)], min_groups=2) for n in (1, 2)] == [[[0]], [[0], [1]]]

"""Which recordings set the limits of the maps of a fitted model."""

from __future__ import annotations

import numpy as np

from auscult.model.calibrated_model import _judged_normal


def test_recordings_above_the_default_threshold_do_not_set_limits():
    scores = np.r_[np.linspace(0, 1, 39), 50.0]
    assert _judged_normal(scores, range(40)) == [True] * 39 + [False]
    assert _judged_normal(scores, [3, 39, 5]) == [True, False, True]


def test_without_a_threshold_or_a_normal_recording_all_do():
    assert _judged_normal([1.0, 2.0, 300.0], range(3)) == [True] * 3
    assert _judged_normal(np.r_[np.zeros(39), 50.0], [39]) == [True]

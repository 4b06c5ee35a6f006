"""Labels and warnings of thresholds from clips of few independent recordings."""

from __future__ import annotations

import numpy as np

from auscult.decision import (
    conformal_threshold,
    few_recordings_label,
    few_recordings_warning,
    fixed_threshold,
)

SCORES = np.arange(60.0)


def test_a_label_names_the_recordings_if_as_many_clips_would_give_no_threshold():
    threshold = conformal_threshold(SCORES, 0.05)
    assert few_recordings_label(18, threshold) == "for units and conditions of 18 recordings"
    assert few_recordings_label(19, threshold) is None
    assert few_recordings_label(None, threshold) is None, "unknown, as for models of version 0.1.0"
    assert few_recordings_label(9, conformal_threshold(SCORES, 0.1)) is None
    assert few_recordings_label(8, conformal_threshold(SCORES, 0.1)) is not None


def test_without_a_promise_there_is_no_label():
    assert few_recordings_label(2, conformal_threshold(SCORES[:10])) is None, "no threshold"
    assert few_recordings_label(2, fixed_threshold(1.0)) is None


def test_the_warning_says_how_many_are_needed():
    warning = few_recordings_warning(12, conformal_threshold(SCORES, 0.05))
    assert warning is not None
    assert warning.startswith(
        "the 60 clips come from 12 independent recordings, and 5 % false alarms need 19: "
    )
    assert few_recordings_warning(19, conformal_threshold(SCORES, 0.05)) is None
    assert few_recordings_warning(None, conformal_threshold(SCORES, 0.05)) is None

"""A model from a recording of normal running."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import RATE, noise

from auscult.decision.alarms import AlarmBudget
from auscult.monitor.learning.folder import NormalFolder
from auscult.monitor.learning.learn import TooLittle, changes, divide, learn


def folder_of(path, *parts):
    folder = NormalFolder(path / "b-normal", "fan")  # a name that could be a misspelt abnormal
    first = 0
    for samples in parts:
        for start in range(0, len(samples), 20 * RATE):
            piece = samples[start : start + 20 * RATE]
            folder.add(piece, first, first / RATE, RATE)
            first += len(piece)
    return folder


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("steady"), noise(900, 1))


@pytest.fixture(scope="module")
def learned(steady):
    return learn(steady, AlarmBudget.parse("1/day"), "pooled_gaussian")


def test_the_parts_do_not_touch(steady):
    first, later = divide(steady)
    assert later[0].first - (first[-1].first + first[-1].samples) == 20 * RATE
    assert steady.seconds_of(first) == pytest.approx(0.25 * 900, abs=20)
    assert later[-1] == steady.segments[-1]


@pytest.mark.slow
def test_a_steady_machine_is_learned(steady, learned):
    policy = learned.model.alarm_policy
    assert policy.state == "probation"
    assert policy.calibration.alarms == 0
    assert policy.calibration.sessions == 1, "segments are joined without gaps"
    assert learned.fit_seconds + learned.alarm_seconds == pytest.approx(900 - 20, abs=10)
    assert learned.findings == ()
    assert len(learned.model.normals.paths) == learned.fit_seconds / 4


def test_the_same_sound_is_kept_once(tmp_path):
    folder = folder_of(tmp_path, noise(60, 1))
    kept = list(folder.segments)
    folder_of(tmp_path, noise(60, 1), noise(20, 2))  # a replay that begins again, and goes on
    folder = NormalFolder(folder.path, "fan")
    assert folder.segments[:-1] == kept
    assert folder.seconds == 80


def test_too_little_says_how_much_is_needed(tmp_path):
    with pytest.raises(TooLittle, match=r"min of normal running are too little: .*about 5 min"):
        divide(folder_of(tmp_path, noise(200, 1)))


@pytest.mark.slow
def test_a_change_within_the_recording_is_reported(learned):
    model = learned.model
    rng = np.random.default_rng(0)
    known = model.calibration.scores[model.detector.decisive_score]
    usual = rng.choice(known, 600)
    assert changes(model, usual) == ()
    assert [f.kind for f in changes(model, usual + 5 * np.std(known))] == ["changed_recording"]
    drifting = usual + np.linspace(-2, 2, 600) * np.std(known)
    assert [f.kind for f in changes(model, drifting)] == ["drift"]

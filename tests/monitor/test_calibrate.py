"""Alarm policies of models, from recordings of normal running."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from tests.helpers import RATE, model_without_alarms, noise

import auscult
from auscult.errors import FitError, OptionError
from auscult.monitor.calibrate import calibrate
from auscult.monitor.stream.scoring import WindowScorer


@pytest.fixture(scope="module")
def model():
    return model_without_alarms()


@pytest.fixture(scope="module")
def calibrated(model):
    return calibrate(model, noise(600, 100), "1/week", sample_rate=RATE)


def test_the_policy_is_kept_in_the_model_file(model, calibrated, tmp_path):
    assert model.alarm_policy is None, "the model itself is not changed"
    path = str(tmp_path / "fan.auscult")
    calibrated.save(path)
    assert auscult.load(path).alarm_policy == calibrated.alarm_policy
    policy = calibrated.alarm_policy
    assert policy.state == "probation"
    assert policy.calibration.alarms == 0
    assert policy.calibration.seconds == pytest.approx(600, abs=10)


def test_scores_of_a_file_are_those_of_the_monitor(model, tmp_path):
    samples = noise(400, 107)
    path = tmp_path / "running.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    of_file = calibrate(model, str(path), "1/hour")
    in_memory = calibrate(model, samples, "1/hour", sample_rate=RATE)
    assert of_file.alarm_policy.rule.threshold == pytest.approx(in_memory.alarm_policy.rule.threshold)
    scorer = WindowScorer(model)
    scores = [window.score for window in scorer.push(samples[:, None], 0)]
    assert of_file.alarm_policy.calibration.seconds == pytest.approx(len(scores) * scorer.period)


def test_other_normal_running_verifies_it(model, calibrated):
    kept = calibrate(
        model, noise(600, 100), "1/hour", verify=[noise(300, 101), noise(300, 102)], sample_rate=RATE
    )
    assert kept.alarm_policy.verification.sessions == 2
    assert kept.alarm_policy.verification.seconds == pytest.approx(600, abs=20)
    louder = [noise(200, seed, level=0.2) for seed in range(200, 203)]
    broken = calibrate(model, noise(600, 100), "1/week", verify=louder, sample_rate=RATE)
    assert broken.alarm_policy.state == "refused"


def test_what_is_off_or_has_a_sensor_fault_does_not_count(model):
    samples = np.concatenate(
        [noise(400, 111), noise(100, 112, level=1e-3), noise(300, 113), np.zeros(100 * RATE)]
    )
    policy = calibrate(model, samples.astype(np.float32), "1/day", sample_rate=RATE).alarm_policy
    assert policy.calibration.seconds == pytest.approx(700, abs=40)
    assert policy.calibration.sessions == 2


@pytest.mark.parametrize("seconds", [2, 20])
def test_recordings_that_the_model_was_fitted_on_are_refused(model, seconds):
    known = np.concatenate([noise(2, 5), noise(seconds - 2, 300)])
    with pytest.raises(FitError, match="was fitted on"):
        calibrate(model, [known, noise(300, 111)], "1/week", sample_rate=RATE)


def test_the_same_sound_counts_once(model, tmp_path):
    once, other = noise(300, 120), noise(300, 121)
    with pytest.raises(FitError, match="repeats the sound"):
        calibrate(model, [once, once], "1/week", sample_rate=RATE)
    with pytest.raises(FitError, match="repeats the sound"):
        calibrate(model, [once, other], "1/week", verify=[other[: 100 * RATE]], sample_rate=RATE)
    paths = [str(tmp_path / name) for name in ("a.wav", "b.flac")]
    soundfile.write(paths[0], once, RATE, subtype="PCM_16")
    soundfile.write(paths[1], soundfile.read(paths[0])[0], RATE, subtype="PCM_16")
    with pytest.raises(FitError, match=r"b\.flac: repeats the sound of .*a\.wav"):
        calibrate(model, paths, "1/week")


def test_too_short_recordings_are_refused(model):
    with pytest.raises(FitError, match=r"too little: .*Record about 5 min"):
        calibrate(model, [noise(2, seed) for seed in range(50, 90)], "1/week", sample_rate=RATE)


def test_an_invalid_budget_is_refused(model):
    with pytest.raises(OptionError):
        calibrate(model, noise(600, 100), "sometimes", sample_rate=RATE)


def test_with_another_time_between_scores_the_rule_spans_the_same_time(model):
    policy = calibrate(model, noise(600, 100), "1/week", sample_rate=RATE, every=5).alarm_policy
    assert policy.period == pytest.approx(4.992)
    assert (policy.rule.k, policy.rule.n) == (4, 6)

"""``calibrate``, and what ``inspect`` shows of it."""

from __future__ import annotations

import json
import shutil

import pytest
import soundfile
from tests.helpers import RATE, model_without_alarms, noise

import auscult


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrate")
    model = model_without_alarms()
    model.save(str(folder / "fan.auscult"))
    (folder / "normal").mkdir()
    for index in range(2):
        soundfile.write(folder / "normal" / f"{index}.flac", noise(400, 100 + index), RATE)
    soundfile.write(folder / "louder.wav", noise(300, 200, level=0.2), RATE)
    return folder


@pytest.fixture
def model(folder, tmp_path):
    return shutil.copy(folder / "fan.auscult", tmp_path)


def test_the_rule_is_stored_in_the_model(run, model, folder):
    result = run("calibrate", model, folder / "normal", "--budget", "1/week", "--json", "-q")
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert printed["state"] == "probation"
    assert printed["missing_seconds"] / 86400 == pytest.approx(16.1, abs=0.1)
    assert printed["policy"]["calibration"]["sessions"] == 2
    policy = auscult.load(model).alarm_policy
    assert policy.to_json() == printed["policy"]
    assert printed["policy"]["normal"]["highest"] < printed["policy"]["rule"]["threshold"]
    assert printed["findings"] == []
    inspected = json.loads(run("inspect", model, "--json").stdout)
    assert inspected["alarm_policy"] == printed["policy"]
    text = run("inspect", model).stdout
    assert "1/week false alarms" in text
    assert "on probation" in text
    assert f"highest {policy.normal.highest:.6g}" in text


def test_a_threshold_that_little_reaches_is_reported(run, model, tmp_path):
    soundfile.write(tmp_path / "short.wav", noise(320, 509), RATE)
    result = run("calibrate", model, tmp_path / "short.wav", "--budget", "1/year", "--json", "-q")
    assert result.exit_code == 0
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["kind"] == "far_threshold"
    assert "Warning: the alarm threshold" in result.stderr
    inspected = json.loads(run("inspect", model, "--json").stdout)
    assert "far_threshold" in [entry["kind"] for entry in inspected["findings"]]


def test_another_file_can_be_written(run, model, folder, tmp_path):
    output = tmp_path / "armed.auscult"
    result = run("calibrate", model, folder / "normal", "--budget", "2/day", "-o", output)
    assert result.exit_code == 0
    assert "2/day false alarms" in result.stdout
    assert auscult.load(model).alarm_policy is None
    assert auscult.load(str(output)).alarm_policy.budget.period == "day"


def test_a_broken_budget_is_refused_with_exit_code_1(run, model, folder):
    result = run(
        "calibrate", model, folder / "normal", "--budget", "1/month", "--verify", folder / "louder.wav", "-q"
    )
    assert result.exit_code == 1
    assert "refused: 1 alarm in" in result.stdout
    assert auscult.load(model).alarm_policy.state == "refused"


def test_clips_count_that_are_called_normal_and_others_are_reported_also_before_an_error(
    run, model, tmp_path
):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    names = [f"section_00_source_{what}.wav" for what in ("train_normal_0000", "test_normal_0000")]
    abnormal = "section_00_source_test_anomaly_0000.wav"
    for index, name in enumerate([*names, abnormal]):
        soundfile.write(mixed / name, noise(20, 300 + index), RATE)
    result = run("calibrate", model, mixed, "--budget", "1/week", "-q")
    assert result.exit_code == 1
    warning, error = result.stderr.splitlines()
    assert warning.startswith("Warning: ")
    assert warning.endswith("mixed: left out: 1 called anomalous")
    assert error.startswith("Error: 0.")
    soundfile.write(mixed / names[1], noise(400, 301), RATE)
    result = run("calibrate", model, mixed, "--budget", "1/week", "--json", "-q")
    assert json.loads(result.stdout)["policy"]["calibration"]["sessions"] == 2
    result = run("calibrate", model, mixed / abnormal, "--budget", "1/week", "-q")
    assert result.exit_code == 1
    assert "no recording of normal running: 1 called anomalous. Give recordings" in result.stderr


@pytest.mark.parametrize("budget", ["1", "often", "0/day"])
def test_an_invalid_budget_is_wrong_usage(run, model, folder, budget):
    result = run("calibrate", model, folder / "normal", "--budget", budget)
    assert result.exit_code == 2
    assert "Error:" in result.stderr
    assert auscult.load(model).alarm_policy is None

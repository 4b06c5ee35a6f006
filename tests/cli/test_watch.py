"""``watch`` from the command line."""

from __future__ import annotations

import json
import shutil

import pytest
import soundfile
from tests.monitor.webhook.conftest import Receiver

import auscult

RATE = 8000


@pytest.fixture(scope="module")
def models(tmp_path_factory, machine_sound):
    folder = tmp_path_factory.mktemp("models")
    model = auscult.fit(
        [machine_sound(seed) for seed in range(24)], "pooled_gaussian", all_scores=False, sample_rate=RATE
    )
    model.save(str(folder / "fan.auscult"))
    shutil.copy(folder / "fan.auscult", folder / "pump.auscult")
    return folder


@pytest.fixture
def incoming(tmp_path, machine_sound):
    folder = tmp_path / "incoming"
    folder.mkdir()
    for i, name in enumerate(("fan_1", "fan_2", "pump_1")):
        soundfile.write(folder / f"{name}.wav", machine_sound(50 + i, broken=name == "fan_2"), RATE)
    return folder


def test_rows_are_those_of_score(run, models, incoming, tmp_path):
    command = ["watch", models, "--folder", incoming, "--store", tmp_path / "store", "--once"]
    result = run(*command, "--settle", "0.1", "--json", "-q")
    assert result.exit_code == 0
    assert result.stderr == ""
    rows = {row["path"]: row for row in map(json.loads, result.stdout.splitlines())}
    scored = run("score", models / "fan.auscult", incoming, "--json")
    for expected in map(json.loads, scored.stdout.splitlines()):
        row = rows.pop(expected["path"])
        assert row.pop("machine") == ("pump" if "pump" in row["path"] else "fan")
        assert (row.pop("event") is not None) == (row["verdict"] == "anomaly")
        assert row == expected
    assert rows == {}


def test_text_and_exit_codes(run, models, incoming, tmp_path):
    command = ["watch", models, "--folder", incoming, "--store", tmp_path / "store", "--settle", "0.1"]
    assert run(*command, "--fail-on-anomaly").exit_code == 2
    result = run(*command, "--once", "--fail-on-anomaly")
    assert result.exit_code == 3
    assert "ANOMALY, event 1: fan_2.wav" in result.stdout
    assert "3 recordings, 1 anomalous" in result.stderr
    shutil.copy(incoming / "fan_1.wav", incoming / "whose.wav")
    result = run(*command, "--once", "--fail-on-anomaly")
    assert result.exit_code == 4
    (line,) = result.stdout.splitlines()
    assert "REFUSED: whose.wav" in line
    assert "there are models of fan, pump" in line
    shutil.copy(incoming / "whose.wav", incoming / "other.wav")
    result = run(*command, "--once", "--assign", "other.wav=pump")
    assert result.exit_code == 0
    assert "pump" in result.stdout
    assert run(*command, "--once", "--assign", "other.wav").exit_code == 2


def test_another_false_alarm_rate(run, models, incoming, tmp_path):
    command = ["watch", models, "--folder", incoming, "--once", "--settle", "0.1", "--json"]
    (row, *_) = run(*command, "--store", tmp_path / "a", "--false-alarms", "20%").stdout.splitlines()
    model = auscult.load(models / "fan.auscult")
    assert json.loads(row)["threshold"] == model.threshold(0.2).value
    assert run(*command, "--store", tmp_path / "b", "--false-alarms", "2").exit_code == 2


def test_the_store_is_beside_the_models(run, models, incoming, tmp_path):
    plant = shutil.copytree(models, tmp_path / "plant")
    run("watch", plant, "--folder", incoming, "--once", "--settle", "0.1")
    assert (plant / "watch" / "events.sqlite").is_file()
    run("watch", plant / "fan.auscult", "--folder", incoming, "--once", "--settle", "0.1")
    assert json.loads(run("events", plant / "watch", "--json").stdout)[0]["machine"] == "fan"
    for command in ("events", "trend"):
        there = f"{plant}: no event store here; there is one in {plant / 'watch'}"
        assert there in run(command, plant).stderr
    assert run("events", tmp_path).stderr.rstrip().endswith("no event store here")


def test_events_are_sent_by_a_webhook(run, models, incoming, machine_sound, tmp_path):
    receiver = Receiver()
    config = tmp_path / "monitor.toml"
    config.write_text(f'[webhook]\nurl = "{receiver.url}"\n')
    command = ["watch", models, "--folder", incoming, "--store", tmp_path / "store", "--settle", "0.1"]
    command += ["--once", "--webhook", config]
    try:
        run(*command)
        soundfile.write(incoming / "fan_3.wav", machine_sound(60), RATE)
        run(*command)
    finally:
        receiver.close()
    about = [(m["subject"], m["change"], m["machine"], m["event"]["id"]) for m in receiver.messages]
    assert about == [("alarm", "started", "fan", 1), ("alarm", "ended", "fan", 1)]
    assert receiver.messages[0]["event"]["explanation"]["regions"]


def test_the_file_of_a_webhook_must_have_one(run, models, incoming, tmp_path):
    config = tmp_path / "monitor.toml"
    config.write_text('store = "events"\n')
    result = run("watch", models, "--folder", incoming, "--once", "--webhook", config)
    assert result.exit_code == 2
    assert f"{config}: there is no section [webhook]" in result.stderr


def test_it_says_that_the_usual_interval_is_unknown(run, models, incoming, tmp_path):
    command = ["watch", models, "--folder", incoming, "--store", tmp_path / "store", "--settle", "0.1"]
    command.append("--once")
    assert "fan, pump: a recording that stays away is not reported yet" in run(*command).stderr
    assert "not reported yet" not in run(*command, "--expect", "1h").stderr

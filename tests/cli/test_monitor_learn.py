"""``monitor --learn`` on recordings that are replayed."""

from __future__ import annotations

import json
import socket

import numpy as np
import pytest
import soundfile
from tests.helpers import RATE, noise

import auscult
from auscult.model.model_file import model_digest
from auscult.monitor.store import EventStore, StoreReader
from auscult.simulation.running import Running

FAN_RATE = 8000


def learn(run, folder, source, *more):
    return run(
        "monitor", "--learn", folder / "fan", "--source", source, "--speed", "max", "--no-page",
        "--store", folder / "store", "--detector", "pooled_gaussian", *more,
    )  # fmt: skip


@pytest.mark.slow
def test_from_a_source_to_alarms_on_probation(run, tmp_path):
    running = Running("fan", sample_rate=FAN_RATE, session="test")
    normal = running.read(15 * 60 * FAN_RATE)
    running.set_fault("rubbing")
    faulty = running.read(90 * FAN_RATE)
    running.set_fault(None)
    samples = np.concatenate([normal, faulty, running.read(120 * FAN_RATE)])
    soundfile.write(tmp_path / "long.wav", samples, FAN_RATE)
    # The first start ends early, as if it had been interrupted.
    soundfile.write(tmp_path / "short.wav", samples[: 65 * FAN_RATE], FAN_RATE)
    result = learn(run, tmp_path, tmp_path / "short.wav")
    assert result.exit_code == 1
    assert "too little" in result.stderr
    assert "The recordings are kept" in result.stderr
    assert not (tmp_path / "fan.auscult").exists()

    result = learn(run, tmp_path, tmp_path / "long.wav", "--budget", "1/day", "--json")
    assert result.exit_code == 0, result.stderr
    assert "65 s are there already" in result.stderr
    learned, *alarms = [json.loads(line) for line in result.stdout.splitlines()]
    assert learned["policy"]["state"] == "probation"
    assert learned["policy"]["budget"] == "1/day"
    assert learned["fit_seconds"] >= 120
    assert learned["alarm_seconds"] > learned["fit_seconds"]
    assert [line["alarm"] for line in alarms if "alarm" in line] == ["started", "ended"]
    model = auscult.load(str(tmp_path / "fan.auscult"))
    assert model.alarm_policy.state == "probation"
    with StoreReader(tmp_path / "store") as reader:  # a restart with the file continues the probation
        assert [machine.model for machine in reader.machines()] == [model_digest(model)]
    fitted = {path.rpartition("/")[2] for path in model.normals.paths}
    later = [path.name for path in sorted((tmp_path / "fan-normal").glob("*.flac"))]
    assert fitted == set(later[: len(fitted)])
    assert "exists" in learn(run, tmp_path, tmp_path / "long.wav").stderr


@pytest.mark.slow
def test_a_recording_that_is_not_enough_goes_on(run, tmp_path):
    # The machine stops each 50 s, so that little is left between stops for which an alarm could last.
    running, off = Running("fan", sample_rate=FAN_RATE, session="test"), noise(10, 1, 1e-3, FAN_RATE)
    parts = [part for _ in range(16) for part in (running.read(50 * FAN_RATE), off)]
    soundfile.write(tmp_path / "long.wav", np.concatenate(parts), FAN_RATE)
    result = learn(run, tmp_path, tmp_path / "long.wav", "--minutes", "5", "--budget", "1/day")
    assert "not enough yet, recording goes on" in result.stderr
    assert "min of normal running are too little" in result.stderr
    assert result.exit_code == 0, result.stderr


@pytest.mark.slow
def test_five_minutes_without_a_stop_are_enough(run, tmp_path):
    running = Running("fan", sample_rate=FAN_RATE, session="test")
    soundfile.write(tmp_path / "long.wav", running.read(6 * 60 * FAN_RATE), FAN_RATE)
    result = learn(run, tmp_path, tmp_path / "long.wav", "--minutes", "5", "--json")
    assert result.exit_code == 0, result.stderr
    assert "not enough" not in result.stderr
    (learned,) = [json.loads(line) for line in result.stdout.splitlines()]
    normal, rule = learned["policy"]["normal"], learned["policy"]["rule"]
    assert normal["median"] < normal["highest"] < rule["threshold"]
    assert learned["findings"] == []


def test_silence_is_refused(run, tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(100 * RATE), RATE)
    result = learn(run, tmp_path, tmp_path / "silent.wav")
    assert result.exit_code == 1
    assert "check microphone" in result.stderr
    assert "not recorded: sensor silent" in result.stderr


def test_another_folder_is_not_mixed_in(run, tmp_path):
    (tmp_path / "fan-normal").mkdir()
    soundfile.write(tmp_path / "fan-normal" / "pump.wav", noise(2), RATE)
    result = learn(run, tmp_path, tmp_path / "fan-normal" / "pump.wav")
    assert result.exit_code == 2
    assert "has other files (pump.wav)" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--minutes", "1"), "--minutes"),
        (("--minutes", "nan"), "is not a number"),
        (("--budget", "often"), "often"),
        (("--simulate",), "give either"),
        (("--name", "pump"), "--name"),
        (("--detector", "nothing"), "nothing"),
    ],
)
def test_options_that_cannot_be(run, tmp_path, options, message):
    soundfile.write(tmp_path / "in.wav", noise(2), RATE)
    result = learn(run, tmp_path, tmp_path / "in.wav", *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_what_keeps_the_monitor_from_starting_is_known_before_the_recording(run, tmp_path):
    soundfile.write(tmp_path / "long.wav", noise(20), RATE)
    with EventStore(tmp_path / "store"):
        result = learn(run, tmp_path, tmp_path / "long.wav")
    assert result.exit_code == 1
    assert "already open" in result.stderr
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        command = ("monitor", "--learn", tmp_path / "fan", "--source", tmp_path / "long.wav", "--port", port)
        result = run(*command, "--store", tmp_path / "store")
    assert result.exit_code == 2
    assert str(port) in result.stderr
    assert not list(tmp_path.glob("fan-normal/*"))

"""``status`` of machines that are watched or monitored."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from tests.helpers import noise

import auscult
from auscult.decision.alarms import AlarmBudget, AlarmPolicy, AlarmRule, required_seconds
from auscult.decision.alarms.observation import Observation
from auscult.monitor.history.observed_policy import ObservedPolicy
from auscult.monitor.history.resuming import ALIVE, ALIVE_SECONDS
from auscult.monitor.store import Event, EventStore, Gap, Machine, ScoreRow

RATE = 8000
BUDGET = AlarmBudget(1, "day")
NEEDED = required_seconds(BUDGET)
POLICY = AlarmPolicy(AlarmRule(5.0, 4.0), 1.0, BUDGET, "tail", 0.0, Observation.of(3600.0, 1, 0))
REFUSED = replace(POLICY, verification=Observation.of(3600.0, 1, 50))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, machine_sound):
    folder = tmp_path_factory.mktemp("models")
    model = auscult.fit(
        [machine_sound(seed) for seed in range(24)], "pooled_gaussian", all_scores=False, sample_rate=RATE
    )
    model.save(str(folder / "fan.auscult"))
    shutil.copy(folder / "fan.auscult", folder / "pump.auscult")
    return folder


@pytest.fixture
def plant(fitted, tmp_path):
    (tmp_path / "incoming").mkdir()
    return shutil.copytree(fitted, tmp_path / "models")


@pytest.fixture
def states(run):
    def machines(folder, *options):
        result = run("status", folder, "--json", *options)
        status = json.loads(result.stdout)
        return {m["name"]: m["state"] for m in status["machines"]}, result.exit_code, status

    return machines


def judge(run, plant, *options):
    return run("watch", plant, "--folder", plant.parent / "incoming", "--once", "--settle", "0.1", *options)


def test_a_machine_without_recordings_is_not_normal(run, states, plant):
    assert states(plant)[:2] == ({"fan": "no recordings yet", "pump": "no recordings yet"}, 5)
    soundfile.write(plant.parent / "incoming" / "fan_1.wav", noise(1), RATE)
    assert "no recordings yet" in run("status", plant).stdout


def test_states_of_recordings(run, states, plant, machine_sound):
    incoming = plant.parent / "incoming"
    for name in ("fan_1", "pump_1"):
        soundfile.write(incoming / f"{name}.wav", machine_sound(70), RATE)
    judge(run, plant)
    machines, code, status = states(plant)
    assert (machines, code) == ({"fan": "normal", "pump": "normal"}, 0)
    assert (status["running"], status["process"]) == (False, None)
    assert abs(status["written"] - time.time()) < 60
    soundfile.write(incoming / "fan_2.wav", machine_sound(71, broken=True), RATE)
    soundfile.write(incoming / "pump_2.wav", np.zeros(RATE), RATE)
    judge(run, plant)
    machines, code, status = states(plant)
    assert (machines, code) == ({"fan": "ALARM", "pump": "sensor fault (silence)"}, 3)
    fan, pump = status["machines"]
    assert fan["score"] > fan["threshold"]
    assert (fan["alarms_today"], pump["alarms_today"]) == (1, 0)
    (incoming / "fan_3.wav").write_text("no audio")
    soundfile.write(incoming / "pump_3.wav", machine_sound(72), RATE)
    (plant / "fan.auscult").rename(plant / "press.auscult")  # a machine without a model is not expected
    machines, code, _ = states(plant)
    assert (machines, code) == ({"press": "no recordings yet", "pump": "sensor fault (silence)"}, 5)
    text = run("status", plant).stdout
    assert "sensor fault (silence)" in text
    assert "not running, last active" in text


def test_recordings_that_stay_away(run, states, plant, machine_sound):
    soundfile.write(plant.parent / "incoming" / "fan_1.wav", machine_sound(70), RATE)
    judge(run, plant, "--expect", "0.5s")
    time.sleep(0.6)
    machines, code, _ = states(plant)
    assert (machines, code) == ({"fan": "no data", "pump": "no recordings yet"}, 5)


def test_an_alarm_lasts_while_recordings_stay_away_or_cannot_be_judged(run, states, plant, machine_sound):
    for name in ("fan_1", "pump_1"):
        soundfile.write(plant.parent / "incoming" / f"{name}.wav", machine_sound(70, broken=True), RATE)
    judge(run, plant)
    soundfile.write(plant.parent / "incoming" / "pump_2.wav", np.zeros(RATE), RATE)
    judge(run, plant, "--expect", "0.5s")
    time.sleep(0.6)
    machines, code, status = states(plant)
    assert (machines, code) == ({"fan": "ALARM, no data", "pump": "ALARM, no data"}, 3)
    assert {machine["attention"] for machine in status["machines"]} == {"alarm"}
    judge(run, plant, "--expect", "1h")
    assert states(plant)[0] == {"fan": "ALARM", "pump": "ALARM, sensor fault (silence)"}


@pytest.fixture
def monitored(tmp_path):
    """A store as of a monitor, that is open."""
    ago = 0.0
    with EventStore(tmp_path / "monitor", clock=lambda: time.time() - ago) as store:
        for name in "abcdefghij":
            ago = 500.0 if name == "e" else 0.0  # when its last score was written
            policy = {"g": {}, "h": REFUSED.to_json()}.get(name, POLICY.to_json())
            store.put_machine(Machine(name, "1", "mic", policy, time.time()))
            if name != "f":
                store.add_scores([ScoreRow(name, time.time(), 1.5, 1.2, 2.0)])
        store.set_condition("b", "silent", True, time.time())
        store.add_gap(Gap("c", time.time() - 1000, None, "machine off"))
        store.put_state("c", ALIVE, {"time": time.time() - ALIVE_SECONDS})
        store.add_gap(Gap("i", time.time() - 1000, None, "machine off"))  # and then nothing arrived
        store.put_state("i", ALIVE, {"time": time.time() - 200})
        store.add_gap(Gap("j", time.time(), None, "no finite score"))
        ObservedPolicy(store, "a", "1", POLICY, time.time()).judged(NEEDED, time.time())
        store.add_event(Event("d", "alarm", time.time()))
        yield store


def test_states_of_a_monitor_while_it_runs_and_afterwards(states, monitored):
    machines, code, status = states(monitored.folder)
    assert machines == {
        "a": "running",
        "b": "sensor fault (silent)",
        "c": "off",
        "d": "ALARM",
        "e": "no data",
        "f": "no data yet",
        "g": "no alarm rule",
        "h": "alarm rule refused",
        "i": "no data",
        "j": "no finite score",
    }
    attention = {m["name"]: m["attention"] for m in status["machines"]}
    assert [name for name in attention if attention[name] is None] == ["a", "c"]
    policies = {m["name"]: m["policy"] for m in status["machines"]}
    assert [policies[name] for name in "acgh"] == ["armed", "probation", None, "refused"]
    assert code == 3
    assert status["running"]
    assert status["process"] > 0
    monitored.close()
    machines, code, status = states(monitored.folder)
    assert machines.pop("d") == "ALARM, no data", "its alarm has not ended"
    assert set(machines.values()) == {"no data", "no data yet"}
    assert code == 3
    assert not status["running"]


def test_a_recording_that_is_played_back_has_data_now(states, monitored):
    recorded = time.time() - 1e6
    monitored.add_scores([ScoreRow("a", recorded, 1.5, 1.2, 2.0)])
    monitored.put_state("i", ALIVE, {"time": recorded, "written": time.time()})
    machines, _, status = states(monitored.folder)
    assert (machines["a"], machines["i"]) == ("running", "off")
    a = status["machines"][0]
    assert a["time"] == pytest.approx(recorded)
    assert a["age"] < 60


def test_the_reason_of_a_missing_source_is_shown(run, states, monitored):
    monitored.set_condition("f", "source gone", True, time.time(), "there is no microphone USB")
    monitored.set_condition(None, "disk full", True, time.time(), "3 MB are left")
    machines, _, status = states(monitored.folder)
    assert machines["f"] == "no data"
    shown = next(m for m in status["machines"] if m["name"] == "f")
    assert shown["conditions"] == ["source gone: there is no microphone USB"]
    assert shown["trend"] == ["no data yet"], "as the page says"
    assert status["conditions"] == ["disk full: 3 MB are left"]
    lines = run("status", monitored.folder).stdout.splitlines()
    assert lines[-3:-1] == ["b: silent", "f: source gone: there is no microphone USB"]
    assert lines[-1].endswith("; disk full: 3 MB are left")


def test_what_is_no_folder_of_models_or_store(run, tmp_path):
    assert run("status", tmp_path).exit_code == 1
    assert run("status", tmp_path / "nowhere").exit_code == 1

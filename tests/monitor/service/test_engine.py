"""Several machines in one process, from recordings to events in the store."""

from __future__ import annotations

import threading
import time
from functools import partial

import numpy as np
import pytest
import soundfile
from tests.helpers import RATE, model_of_noise, model_without_alarms, noise

from auscult.errors import OptionError
from auscult.monitor.service.backlog import MAX_BACKLOG
from auscult.monitor.service.engine import Engine
from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.store import Event, EventStore, Machine, ScoreRow
from auscult.monitor.stream.gate import GateSettings
from auscult.sound.live import Block, Interruption, Source, open_source
from auscult.spectrum import log_mel

START = 1_600_000_000.0  # recordings of a past year


@pytest.fixture(scope="module")
def model():
    return model_of_noise()


@pytest.fixture
def store(tmp_path):
    with EventStore(tmp_path / "store") as store:
        yield store


def replayed(name, path, model) -> WatchedMachine:
    gate = GateSettings(settle=2.0, run_down=2.0)
    opener = partial(open_source, str(path), speed="max", start_time=START)
    return WatchedMachine(name, model, opener, gate, waits=True, model_id="a1b2")


def test_replayed_machines_have_their_events_in_the_store(model, store, tmp_path):
    faulty = np.concatenate([noise(25, 1), noise(15, 2, level=0.4), noise(25, 3)])
    soundfile.write(tmp_path / "fan.wav", faulty, RATE, subtype="FLOAT")
    off = np.concatenate([noise(20, 4), noise(15, 5, level=1e-3), noise(20, 6)])
    soundfile.write(tmp_path / "pump.wav", off, RATE, subtype="FLOAT")
    machines = [replayed(name, tmp_path / f"{name}.wav", model) for name in ("fan", "pump")]
    engine = Engine(machines, store)
    changes = []
    engine.listeners.append(lambda name, change: changes.append(name))
    engine.run()

    (event,) = store.read.events()
    assert (event.machine, event.kind, event.state, event.model) == ("fan", "alarm", "probation", "a1b2")
    assert START + 25 < event.start < START + 35
    assert event.end is not None
    assert event.peak > event.threshold
    assert event.explanation["regions"]
    assert store.read.event_map(event.id).shape[1] == 128
    sound, normal, *_ = store.read.sounds(event.id)
    assert (sound.role, normal.role) == ("event", "normal")
    samples, rate = store.read.read_sound(sound.id)
    assert rate == RATE
    first = round((sound.start - START) * RATE)
    assert first < (event.start - START - 3) * RATE, "seconds before the alarm are kept"
    np.testing.assert_allclose(
        samples.reshape(-1), faulty[first : first + len(samples.reshape(-1))], atol=1e-3
    )

    (kept,) = store.read.normals("fan")
    assert START <= kept.start < START + 20
    of_normal = store.read.read_sound(normal.id)[0].reshape(-1)
    first = round((kept.start - START) * RATE)
    np.testing.assert_allclose(of_normal, faulty[first : first + 2 * RATE], atol=1e-3)
    front_end = model.detector.config.front_end
    np.testing.assert_allclose(
        kept.spectrum, log_mel(of_normal, front_end).mean(axis=0), atol=0.1, err_msg="mean log-mel"
    )

    assert [gap.reason for gap in store.read.gaps("pump")][:1] == ["machine stopping"]
    assert "machine off" in {gap.reason for gap in store.read.gaps("pump")}
    assert not store.read.gaps("fan")
    assert set(changes) == {"fan", "pump"}
    status = {entry["machine"]: entry for entry in engine.status()}
    assert status["fan"]["alarms"] == 1
    assert status["pump"]["ended"]
    assert status["pump"]["policy"] == "probation"
    scores = store.read.scores("fan", START, START + 100)
    assert int(np.sum(scores.count)) == 62
    assert store.read.score_age("fan", now=START + 70) < 10


def test_the_window_with_a_late_peak_is_kept(model, store, tmp_path):
    faulty = np.concatenate([noise(25, 1), noise(25, 2, level=0.4), noise(5, 3, level=1.0), noise(25, 4)])
    soundfile.write(tmp_path / "fan.wav", faulty, RATE, subtype="FLOAT")
    Engine([replayed("fan", tmp_path / "fan.wav", model)], store).run()
    (event,) = store.read.events(kind="alarm")
    assert START + 50 < event.peak_time < START + 56
    sound, normal, peak = store.read.sounds(event.id)
    assert [sound.role, normal.role, peak.role] == ["event", "normal", "peak"]
    assert sound.start + sound.seconds < event.peak_time
    assert peak.start + peak.seconds == pytest.approx(event.peak_time, abs=1e-3)
    samples, _ = store.read.read_sound(peak.id)
    first = round((peak.start - START) * RATE)
    np.testing.assert_allclose(samples.reshape(-1), faulty[first : first + 2 * RATE], atol=1e-3)


def test_a_listener_that_fails_does_not_stop_the_monitoring(model, store, tmp_path, caplog):
    soundfile.write(tmp_path / "fan.wav", noise(10, 1), RATE, subtype="FLOAT")
    engine = Engine([replayed("fan", tmp_path / "fan.wav", model)], store)
    seen = []

    def fails(name, change):
        raise ValueError("a fault of a listener")

    engine.listeners += [fails, lambda name, change: seen.append(change)]
    engine.run()
    assert len(seen) > 3
    assert engine.status()[0]["error"] is None
    assert "a fault of a listener" in caplog.text


def test_a_machine_that_cannot_be_monitored_does_not_stop_the_others(model, store, tmp_path):
    soundfile.write(tmp_path / "fan.wav", noise(10, 1), RATE, subtype="FLOAT")
    other = model_without_alarms()
    other.channel = 3
    machines = [
        replayed("fan", tmp_path / "fan.wav", model),
        replayed("mono", tmp_path / "fan.wav", other),
        replayed("missing", tmp_path / "nothing.wav", model),
    ]
    engine = Engine(machines, store)
    engine.run()
    status = {entry["machine"]: entry for entry in engine.status()}
    assert status["fan"]["score"] is not None
    assert status["fan"]["error"] is None
    assert "channel 3" in status["mono"]["error"]
    assert "nothing.wav" in status["missing"]["error"]


def test_after_a_kill_what_was_open_is_ended_and_the_gap_is_known(model, store, tmp_path):
    store.put_machine(Machine("fan", "a1b2", "", {}, START))
    store.add_scores([ScoreRow("fan", START + 10, 1.0, 1.0, 2.0)])
    number = store.add_event(Event("fan", "alarm", START + 5, peak=3.0))
    store.set_condition("fan", "silent", True, START + 8)
    Engine([WatchedMachine("fan", model, lambda: Burst(1))], store)
    assert store.read.event(number).end == START + 10
    assert not store.read.health("fan", lasting=True)
    (gap,) = store.read.gaps("fan")
    assert gap.start == START + 10
    assert gap.end == pytest.approx(time.time(), abs=60)
    assert "not running" in gap.reason


class Burst(Source):
    """A live source that delivers far more at once than can be scored."""

    sample_rate, channels = RATE, 1

    def __init__(self, seconds: float) -> None:
        super().__init__("burst")
        self.seconds = seconds

    def __iter__(self):
        for index in range(round(self.seconds)):
            yield Block(noise(1, index)[:, None], index * RATE, START + index)
        yield Interruption("no more", "ended")


def test_on_overload_it_goes_on_with_the_newest_samples(model, store):
    engine = Engine([WatchedMachine("fan", model, lambda: Burst(600))], store, threads=1)
    runner = engine.runners["fan"]
    runner.read(lambda: None)  # nothing is scored while it reads
    assert runner.backlog.skipped >= 500
    assert 0 < runner.backlog.seconds <= MAX_BACKLOG
    while runner.waiting:
        runner.work()
    assert runner.last is not None
    assert runner.last.time == pytest.approx(START + 600, abs=2)


def test_it_can_be_stopped(model, store, tmp_path):
    soundfile.write(tmp_path / "long.wav", noise(120, 1), RATE, subtype="FLOAT")
    live = WatchedMachine("fan", model, partial(open_source, str(tmp_path / "long.wav")))
    engine = Engine([live], store)
    thread = threading.Thread(target=engine.run)
    thread.start()
    deadline = time.monotonic() + 20
    while engine.runners["fan"].last is None and time.monotonic() < deadline:
        time.sleep(0.05)
    engine.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert engine.runners["fan"].last is not None
    assert not engine.status()[0]["ended"]


def test_a_source_that_the_monitor_closes_has_not_ended(model, store, tmp_path):
    soundfile.write(tmp_path / "long.wav", noise(120, 1), RATE, subtype="FLOAT")
    live = WatchedMachine("fan", model, partial(open_source, str(tmp_path / "long.wav")))
    runner = Engine([live], store).runners["fan"]
    arrived = threading.Event()
    thread = threading.Thread(target=runner.read, args=(arrived.set,))
    thread.start()
    assert arrived.wait(20)
    runner.close()
    thread.join(20)
    assert not thread.is_alive()
    while runner.waiting:
        runner.work()
    assert not runner.ended


def test_names_are_unique(model, store):
    machine = WatchedMachine("fan", model, lambda: Burst(1))
    for machines in ([], [machine, machine]):
        with pytest.raises(OptionError):
            Engine(machines, store)

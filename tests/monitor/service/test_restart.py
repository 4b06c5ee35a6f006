"""What a monitor knows after a restart: recordings, alarms and gaps."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest
import soundfile
from tests.helpers import model_of_noise, noise

from auscult.monitor.service.backlog import MAX_BACKLOG
from auscult.monitor.service.engine import Engine
from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.settings.config import MachineConfig
from auscult.monitor.store import Event, EventStore, Gap, Machine, ScoreRow
from auscult.monitor.stream.gate import GateSettings
from auscult.sound.live import Block, Interruption, Source, WatchedFolder, open_source

RATE = 8000
START = 1_700_000_000.0
SECONDS = 30.0  # of a recording


@pytest.fixture(scope="module")
def model():
    return model_of_noise()


@pytest.fixture
def recordings(tmp_path):
    """Six recordings that follow each other, the fourth with a fault."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    for number in range(6):
        path = folder / f"{number}.wav"
        soundfile.write(
            path, noise(SECONDS, number, level=0.4 if number == 3 else 0.1), RATE, subtype="FLOAT"
        )
        end = START + SECONDS * (number + 1)
        os.utime(path, (end, end))
    return folder


def watched(model, folder, **options) -> WatchedMachine:
    opener = partial(WatchedFolder, folder, settle_seconds=0.2, poll_seconds=0.05, **options)
    return WatchedMachine(
        "fan", model, opener, GateSettings(settle=2.0, run_down=2.0), waits=True, remembers=True
    )


def run_until(engine, condition, seconds=60.0):
    """Run an engine until a condition holds, and stop it."""
    thread = threading.Thread(target=engine.run)
    thread.start()
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    engine.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert condition()


def score_times(store):
    scores = store.read.scores("fan", START, START + 1000, 10_000)
    assert scores.count.max() == 1, "nothing is judged twice"
    return scores.time


def test_recordings_are_judged_once_over_restarts(model, recordings, tmp_path):
    stops = [START + 10, START + 70, START + 6 * SECONDS - 1.5]
    for stop in stops:
        with EventStore(tmp_path / "store") as store:
            engine = Engine([watched(model, recordings)], store)
            runner = engine.runners["fan"]
            run_until(engine, lambda r=runner, at=stop: r.last is not None and r.last.time >= at)
    with EventStore(tmp_path / "store") as store:
        times = score_times(store)
        # Each start waits for a window; every other step has its score.
        assert len(times) >= round((6 * SECONDS - 2 * len(stops)) / 1.024) - 2 * len(stops)
        assert np.diff(times).max() < 5
        alarms = store.read.events(kind="alarm")  # another one if a stop came during the fault
        assert alarms
        assert all(START + 3 * SECONDS < alarm.start < START + 4 * SECONDS + 5 for alarm in alarms)
        assert store.read.gaps("fan") == [], "the times of recordings are not those of the monitor"
        engine = Engine([watched(model, recordings, stall_seconds=0.5)], store)
        runner = engine.runners["fan"]
        run_until(engine, lambda: len(store.streamed.of("fan")) == 6)
        assert runner.windows == 0
        assert len(score_times(store)) == len(times)


def test_recordings_of_the_time_without_a_monitor_are_judged(model, recordings, tmp_path):
    elsewhere = tmp_path / "5.wav"
    (recordings / "5.wav").rename(elsewhere)
    with EventStore(tmp_path / "store") as store:
        engine = Engine([watched(model, recordings)], store)
        run_until(engine, lambda: len(store.streamed.of("fan")) == 4)
    elsewhere.rename(recordings / "5.wav")
    with EventStore(tmp_path / "store") as store:
        engine = Engine([watched(model, recordings)], store)
        runner = engine.runners["fan"]
        run_until(engine, lambda: runner.last is not None and runner.last.time >= START + 6 * SECONDS - 1.5)
        assert score_times(store).max() > START + 6 * SECONDS - 5


def test_a_folder_is_not_skipped_for_lack_of_time(tmp_path):
    config = MachineConfig("fan", "fan.auscult", f"watch:{tmp_path}")
    assert config.is_folder
    assert not MachineConfig("fan", "fan.auscult", "mic").is_folder


class Fault(Source):
    """A live source of 20 s of a fault that have just passed, no faster than they are scored."""

    sample_rate, channels = RATE, 1

    def __init__(self):
        super().__init__("fault")
        self.backlog = None

    def __iter__(self):
        start = time.time() - 20
        for second in range(20):
            while self.backlog.seconds > MAX_BACKLOG / 2:
                time.sleep(0.01)
            yield Block(noise(1, second, level=0.4)[:, None], second * RATE, start + second)
        yield Interruption("no more", "ended")


def test_a_fault_that_goes_on_over_a_restart_is_a_new_alarm(model, tmp_path):
    fault = Fault()
    now = time.time()
    gate = GateSettings(settle=2.0, run_down=2.0)
    with EventStore(tmp_path / "store") as store:
        store.put_machine(Machine("fan", "a1b2", "", {}, now))
        store.add_scores([ScoreRow("fan", now - 60, 9.0, 9.0, 2.0)])
        before = store.add_event(Event("fan", "alarm", now - 100, peak=9.0))
        store.put_state("fan", "monitored", {"time": now - 50})
        store.add_gap(Gap("fan", now - 59, None, "machine off"))
        engine = Engine([WatchedMachine("fan", model, lambda: fault, gate)], store)
        fault.backlog = engine.runners["fan"].backlog
        assert store.read.event(before).end == pytest.approx(now - 50)
        off, down = store.read.gaps("fan")
        assert off.end == down.start == pytest.approx(now - 50)
        assert "not running" in down.reason
        engine.run()
        after, *_ = store.read.events(kind="alarm")
        assert after.id != before
        assert after.end is not None, "the end of the monitor ends it"
        assert not store.read.events(lasting=True)


def test_what_was_open_of_a_machine_that_is_not_monitored_any_more_ends(model, tmp_path):
    now = time.time()
    with EventStore(tmp_path / "store") as store:
        for name in ("removed", "new"):
            store.put_machine(Machine(name, "a1b2", "", {}, now - 500))
            store.set_condition(name, "silent", True, now - 200)  # "new" was killed before the first score
        store.add_scores([ScoreRow("removed", now - 60, 9.0, 9.0, 2.0)])
        alarm = store.add_event(Event("removed", "alarm", now - 100, peak=9.0))
        Engine([WatchedMachine("new", model, lambda: open_source("nothing"))], store)
        assert store.read.event(alarm).end == pytest.approx(now - 60)
        assert [state.conditions for state in store.read.last_states()] == [(), ()]
        assert store.read.gaps("removed") == []


def test_a_stop_ends_what_is_open(model, tmp_path):
    quiet = np.concatenate([noise(20, 1), noise(20, 2, level=1e-3)])
    soundfile.write(tmp_path / "fan.wav", quiet, RATE, subtype="FLOAT")
    opener = partial(open_source, str(tmp_path / "fan.wav"), speed="max", start_time=START)
    with EventStore(tmp_path / "store") as store:
        engine = Engine(
            [WatchedMachine("fan", model, opener, GateSettings(settle=2, run_down=2), waits=True)], store
        )
        engine.run()
        assert store.read.gaps("fan")[-1].reason == "machine off"
        assert all(gap.end is not None for gap in store.read.gaps("fan"))
        assert store.read.state("fan", "monitored")["time"] == pytest.approx(START + 40, abs=2)


PROCESS = """
import sys
from functools import partial
from auscult.model.model_file import load_model
from auscult.monitor.service.engine import Engine
from auscult.monitor.stream.gate import GateSettings
from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.store import EventStore
from auscult.sound.live import WatchedFolder

model, folder, store = sys.argv[1:]
opener = partial(WatchedFolder, folder, settle_seconds=0.2, poll_seconds=0.05)
machine = WatchedMachine("fan", load_model(model), opener, GateSettings(settle=2.0, run_down=2.0), True,
                         remembers=True)
with EventStore(store) as events:
    engine = Engine([machine], events)
    engine.listeners.append(lambda name, change: print("change", flush=True))
    engine.run()
"""


@pytest.mark.slow
def test_kills_lose_no_recording(model, recordings, tmp_path):
    model.save(str(tmp_path / "fan.auscult"))
    command = [
        sys.executable,
        "-c",
        PROCESS,
        *(str(tmp_path / n) for n in ("fan.auscult", "incoming", "store")),
    ]
    rng = np.random.default_rng(0)
    kills = 5
    for _ in range(kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "change\n"
            time.sleep(rng.uniform(0, 1.0))
            process.kill()
    with EventStore(tmp_path / "store") as store:
        engine = Engine([watched(model, recordings, stall_seconds=0.5)], store)
        run_until(engine, lambda: len(store.streamed.of("fan")) == 6)
        scores = store.read.scores("fan", START, START + 1000, 10_000)
        steps = np.diff(np.unique(scores.time))
        assert steps.max() < 5, "every second is judged"
        assert scores.time.max() > START + 3
        assert scores.time.max() > START + 6 * SECONDS - 2

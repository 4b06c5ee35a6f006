"""A computer that is too slow: what is skipped, and that health says so."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from tests.helpers import RATE, model_without_alarms, noise

from auscult.monitor.service.backlog import MAX_BACKLOG
from auscult.monitor.service.engine import Engine
from auscult.monitor.service.overload import CLEAR_SECONDS, OverloadWatch
from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.store import EventStore
from auscult.monitor.stream.changes import Gap, Judgement
from auscult.sound.live import Block, Interruption, Source


@pytest.fixture(scope="module")
def model():
    return model_without_alarms()


@pytest.fixture
def store(tmp_path):
    with EventStore(tmp_path / "store") as store:
        yield store


class Fast(Source):
    """A live source that delivers at a multiple of real time, and then in real time until it is closed."""

    sample_rate, channels = RATE, 1

    def __init__(self, seconds: int, pause: float, start: float) -> None:
        super().__init__("fast")
        self.seconds, self.pause, self.start = seconds, pause, start

    def __iter__(self):
        for index in range(self.seconds):
            yield Block(noise(1, index)[:, None], index * RATE, self.start + index)
            self._closed.wait(self.pause)
        self._closed.wait()
        yield Interruption("no more", "ended")


def conditions(store, **where):
    return [health.condition for health in store.read.health(**where)]


def test_an_overload_is_a_condition_at_once_and_no_window_spans_the_gap(model, store):
    start = float(round(time.time())) - 1000.0
    machine = WatchedMachine("fan", model, lambda: Fast(100, 0.01, start))
    engine = Engine([machine], store, threads=1)
    changes = []

    def slow(_: str, change) -> None:
        changes.append(change)
        if isinstance(change, Judgement):
            time.sleep(0.3)  # each second of sound takes longer than it lasts in this test

    engine.listeners.append(slow)
    thread = threading.Thread(target=engine.run)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not conditions(store, lasting=True) and time.monotonic() < deadline:
            time.sleep(0.05)
        (health,) = store.read.health(lasting=True)
        assert (health.machine, health.condition) == (None, "overload")
        assert "time between scores" in health.detail
        deadline = time.monotonic() + 60
        runner = engine.runners["fan"]
        while time.monotonic() < deadline and not (
            runner.last and runner.last.time > start + 97 and runner.backlog.skipped
        ):
            time.sleep(0.05)
    finally:
        engine.stop()
        thread.join(20)
    assert not conditions(store, lasting=True), "it ends with the monitor"
    gaps = [change for change in changes if isinstance(change, Gap)]
    assert gaps
    assert {gap.reason for gap in gaps} == {"overload"}
    assert sum(gap.end - gap.start for gap in gaps) == pytest.approx(runner.backlog.skipped, abs=0.01)
    for judgement in (change for change in changes if isinstance(change, Judgement)):
        window = judgement.time - 2, judgement.time
        assert all(window[1] <= gap.start + 0.01 or window[0] >= gap.end - 0.01 for gap in gaps)


def test_the_condition_ends_when_the_computer_keeps_up_again(model, store):
    engine = Engine([WatchedMachine("fan", model, lambda: Fast(60, 0.0, 1e9))], store, threads=1)
    runner = engine.runners["fan"]
    reader = threading.Thread(target=runner.read, args=(lambda: None,))
    reader.start()
    while runner.backlog.skipped < 60 - MAX_BACKLOG - 1:
        time.sleep(0.01)
    watch = OverloadWatch(store, 2e9)
    watch.check([runner], 2e9)
    (health,) = store.read.health(lasting=True)
    assert "s of sound were skipped" in health.detail
    while runner.waiting:
        runner.work()
    watch.check([runner], 2e9 + 5)
    assert conditions(store, lasting=True) == ["overload"], "it may come again"
    watch.check([runner], 2e9 + CLEAR_SECONDS)
    assert not conditions(store, lasting=True)
    assert conditions(store) == ["overload"]
    runner.close()
    reader.join(10)


def test_an_overload_that_a_killed_monitor_left_is_over(store):
    store.set_condition(None, "overload", True, 1e9)
    OverloadWatch(store, 1e9 + 60)
    assert not conditions(store, lasting=True)
    (health,) = store.read.health()
    assert np.isclose(health.end, 1e9 + 60)

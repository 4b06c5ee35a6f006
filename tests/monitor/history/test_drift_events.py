"""Slow drift of a machine: the threshold follows, an event tells, and a restart continues."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import RATE, model_without_alarms, noise

from auscult.decision.alarms import AlarmBudget, AlarmPolicy, AlarmRule, SlowBaseline
from auscult.decision.alarms.observation import Observation
from auscult.monitor.history.drift_events import stored_baseline
from auscult.monitor.history.recorder import Recorder
from auscult.monitor.history.resuming import resume
from auscult.monitor.store import EventStore, Machine
from auscult.monitor.stream.changes import AlarmChange, BaselineChange, Judgement
from auscult.monitor.stream.machine import MachineMonitor
from auscult.sound.live import Block

START = 1_700_000_000.0  # seconds since 1970
SECONDS = 1300  # of running, in which the baseline is updated twice


@pytest.fixture(scope="module")
def model():
    return model_without_alarms()


@pytest.fixture(scope="module")
def normal(model):
    return np.array([model.score(noise(2, seed), RATE).score for seed in range(50, 90)])


@pytest.fixture(scope="module")
def louder(model):
    """A level of noise with a score that is clearly higher than normal."""
    return noise(SECONDS, 7, level=0.115)


@pytest.fixture(scope="module")
def drifted(model, normal, louder):
    """A policy, the machine that was monitored with it, and what happened."""
    policy = policy_of(normal, float(np.median(normal)))
    return policy, *changes_of(model, policy, louder)


def policy_of(normal, reference: float, limit: float = 1000.0) -> AlarmPolicy:
    threshold = float(normal.max()) + 500.0
    baseline = SlowBaseline(reference, float(np.std(normal)), limit, time_constant=900.0)
    rule = AlarmRule(threshold, threshold - 1, k=3, n=4, cool_down=3.0)
    return AlarmPolicy(rule, 1.024, AlarmBudget(1, "week"), "tail", 0.0, Observation(), baseline=baseline)


def changes_of(model, policy, samples, state=None, first: int = 0):
    machine = MachineMonitor("fan", model, policy, sample_rate=RATE, baseline=state)
    step = 2 * RATE
    blocks = (
        Block(samples[start : start + step, None], first + start, START + (first + start) / RATE)
        for start in range(0, len(samples), step)
    )
    return machine, [change for block in blocks for change in machine.push(block)]


def record(store, machine, changes):
    recorder = Recorder(store, machine, "a1b2")
    rows = [row for change in changes for row in recorder.record(change)]
    store.add_scores(rows)
    return rows


@pytest.fixture
def store(tmp_path):
    with EventStore(tmp_path / "store", clock=lambda: START + SECONDS) as store:
        store.put_machine(Machine("fan", "a1b2", "", {}, START))
        yield store


def test_the_threshold_follows_drift_and_an_event_tells(drifted, store):
    policy, machine, changes = drifted
    updates = [change for change in changes if isinstance(change, BaselineChange)]
    assert [change.drift for change in updates] == ["up", "up"]
    judged = [change for change in changes if isinstance(change, Judgement)]
    assert judged[0].threshold == policy.rule.threshold
    assert judged[-1].threshold == pytest.approx(policy.rule.threshold + updates[-1].deviation)
    assert not [change for change in changes if isinstance(change, AlarmChange)]

    rows = record(store, machine, changes)
    assert rows[-1].threshold == pytest.approx(judged[-1].threshold)
    (event,) = store.read.events()
    assert (event.kind, event.end, event.model, event.state) == ("drift", None, "a1b2", "probation")
    assert event.start == updates[0].time
    assert event.peak == pytest.approx(policy.baseline.reference + updates[-1].deviation)
    assert "has risen by" in event.explanation["text"]
    assert store.read.last_states()[0].open_event is None, "a drift is no alarm"


def test_a_restart_continues(model, drifted, louder, store):
    policy, *before = drifted
    record(store, *before)
    resume(store, {"fan": True}, START + SECONDS)
    state = stored_baseline(store, "fan")
    machine, changes = changes_of(model, policy, louder[: 30 * RATE], state, first=SECONDS * RATE)
    judged = [change for change in changes if isinstance(change, Judgement)]
    assert judged[-1].threshold > policy.rule.threshold + 0.5 * state["deviation"]
    record(store, machine, changes)
    (event,) = store.read.events()
    assert event.end is None


def test_a_new_calibration_ends_the_drift(model, drifted, normal, louder, store):
    record(store, *drifted[1:])
    again = policy_of(normal, stored_baseline(store, "fan")["deviation"])
    machine, changes = changes_of(
        model, again, louder[: 30 * RATE], stored_baseline(store, "fan"), first=SECONDS * RATE
    )
    record(store, machine, changes)
    (event,) = store.read.events()
    assert event.end is not None
    assert {c.threshold for c in changes if isinstance(c, Judgement)} == {again.rule.threshold}


def test_the_threshold_follows_up_to_the_limit(model, normal, louder):
    loud = float(np.median([model.score(noise(2, s, level=0.115), RATE).score for s in range(5)]))
    rise = loud - float(np.median(normal))
    policy = policy_of(normal, float(np.median(normal)), limit=0.1 * rise)
    _, changes = changes_of(model, policy, louder)
    updates = [change for change in changes if isinstance(change, BaselineChange)]
    assert updates[-1].exhausted
    judged = [change for change in changes if isinstance(change, Judgement)]
    assert judged[-1].threshold == pytest.approx(policy.rule.threshold + 0.1 * rise)


def test_an_alarm_that_is_followed_ends_and_leaves_a_drift_that_lasts(model, normal, louder, store):
    reference = float(np.median(normal))
    loud = float(np.median([model.score(noise(2, s, level=0.115), RATE).score for s in range(5)]))
    distance = 0.6 * (loud - reference)
    rule = AlarmRule(reference + distance, reference + 0.9 * distance, k=3, n=4, cool_down=60.0)
    baseline = SlowBaseline(reference, float(np.std(normal)), time_constant=300.0, reach=distance)
    policy = AlarmPolicy(rule, 1.024, AlarmBudget(1, "week"), "tail", 0.0, Observation(), baseline=baseline)
    record(store, *changes_of(model, policy, louder))
    (alarm,) = store.read.events(kind="alarm")
    assert 500 < alarm.end - alarm.start < SECONDS - 60
    assert loud < alarm.peak < loud + distance
    (drift,) = store.read.events(kind="drift", lasting=True)
    assert drift.start <= alarm.end + 3 * 1.024
    assert "an alarm that lasts ends by this" in drift.explanation["text"]


def test_a_peak_of_an_alarm_is_a_level_of_the_scores(model, normal, louder, store):
    policy = policy_of(normal, float(np.median(normal)))
    samples = np.concatenate([louder, noise(20, 3, level=0.6), noise(60, 4, level=0.115)])
    machine, changes = changes_of(model, policy, samples)
    record(store, machine, changes)
    (alarm,) = store.read.events(kind="alarm")
    judged = [change for change in changes if isinstance(change, Judgement)]
    assert alarm.peak == pytest.approx(
        max(change.persistent for change in judged if change.persistent is not None)
    )
    assert alarm.threshold > policy.rule.threshold
    assert alarm.peak > alarm.threshold

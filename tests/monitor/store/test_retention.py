"""Limits of age and size: sound goes first, then scores, events last."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from auscult.errors import OptionError, StoreError
from auscult.monitor.store import AuditEntry, Event, Feedback, Gap, Retention, ScoreRow

DAY = 86400.0
RATE = 8000


def noise(seconds, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, round(seconds * RATE))


def sound_bytes(store):
    return sum(entry.stat().st_size for entry in os.scandir(store.folder / "sounds"))


def a_minute(store, clock, machines=("fan", "pump")):
    """A minute of scores, with which the retention is enforced."""
    for _ in range(60):
        clock.run(1)
        store.add_scores([ScoreRow(machine, clock.time, 1.0) for machine in machines])


def test_the_oldest_sound_makes_room_for_a_new_one(open_store, clock):
    store = open_store(max_bytes=2_000_000)
    kept = []
    for index in range(20):
        clock.run(600)
        event = store.add_event(Event("fan", "alarm", start=clock.time, end=clock.time + 1))
        store.add_sound(event, noise(10, index), RATE, clock.time - 5)
        assert store.used_bytes() <= 2_000_000
        assert sound_bytes(store) <= store.used_bytes()
        kept.append(event)
    with_sound = [event for event in kept if store.read.sounds(event)]
    assert 4 <= len(with_sound) <= 8
    assert with_sound == kept[-len(with_sound) :]
    assert len(store.read.events()) == 20
    assert len(os.listdir(store.folder / "sounds")) == len(with_sound)


def test_a_sound_that_does_not_fit_is_refused_without_deleting_others(open_store, clock):
    store = open_store(max_bytes=2_000_000)
    event = store.add_event(Event("fan", "alarm", start=clock.time))
    store.add_sound(event, noise(10), RATE, clock.time)
    with pytest.raises(StoreError) as caught:
        store.add_sound(event, noise(60), RATE, clock.time)
    assert not caught.value.full
    assert len(store.read.sounds(event)) == 1


def test_scores_give_way_before_events(open_store, clock):
    store = open_store(max_bytes=430_000)
    events = []
    for index in range(60):
        for _ in range(3):
            a_minute(store, clock, ["fan"])
        text = "".join(np.random.default_rng(index).choice(list("abcdefgh"), 4000))
        events.append(
            store.add_event(Event("fan", "alarm", clock.time, clock.time, explanation={"text": text}))
        )
        if index == 0:
            store.add_sound(events[0], noise(1), RATE, clock.time)
    a_minute(store, clock)
    assert store.used_bytes() <= 430_000
    assert [event.id for event in store.read.events(limit=1000)] == events[::-1]
    assert not store.read.sounds(events[0])
    assert store.read.scores("fan", 0.0, clock.time + 1, 10).count.sum() > 0
    store.close()
    assert os.path.getsize(store.folder / "events.sqlite") <= 430_000


def test_events_go_last_and_never_while_they_last(open_store, clock):
    store = open_store(max_bytes=400_000)
    lasting = store.add_event(Event("fan", "alarm", clock.time))
    for index in range(150):
        text = "".join(np.random.default_rng(index).choice(list("abcdefgh"), 4000))
        event = store.add_event(Event("pump", "alarm", clock.time, clock.time, explanation={"text": text}))
        store.add_feedback(Feedback(event, clock.time, "operator", "noted"))
    for _ in range(3):
        a_minute(store, clock)
    left = [event.id for event in store.read.events(limit=1000)]
    assert store.used_bytes() <= 400_000
    assert left[-1] == lasting
    assert left[0] == event
    assert 10 < len(left) < 120
    assert store.read.feedback(event)
    with store._database.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM feedback").fetchone()[0] == len(left) - 1


def test_sound_and_logs_expire_by_age(open_store, clock):
    store = open_store(sound_days=2, event_days=5)
    first = clock.time
    old = store.add_event(Event("fan", "alarm", first, first + 1))
    lasting = store.add_event(Event("pump", "alarm", first))
    store.add_sound(old, noise(1), RATE, first)
    store.add_feedback(Feedback(old, first, "operator", "noted"))
    store.add_gap(Gap("fan", first, first + 1, "restart"))
    store.add_gap(Gap("fan", first, None, "source gone"))
    store.set_condition("fan", "silent", True, first)
    store.add_audit(AuditEntry(first, "operator", "export"))
    clock.run(1.9 * DAY)
    a_minute(store, clock)
    assert len(store.read.sounds(old)) == 1
    clock.run(0.2 * DAY)
    a_minute(store, clock)
    assert store.read.sounds(old) == []
    assert sound_bytes(store) == 0
    assert store.read.event(old).id == old
    clock.run(3 * DAY)
    a_minute(store, clock)
    assert [event.id for event in store.read.events()] == [lasting]
    assert [gap.end for gap in store.read.gaps("fan")] == [None]
    assert len(store.read.health()) == 1
    assert not [entry for entry in store.read.audit() if entry.action == "export"]


def test_the_retention_can_be_enforced_without_scores(open_store, clock):
    store = open_store(sound_days=1)
    event = store.add_event(Event("fan", "alarm", clock.time))
    store.add_sound(event, noise(1), RATE, clock.time)
    clock.run(1.1 * DAY)
    store.enforce_retention()
    assert store.read.sounds(event) == []


def test_sizes_are_known_again_after_opening(open_store, clock):
    store = open_store()
    event = store.add_event(Event("fan", "alarm", clock.time))
    store.add_sound(event, noise(5), RATE, clock.time)
    used = store.used_bytes()
    store.close()
    assert open_store().used_bytes() == pytest.approx(used, abs=20_000)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_bytes": 0},
        {"sound_days": -1},
        {"event_days": math.nan},
        {"reserve_bytes": -1},
        {"sample_days": 40},
        {"minute_days": 5000},
    ],
)
def test_invalid_limits_are_refused(limits):
    with pytest.raises(OptionError):
        Retention(**limits)

"""Events with their maps, feedback, gaps, conditions, and the audit log."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from auscult.errors import OptionError, StoreError
from auscult.monitor.store import AuditEntry, Event, Feedback, Gap, Machine
from auscult.monitor.store.arrays import pack_array

ALARM = Event(
    "fan",
    "alarm",
    start=1_767_225_600.5,
    peak=4.25,
    peak_time=1_767_225_605.0,
    score=3.5,
    threshold=2.0,
    state="probation",
    model="a1b2",
    explanation={"text": "louder at 3 kHz – Lüfter", "bands": [1, 2.5], "ratio": math.nan},
)


def test_an_event_is_read_as_written(store):
    number = store.add_event(ALARM)
    expected = replace(ALARM, id=number, explanation={**ALARM.explanation, "ratio": None})
    assert store.read.event(number) == expected
    assert store.read.events() == [expected]
    assert store.read.event_map(number) is None


def test_an_event_that_lasts_is_updated_and_ended(store):
    number = store.add_event(ALARM, np.ones((3, 4)))
    assert [event.id for event in store.read.events(lasting=True)] == [number]
    ended = replace(ALARM, end=ALARM.start + 60, peak=9.0, explanation={})
    store.update_event(number, replace(ended, machine="pump", kind="sensor", start=0.0))
    assert store.read.event(number) == replace(ended, id=number, has_map=True)
    assert store.read.events(lasting=True) == []
    store.update_event(number, ended, np.zeros((1, 2)))
    assert store.read.event_map(number).shape == (1, 2)
    with pytest.raises(OptionError):
        store.update_event(number + 1, ended)


@pytest.mark.parametrize("shape", [(5,), (7, 128), (0, 128), (2, 3, 4)])
def test_maps_are_rounded_to_float32_only(store, shape):
    values = np.random.default_rng(0).normal(size=shape)
    back = store.read.event_map(store.add_event(ALARM, values))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, values.astype(np.float32))


def test_a_damaged_map_is_a_store_error(store):
    number = store.add_event(ALARM, np.ones((3, 4)))
    packed = pack_array(np.ones((3, 4)))
    for damaged in (
        packed[:-2],
        b"",
        b"\x02",
        b"\x02\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x01\x04\0\0\0not zlib",
    ):
        with store._database.transaction() as connection:
            connection.execute("UPDATE events SET map = ?", (damaged,))
        with pytest.raises(StoreError):
            store.read.event_map(number)


@pytest.mark.parametrize(
    "changes",
    [
        {"machine": "unknown"},
        {"kind": "other"},
        {"start": math.nan},
        {"end": math.inf},
        {"peak": "4"},
        {"peak": b"4"},
        {"peak_time": -1.0},
        {"state": "a" * 201},
        {"model": "\ud800"},
        {"state": "a\0b"},
        {"explanation": {"array": np.ones(2)}},
    ],
)
def test_invalid_events_are_refused(store, changes):
    with pytest.raises(OptionError):
        store.add_event(replace(ALARM, **changes))
    assert store.read.events() == []


def test_events_are_paged_in_the_order_of_arrival_even_if_the_clock_is_set_back(store):
    starts = [100.0, 200.0, 50.0, 60.0, 300.0]
    numbers = [store.add_event(Event("fan", "alarm", start, end=start + 5)) for start in starts]
    assert numbers == sorted(set(numbers))
    pages = [store.read.events(limit=2)]
    while pages[-1]:
        pages.append(store.read.events(limit=2, before=pages[-1][-1].id))
    assert [event.start for page in pages for event in page] == starts[::-1]


def test_events_are_selected_by_time_machine_and_kind(store):
    def starts(**selection):
        return [event.start for event in store.read.events(**selection)][::-1]

    for start, end, machine, kind in (
        (10.0, 20.0, "fan", "alarm"),
        (30.0, None, "fan", "alarm"),
        (40.0, 50.0, "pump", "alarm"),
        (60.0, 70.0, "pump", "sensor"),
    ):
        store.add_event(Event(machine, kind, start, end))
    assert starts() == [10, 30, 40, 60]
    assert starts(since=55.0) == [30, 60], "the second one lasts"
    assert starts(since=15.0, until=40.0) == [10, 30]
    assert starts(machine="pump") == [40, 60]
    assert starts(kind="sensor") == [60]
    assert starts(machine="fan", kind="sensor") == []
    assert starts(lasting=True) == [30]


def test_alarms_are_counted_by_days_in_utc(store):
    day = 86400.0
    for start, kind in (
        (0.0, "alarm"),
        (day - 1, "alarm"),
        (day, "alarm"),
        (day, "sensor"),
        (5 * day, "alarm"),
    ):
        store.add_event(Event("fan", kind, start))
    assert store.read.alarms_per_day(0.0, 5 * day) == {"1970-01-01": 2, "1970-01-02": 1}
    assert store.read.alarms_per_day(0.0, 6 * day, "pump") == {}


def test_feedback_is_kept_with_the_author_and_in_the_audit_log(store):
    number = store.add_event(ALARM)
    note = Feedback(number, 1e9, "Ms Ørsted", "bearing; DROP TABLE events", "real", {"label": 1})
    store.add_feedback(note)
    store.add_feedback(Feedback(number, 1e9 + 1, "B", "a note without a verdict"))
    assert store.read.feedback(number)[0] == note
    assert [entry.verdict for entry in store.read.feedback(number)] == ["real", None]
    last, first, *_ = store.read.audit()
    assert (first.author, first.action, first.detail["event"]) == ("Ms Ørsted", "feedback", number)
    assert last.author == "B"
    for wrong in (replace(note, verdict="maybe"), replace(note, event=number + 1), replace(note, author="")):
        with pytest.raises(OptionError):
            store.add_feedback(wrong)
    assert len(store.read.feedback(number)) == 2


def test_a_machine_is_replaced_by_name_and_keeps_the_events(store):
    store.add_event(ALARM)
    changed = Machine("fan", "c3d4", "microphone 2", {"budget": "1/day"}, since=5.0)
    store.put_machine(changed, "operator")
    assert store.read.machines()[0] == changed
    assert [machine.name for machine in store.read.machines()] == ["fan", "pump"]
    assert store.read.events(machine="fan")[0].model == "a1b2"
    assert store.read.audit(1)[0].author == "operator"
    for wrong in (replace(changed, name=""), replace(changed, policy={1: {2}}), replace(changed, since=-1)):
        with pytest.raises(OptionError):
            store.put_machine(wrong)


def test_gaps_and_conditions_begin_and_end(store):
    number = store.add_gap(Gap("fan", 10.0, None, "source gone"))
    assert store.read.gaps("fan", since=1e9) == [Gap("fan", 10.0, None, "source gone")]
    store.end_gap(number, 20.0)
    assert store.read.gaps("fan") == [Gap("fan", 10.0, 20.0, "source gone")]
    assert (
        store.read.gaps("fan", since=21.0)
        == store.read.gaps("fan", until=10.0)
        == store.read.gaps("pump")
        == []
    )

    assert store.set_condition("fan", "silent", True, 10.0)
    assert not store.set_condition("fan", "silent", True, 11.0, "again")
    assert store.set_condition("fan", "clipped", True, 12.0)
    assert store.set_condition(None, "overload", True, 13.0)
    assert [entry.condition for entry in store.read.last_states()[0].conditions] == ["clipped", "silent"]
    assert store.set_condition("fan", "silent", False, 20.0, "restored")
    assert not store.set_condition("fan", "silent", False, 21.0)
    assert not store.set_condition("pump", "clipped", False, 21.0)
    entries = store.read.health()
    assert [(e.machine, e.condition, e.start, e.end) for e in entries] == [
        (None, "overload", 13.0, None),
        ("fan", "clipped", 12.0, None),
        ("fan", "silent", 10.0, 20.0),
    ]
    assert [entry.condition for entry in store.read.health("fan", lasting=True)] == ["clipped"]
    with pytest.raises(OptionError):
        store.set_condition("fan", "tired", True, 1.0)
    with pytest.raises(OptionError):
        store.end_gap(number + 1, 1.0)


def test_the_last_state_has_the_open_event(store):
    store.add_event(replace(ALARM, end=ALARM.start + 1))
    number = store.add_event(ALARM)
    fan, pump = store.read.last_states()
    assert fan.open_event is not None
    assert fan.open_event.id == number
    assert pump.open_event is None
    assert fan.machine.policy == {"budget": "1/week"}


def test_the_audit_log_is_read_from_the_end(store):
    for index in range(3):
        store.add_audit(AuditEntry(float(index), "operator", "export", {"index": index}))
    assert [entry.detail["index"] for entry in store.read.audit(2)] == [2, 1]


def test_numbers_are_not_used_again(open_store):
    store = open_store()
    with store._database.transaction() as connection:
        last = store._machine("fan")
        connection.execute(
            "INSERT INTO events (machine, kind, start, state, model, explanation) "
            "VALUES (?, 'alarm', 1, '', '', '{}')",
            (last,),
        )
        connection.execute("DELETE FROM events")
    assert store.add_event(ALARM) == 2

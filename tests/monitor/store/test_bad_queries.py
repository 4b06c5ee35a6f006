"""Queries with any input: an error that names the argument, or an answer, and an unchanged store."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auscult.errors import OptionError
from auscult.monitor.store import Event, EventStore, Machine, ScoreRow, StoreReader
from auscult.monitor.store.connection import NAME

ANY_TEXT = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(), max_size=5),
    st.sampled_from(
        ["fan", "alarm", "' OR 1=1 --", "fan'; DROP TABLE events; --", "%", "\0", "\ud800", "x" * 500]
    ),
)
ANY_NUMBER = st.one_of(
    st.floats(), st.integers(), st.sampled_from([2**63, -(2**63) - 1, 10**400, 0, -1, True])
)
ANYTHING = st.one_of(
    st.none(), ANY_TEXT, ANY_NUMBER, st.binary(max_size=4), st.lists(st.integers(), max_size=2)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    with EventStore(folder) as store:
        store.put_machine(Machine("fan", "", "", {}, 0.0))
        store.add_event(Event("fan", "alarm", start=100.0))
        store.add_scores([ScoreRow("fan", 100.0, 1.0)])
    return folder


@pytest.fixture(scope="module")
def reader(folder):
    with StoreReader(folder) as reader:
        yield reader


@pytest.fixture(scope="module", autouse=True)
def unchanged(folder):
    """No query changes the store."""
    yield
    with closing(sqlite3.connect(folder / NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


@settings(max_examples=300, deadline=None)
@given(
    arguments=st.fixed_dictionaries(
        {}, optional={name: ANYTHING for name in ("since", "until", "machine", "kind", "before", "limit")}
    )
)
@example(arguments={"machine": "fan", "since": 0, "until": 1e10, "limit": 1000})
def test_events(reader, arguments):
    try:
        events = reader.events(**arguments)
    except OptionError:
        return
    assert len(events) <= 1
    assert arguments.get("machine") in (None, "fan")
    assert arguments.get("kind") in (None, "alarm", "sensor", "state")


@settings(max_examples=300, deadline=None)
@given(machine=ANYTHING, since=ANYTHING, until=ANYTHING, points=ANYTHING)
@example(machine="fan", since=0, until=253_402_300_799, points=1)
@example(machine="fan", since=99.99999999999999, until=100.00000000000001, points=10_000)
@example(machine="fan", since=5e-324, until=1e-323, points=3)
def test_scores(reader, machine, since, until, points):
    try:
        series = reader.scores(machine, since, until, points)
    except OptionError:
        return
    assert machine == "fan"
    assert since < until
    assert series.count.sum() == (since <= 100 < until)


@settings(max_examples=200, deadline=None)
@given(number=ANYTHING)
@pytest.mark.parametrize(
    "name", ["event", "event_map", "sounds", "read_sound", "sound_path", "feedback", "audit"]
)
def test_numbers(reader, name, number):
    try:
        getattr(reader, name)(number)
    except OptionError:
        return
    assert isinstance(number, int)
    assert number > 0


@settings(max_examples=200, deadline=None)
@given(arguments=st.tuples(ANYTHING, ANYTHING, ANYTHING))
@pytest.mark.parametrize("name", ["gaps", "alarms_per_day"])
def test_times_and_machines(reader, name, arguments):
    try:
        answer = getattr(reader, name)(*arguments)
    except OptionError:
        return
    assert len(answer) <= 1


@settings(max_examples=200, deadline=None)
@given(machine=ANYTHING, number=ANYTHING)
def test_health_and_age(reader, machine, number):
    try:
        assert reader.health(machine, limit=number) == []
        assert machine in (None, "fan")
    except OptionError:
        pass
    try:
        age = reader.score_age(machine, number)
    except OptionError:
        return
    assert age is None or age >= 0

"""A writer that is killed at any moment loses nothing that it has reported."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from auscult.monitor.store import KEPT_NORMALS, EventStore
from auscult.monitor.store.connection import NAME

WRITER = """
import sys, time
import numpy as np
from auscult.monitor.store import Event, EventStore, Machine, Retention, ScoreRow

limits = Retention(reserve_bytes=0, max_bytes=int(sys.argv[2]), sample_days=1e-3, minute_days=1e-2)
store = EventStore(sys.argv[1], limits)
store.put_machine(Machine("fan", "a1b2", "microphone", {}, 0.0))
rng = np.random.default_rng()
now = time.time()
print("ready", flush=True)
while True:
    store.add_scores([ScoreRow("fan", now + i, 1.0) for i in range(30)])
    now += 30
    event = store.add_event(Event("fan", "alarm", start=now, end=now), rng.normal(size=(5, 16)))
    print("event", event, flush=True)
    sound = store.add_sound(event, rng.uniform(-1, 1, 4000), 8000, now - 1)
    print("sound", sound, flush=True)
    store.add_normal("fan", rng.uniform(-1, 1, 4000), 8000, now, rng.normal(size=16))
    store.add_nearest_normal(event, rng.normal(size=16))
    store.put_state("fan", "count", {"events": event})
    print("state", event, flush=True)
"""


def kill_writer(folder, reports, delay, max_bytes):
    """Kill the writer a moment after so many reports, and return all that it has reported."""
    command = [sys.executable, "-c", WRITER, str(folder), str(max_bytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline() for _ in range(reports)]
        time.sleep(delay)
        process.kill()
        lines += process.stdout.readlines()
    # The last line may be cut off.
    reported = [line.split() for line in lines if line.endswith("\n")]
    return {
        kind: [int(number) for name, number in reported if name == kind]
        for kind in ("event", "sound", "state")
    }


@pytest.mark.slow
def test_twenty_kills_lose_no_event_and_leave_no_torn_file(tmp_path):
    rng = random.Random(0)
    events: set[int] = set()
    sounds: set[int] = set()
    for _ in range(20):
        reported = kill_writer(tmp_path, rng.randrange(20), rng.uniform(0, 0.05), 1 << 30)
        events.update(reported["event"])
        sounds.update(reported["sound"])
        with EventStore(tmp_path) as store, closing(sqlite3.connect(tmp_path / NAME)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            assert events <= {number for (number,) in connection.execute("SELECT id FROM events")}
            rows = dict(connection.execute("SELECT id, name FROM sounds"))
            assert sounds <= rows.keys()
            for number in rows:
                samples, _ = store.read.read_sound(number)
                assert samples.shape == (4000, 1)
            normals = {name for (name,) in connection.execute("SELECT name FROM normals")}
            assert len(normals) <= KEPT_NORMALS
            assert {entry.name for entry in (tmp_path / "sounds").iterdir()} == normals | set(rows.values())
            if reported["state"]:
                assert store.read.state("fan", "count")["events"] >= reported["state"][-1]
    assert len(events) > 50
    assert len(sounds) > 50


@pytest.mark.slow
def test_kills_while_old_rows_are_removed_leave_a_store_without_contradictions(tmp_path):
    rng = random.Random(1)
    last = 0
    for _ in range(8):
        reported = kill_writer(tmp_path, rng.randrange(30, 60), rng.uniform(0, 0.05), 600_000)
        last = max([last, *reported["event"]])
        with EventStore(tmp_path) as store, closing(sqlite3.connect(tmp_path / NAME)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            assert store.read.event(last).id == last
            rows = dict(connection.execute("SELECT id, name FROM sounds"))
            for number in rows:
                store.read.read_sound(number)
            normals = {name for (name,) in connection.execute("SELECT name FROM normals")}
            assert {entry.name for entry in (tmp_path / "sounds").iterdir()} == normals | set(rows.values())
    assert 0 < len(rows) < last

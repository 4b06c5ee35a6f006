"""A disk without room, as a real file system of two megabytes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing

import numpy as np
import pytest

from auscult.errors import StoreError
from auscult.monitor.store import Event, ScoreRow
from auscult.monitor.store.connection import NAME

SIZE = 2 << 20


@pytest.fixture
def disk(tmp_path):
    """A folder on a file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder, leave):
    """Write a file that leaves so many bytes of the disk."""
    (folder / "ballast").write_bytes(b"\1" * max(0, shutil.disk_usage(folder).free - leave))


def score(store, clock, count=1):
    """Add scores of so many seconds and return the number that was written."""
    written = 0
    for _ in range(count):
        clock.run(1)
        written += store.add_scores([ScoreRow("fan", clock.time, 1.0), ScoreRow("pump", clock.time, 2.0)])
    return written


def check(store):
    """Close the store and check the database and the sound files."""
    numbers = [sound.id for event in store.read.events() for sound in store.read.sounds(event.id)]
    for number in numbers:
        store.read.read_sound(number)
    assert len(os.listdir(store.folder / "sounds")) == len(numbers)
    store.close()
    with closing(sqlite3.connect(store.folder / NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_within_the_reserve_scores_are_dropped_and_events_are_written(open_store, disk, clock):
    store = open_store(disk / "store", reserve_bytes=500_000)
    assert score(store, clock, 10) == 20
    fill(disk, 400_000)
    began = clock.time + 1
    assert score(store, clock, 100) == 0
    assert store.full
    assert store.dropped_scores == 200
    number = store.add_event(Event("fan", "alarm", clock.time), np.zeros((10, 10)))
    with pytest.raises(StoreError) as caught:
        store.add_sound(number, np.zeros(8000), 8000, clock.time)
    assert caught.value.full
    (entry,) = store.read.health(lasting=True)
    assert (entry.machine, entry.condition, entry.start) == (None, "disk full", began)

    (disk / "ballast").unlink()
    assert score(store, clock, 10) == 20
    assert not store.full
    (entry,) = store.read.health()
    assert (entry.start, entry.end) == (began, clock.time - 9)
    assert "200" in entry.detail
    store.add_sound(number, np.zeros(8000), 8000, clock.time)
    assert store.read.scores("fan", 0.0, clock.time + 1).count.sum() == 20
    check(store)


@pytest.mark.parametrize("leave", [0, 4096, 20_000, 60_000, 150_000])
def test_without_any_room_nothing_is_damaged_and_writing_resumes(open_store, disk, clock, leave):
    store = open_store(disk / "store")
    score(store, clock, 50)
    fill(disk, leave)
    events, refused, dropped = [], [], 0
    for _ in range(300):
        dropped += 2 - score(store, clock)
        try:
            events.append(store.add_event(Event("fan", "alarm", clock.time), np.random.normal(size=(20, 20))))
            store.add_sound(events[-1], np.random.uniform(-1, 1, 500), 8000, clock.time)
        except StoreError as error:
            refused.append(error.full)
    assert refused
    assert all(refused)
    assert dropped == store.dropped_scores > 0
    assert [event.id for event in store.read.events(limit=1000)] == events[::-1]

    (disk / "ballast").unlink()
    assert score(store, clock, 100) == 200
    number = store.add_event(Event("fan", "alarm", clock.time))
    store.add_sound(number, np.zeros(8000), 8000, clock.time)
    (entry,) = store.read.health()
    assert entry.condition == "disk full"
    assert entry.end is not None
    assert str(dropped) in entry.detail
    assert store.read.scores("fan", 0.0, clock.time + 1).count.sum() == 50 + 300 - dropped / 2 + 100
    check(store)


def test_a_condition_of_an_earlier_process_ends_when_there_is_room(open_store, disk, clock):
    store = open_store(disk / "store", reserve_bytes=500_000)
    fill(disk, 300_000)
    score(store, clock)
    store.close()
    store = open_store(disk / "store", reserve_bytes=500_000)
    assert store.full
    (disk / "ballast").unlink()
    assert score(store, clock) == 2
    assert store.read.health(lasting=True) == []


def test_opening_on_a_full_disk_is_a_store_error(open_store, disk):
    fill(disk, 0)
    with pytest.raises(StoreError) as caught:
        open_store(disk / "store")
    assert caught.value.full
    (disk / "ballast").unlink()
    open_store(disk / "store")

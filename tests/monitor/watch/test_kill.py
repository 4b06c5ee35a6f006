"""A watch that is killed at any moment loses no recording, and judges none twice."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

import auscult
from auscult.monitor.store import EventStore
from auscult.monitor.store.connection import NAME

#: How often it is killed, and recordings for each time.
ROUNDS, RECORDINGS = 8, 15


def start(models, incoming, store, *options):
    command = [sys.executable, "-m", "auscult", "watch", models, "--folder", incoming, "--store", store]
    return subprocess.Popen(
        [*map(str, command), "--settle", "0.2", "--json", "-q", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_kills_at_random_moments(models, incoming, drop, tmp_path):
    rng, store = random.Random(0), tmp_path / "store"
    started = time.time()
    for i in range(ROUNDS * RECORDINGS):
        machine = ("fan", "pump")[i % 2]
        drop(incoming / machine / f"{i:03}.wav", i, broken=i % 7 < 3, age=1000 - i)
        if i % RECORDINGS:
            continue
        process = start(models, incoming, store)
        assert process.stdout is not None
        if i:  # the first one is killed while it starts
            process.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if i:
            with closing(sqlite3.connect(store / NAME)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    process = start(models, incoming, store, "--once")
    _, err = process.communicate()
    assert process.returncode == 0, err
    with EventStore(store) as events:
        files = [file for file, _ in events.read.judged_files()]
        assert sorted(file.name for file in files) == sorted(
            os.path.join(("fan", "pump")[i % 2], f"{i:03}.wav") for i in range(ROUNDS * RECORDINGS)
        )
        for machine in ("fan", "pump"):
            model = auscult.load(models / f"{machine}.auscult")
            mine = [file for file in files if file.machine == machine]
            scores = events.read.scores(machine, started - 2000, started + 1000, points=1)
            assert scores.count.sum() == len(mine)  # one score of each
            # Each event has exactly the recordings of one run of anomalies, its sound and its map.
            runs, current = [], []
            for file in mine:
                if file.result == "anomaly":
                    current.append(file)
                elif current:
                    runs.append(current)
                    current = []
            runs += [current] if current else []
            stored = sorted(events.read.events(machine=machine), key=lambda event: event.id)
            assert len(stored) == len(runs)
            for event, run in zip(stored, runs, strict=True):
                assert event.explanation["recordings"] == len(run)
                assert event.peak == max(file.score for file in run)
                assert {file.event for file in run} == {event.id}
                assert events.read.event_map(event.id) is not None
                assert events.read.sounds(event.id)
            for file in mine[::9]:
                assert file.score == model.score(incoming / file.name).score
        names = {entry.name for entry in (store / "sounds").iterdir()}
        with closing(sqlite3.connect(store / NAME)) as connection:
            assert names == {name for (name,) in connection.execute("SELECT name FROM sounds")}


@pytest.mark.slow
def test_a_signal_ends_it_cleanly(models, incoming, drop, tmp_path):
    store = tmp_path / "store"
    for number in (signal.SIGINT, signal.SIGTERM):
        drop(incoming / "fan" / f"{number}.wav", int(number))
        process = start(models, incoming, store)
        assert process.stdout is not None
        assert f"{int(number)}.wav" in process.stdout.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")

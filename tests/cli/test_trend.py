"""``trend``: words and days of machines."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from auscult.monitor.store import EventStore, Machine, ScoreRow

HOUR = 3600.0
LEVEL = np.array([-30.0])  # dB


@pytest.fixture
def store(tmp_path):
    """Six days of a machine whose score rises from the third day on, and a machine without scores."""
    now = time.time()
    with EventStore(tmp_path / "store") as store:
        for name in ("fan", "pump"):
            store.put_machine(Machine(name, "1", "mic", {}, now))
        for hour in range(6 * 24, 0, -1):
            start, score = now - hour * HOUR, 5.0 + max(0.0, 96 - hour) / 12
            store.add_scores(
                ScoreRow("fan", start + 60 * i, score + 0.01 * (i % 5), levels=LEVEL) for i in range(59)
            )
    return tmp_path / "store"


def test_words_and_days(run, store):
    result = run("trend", store)
    assert result.exit_code == 0
    first, header, _, *days = result.stdout.split("\n\n")[0].splitlines()
    assert first.startswith("fan: score rose by")
    assert header.split() == ["day", "hours", "score", "baseline", "level"]
    assert 6 <= len(days) <= 7
    assert days[0].split()[2].startswith("5.0")
    assert days[0].endswith("-30.0 dB")
    assert result.stdout.endswith("pump: no data yet\n")


def test_one_machine_since_a_day(run, store):
    (fan,) = json.loads(run("trend", store, "fan", "--since", "1d", "--json").stdout)
    assert fan["machine"] == "fan"
    assert len(fan["days"]) <= 2
    assert sum(day["hours"] for day in fan["days"]) in (23, 24, 25)
    assert fan["days"][-1]["score"] > 11
    assert "score rose by" in fan["text"][0]


def test_an_unknown_machine_or_time(run, store):
    result = run("trend", store, "fam")
    assert result.exit_code == 2
    assert "fan" in result.stderr
    assert run("trend", store, "--since", "soon").exit_code == 2
    assert run("trend", store, "--since", "9999999w").exit_code == 2
    assert run("trend", store / "none").exit_code == 1

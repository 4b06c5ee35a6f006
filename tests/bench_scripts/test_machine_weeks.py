"""Simulated weeks of machines: courses, minutes, and their scores."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from bench.machine_course import DAY, DRIFTS, FAULT_HOURS, WEEK, Course, Unit
from bench.machine_minutes import RAMP, SAMPLE_RATE, START_AT, STOP_AT, MinuteRenderer
from bench.machine_scores import PER_HOUR, PERIOD, UnitScores
from bench.machine_weeks import compute, development_units, evaluation_units

from auscult.simulation.faults import Fault
from auscult.simulation.folder import MACHINE_TYPES

FAN = Unit("fan", 7, "steady", WEEK)


def level(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples))))


def test_no_unit_is_in_both_sets() -> None:
    of_test = evaluation_units()
    assert not {(u.kind, u.seed) for u in development_units()} & {(u.kind, u.seed) for u in of_test}
    assert {(u.kind, u.drift) for u in of_test} == {
        (name, drift) for name in MACHINE_TYPES for drift in DRIFTS
    }
    assert sum(u.monitored for u in of_test) >= 50 * WEEK


@pytest.mark.parametrize("name", MACHINE_TYPES)
def test_a_course_has_faults_while_the_machine_runs(name: str) -> None:
    course = Course(Unit(name, 5, "wear", 2 * WEEK))
    assert (
        sorted(fault.severity for fault in course.faults.values())
        == ["high"] * 2 + ["low"] * 2 + ["medium"] * 2
    )
    for hour in course.faults:
        assert course.running[hour : hour + FAULT_HOURS].all()
    assert all(course.running[event.hour] for event in course.events)
    assert not course.running.all()


def test_drift_is_slow() -> None:
    curves = {drift: Course(replace(FAN, drift=drift, monitored=3 * WEEK)).curve for drift in DRIFTS}
    distances = {  # of the first and of the last day from the day after learning
        drift: [
            float(np.abs(curve[part].mean(axis=0) - curve[2 * DAY : 3 * DAY].mean(axis=0)).max())
            for part in (slice(0, DAY), slice(-DAY, None))
        ]
        for drift, curve in curves.items()
    }
    assert distances["running-in"][0] > distances["steady"][0]
    assert distances["wear"][1] > 2 * distances["steady"][1]


def test_a_start_is_quiet_first_and_a_stop_last() -> None:
    sound = MinuteRenderer(FAN).hour(50)
    before, after = (
        slice(0, round(START_AT * SAMPLE_RATE)),
        slice(round((START_AT + RAMP + 1) * SAMPLE_RATE), None),
    )
    running, starting, stopping = level(sound.running[after]), sound.starting(), sound.stopping()
    assert level(starting[before]) < running - 3
    assert level(starting[after]) == pytest.approx(running, abs=1.0)
    assert level(stopping[before]) == pytest.approx(running, abs=1.0)
    assert level(stopping[round((STOP_AT + RAMP) * SAMPLE_RATE) :]) < running - 3


def test_a_fault_changes_nothing_else() -> None:
    renderer = MinuteRenderer(FAN)
    healthy = renderer.hour(60).running
    added = [
        level(renderer.hour(60, Fault("rubbing", "any", decibels)).running - healthy)
        for decibels in (-6.0, 6.0)
    ]
    assert added[1] - added[0] == pytest.approx(12, abs=0.1)
    assert added[1] < level(healthy) - 6


def test_sounds_nearby_have_their_level_and_length() -> None:
    renderer = MinuteRenderer(FAN)
    for event in renderer.course.events[:6]:
        sound = renderer.nearby(event)
        seconds = np.count_nonzero(sound) / SAMPLE_RATE
        assert seconds <= event.seconds + 0.01
        assert level(sound) == pytest.approx(
            -32 + event.decibels + 10 * np.log10(event.seconds * SAMPLE_RATE / len(sound)), abs=2.0
        )


@pytest.mark.slow
def test_scores_of_half_a_day(tmp_path: Path) -> None:
    unit = Unit("valve", 7, "steady", monitored=12, learning=9)
    scores = UnitScores(unit, tmp_path)
    compute([unit], tmp_path, "pooled_gaussian", 2)
    data = scores.part(1)
    running = scores.course.running[9:]
    assert data["base"].shape == (12, 60)
    assert np.isfinite(data["base"][running]).all()
    assert len(data["fault"]) == len(scores.course.faults) > 0
    stored = UnitScores(unit, tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    stretches = stored.stretches(9, 21)
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz") if path in files}
    total = sum(len(stretch.scores) for stretch in stretches)
    assert total <= 12 * PER_HOUR
    assert total >= PER_HOUR * (running.sum() - 0.1)
    for before, after in pairwise(stretches):
        assert before.start + len(before.scores) * PERIOD < after.start
    hour = int(data["fault_hour"][0])
    with_fault = np.concatenate([s.scores for s in stored.stretches(hour, hour + 1, hour)])
    assert np.isin(with_fault.astype(np.float32), data["fault"][0]).mean() > 0.9

"""Alarm rules on simulated machine-weeks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.alarm_plot import draw
from bench.alarm_rules import FaultOutcome, Outcome, UnitRunning
from bench.alarm_tables import machines_interval, poisson_interval, rate, rules_table
from bench.alarms import BUDGETS, evaluate, outcomes_of, sections
from bench.machine_course import Unit
from bench.machine_scores import PERIOD, UnitScores

from auscult.decision.alarms import AlarmRule

DAY = 86400.0


def outcome(alarms: int, weeks: float, *faults: FaultOutcome) -> Outcome:
    return Outcome("fan", "steady", weeks * 7 * DAY, alarms, 60.0 * alarms, faults)


def test_interval_of_no_alarm_is_that_of_garwood():
    low, high = poisson_interval(0, 2.0)
    assert low == 0
    assert high == pytest.approx(3.689 / 2, abs=0.001)


def test_machines_that_differ_have_a_wider_interval():
    alike = machines_interval([outcome(5, 1.0) for _ in range(10)])
    unlike = machines_interval([outcome(10 * (i % 2), 1.0) for i in range(10)])
    assert alike == (5.0, 5.0)
    assert unlike[1] - unlike[0] > 4
    assert rate([outcome(2, 1.0), outcome(4, 2.0)]) == 2.0


def test_table_counts_machines_within_the_promise():
    faults = [FaultOutcome("low", "detected", 90.0), FaultOutcome("low", "missed")]
    text = rules_table({("policy", "1/week"): [outcome(1, 2.0, *faults), outcome(9, 2.0)]}, {"1/week": 1.0})
    row = text.splitlines()[-1]
    assert "policy, 1/week" in row
    assert "1 of 2" in row
    assert "50 (0)" in row
    assert "2.50" in row


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Unit, Path]:
    """Scores of half a day of a unit, computed once."""
    unit, folder = Unit("pump", 2, "steady", monitored=12, learning=9), tmp_path_factory.mktemp("alarms")
    for number in (0, 1):
        UnitScores(unit, folder).part(number)
    return unit, folder


@pytest.mark.slow
def test_rules_on_half_a_day(short: tuple[Unit, Path], tmp_path: Path):
    result = evaluate(*short, "pooled_gaussian")
    assert {budget for _, budget in result.outcomes} == {*BUDGETS, ""}
    texts = sections([result, result], "Test.")
    assert "2 machines" in texts["rules"]
    path = tmp_path / "alarms.png"
    draw(outcomes_of([result]), {budget: 1.0 for budget in BUDGETS}, path)
    assert path.stat().st_size > 1000


@pytest.mark.slow
def test_alarms_and_faults_are_where_the_scores_are(short: tuple[Unit, Path]):
    scores = UnitScores(*short)
    running = UnitRunning(scores)
    always, never = (running.apply(AlarmRule(t, t, 2, 3, 60.0)) for t in (-1e6, 1e6))
    assert never.alarms == never.alarm_seconds == 0
    assert {fault.outcome for fault in never.faults} == {"missed"}
    assert always.alarm_seconds == pytest.approx(always.seconds, rel=0.02)
    assert {fault.outcome for fault in always.faults} == {"hidden"}
    data = scores.part(1)
    normal = np.concatenate([data["base"].ravel(), data["extra"].ravel()])
    level = float(np.nanmax(normal)) + 1e-3
    between = running.apply(AlarmRule(level, level, 1, 1, 60.0))
    assert between.alarms == 0
    for fault, values in zip(between.faults, data["fault"], strict=True):
        assert (fault.outcome == "detected") == bool(np.nanmax(values) > level)
        if fault.outcome == "detected":
            assert 10 <= fault.delay <= 10 + 2 * 3600 + PERIOD

"""The comparison of slow baselines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bench.alarm_rules import FaultOutcome, Outcome
from bench.baseline_choice import (
    BUDGETS,
    CANDIDATES,
    CHOSEN,
    Candidate,
    growing_table,
    hours_in_alarm,
    weeks_table,
)
from bench.growing_faults import GROWTHS
from bench.machine_scores import PERIOD

from auscult.decision.alarms import AlarmBudget, AlarmPolicy, Session, calibrate_alarms


@pytest.fixture(scope="module")
def policy() -> AlarmPolicy:
    scores = np.random.default_rng(0).normal(size=20_000)
    return calibrate_alarms([Session(scores)], AlarmBudget(1, "week"), PERIOD)


def test_a_calibration_has_the_baseline_that_was_chosen(policy):
    assert CHOSEN in CANDIDATES
    assert CHOSEN.hours * 3600 == policy.baseline.time_constant
    assert CHOSEN.policy(policy) == policy


def test_the_first_candidate_is_the_rule_of_before(policy):
    baseline = CANDIDATES[0].policy(policy).baseline
    assert baseline == replace(policy.baseline, limit=5 * policy.baseline.spread, reach=None)


def test_a_sudden_rise_is_an_alarm_for_longer_if_it_is_larger_and_without_end_if_alarms_do_not_count():
    assert hours_in_alarm(CANDIDATES[1], 1.1) is None
    hours = [hours_in_alarm(Candidate(6, reach=1.0), rise) for rise in (1.1, 2, 3)]
    assert hours == pytest.approx(
        [6 * np.log(1.1 / 0.75), 6 + 6 * np.log(4 / 3), 12 + 6 * np.log(4 / 3)], abs=0.5
    )


def test_tables():
    faults = tuple(FaultOutcome(severity, "detected", 90.0) for severity in ("low", "medium", "high"))
    week = 7 * 86400.0
    outcomes = [
        Outcome("fan", "steady", week, 0, 0.0, faults),
        Outcome("fan", "wear", week, 3, 0.1 * week, faults),
    ]
    units = [{(b, n): o for b in BUDGETS for n in range(len(CANDIDATES))} for o in outcomes]
    row = weeks_table(units, "1/week").splitlines()[-1]
    assert row.split(" | ")[3:7] == ["1.50", "3.00", "5.0", "10.0"]
    delays = [
        {(n, g.name): (alarm, 2.0) for g in GROWTHS for n in range(len(CANDIDATES))} for alarm in (None, 4.0)
    ]
    assert "1 of 2, 4 h | 2 of 2, 2 h" in growing_table(delays).splitlines()[-1]

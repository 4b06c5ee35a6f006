"""`bench.drift`: alarms and drift over hours of scores, and the tables of these."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bench.drift import CHOSEN, Outcome, Week, fault_table, hours_in, monitored, normal_table, unit_table
from bench.growing_faults import GROWTHS
from bench.machine_course import Unit
from bench.machine_scores import PER_HOUR, PERIOD
from scipy.signal import lfilter

from auscult.decision.alarms import AlarmBudget, Session, calibrate_alarms


def scores_of(hours: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((hours + 1) * PER_HOUR)
    scores = lfilter([math.sqrt(1 - 0.95**2)], [1, -0.95], noise)
    return scores[PER_HOUR:].reshape(hours, PER_HOUR)


@pytest.fixture(scope="module")
def policy():
    return calibrate_alarms([Session(scores_of(8, 0).ravel())], AlarmBudget(1, "week"), PERIOD)


def test_alarms_and_drift_have_their_times(policy):
    hours = scores_of(40, 1)
    hours[10:] += 1.2 * policy.baseline.spread  # followed, and drift once most of it is
    hours[30] += 50.0
    hours[35] = np.nan
    week = monitored(policy, enumerate(hours))
    ((alarm, end),) = week.alarms
    assert alarm == pytest.approx(30, abs=0.05)
    assert end == pytest.approx(31, abs=0.05)
    ((drift, last),) = week.drifts
    assert 14 < drift < 30
    assert hours_in(week.alarms) == pytest.approx(1, abs=0.05)
    assert week.after(25) == (pytest.approx(alarm - 25), 0.0)
    assert week.after(32)[0] is None
    assert last == pytest.approx(40, abs=0.2)


def test_an_alarm_that_does_not_end_lasts_until_the_end(policy):
    hours = scores_of(5, 2)
    hours[2:] += 50.0
    ((start, end),) = monitored(policy, enumerate(hours)).alarms
    assert (start, end) == (pytest.approx(2, abs=0.05), pytest.approx(5, abs=0.01))


def test_tables_count_units_and_weeks():
    quiet, alarmed = Week([], []), Week([(50.0, 52.0), (60.0, 61.0)], [(70.0, 90.0)])
    delays = {
        (constant, nearby, growth.name): (2.0, None) if constant is None else (None, 1.5)
        for constant in CHOSEN
        for nearby in (False, True)
        for growth in GROWTHS
    }
    normal = {(constant, nearby): alarmed for constant in CHOSEN for nearby in (False, True)}
    outcomes = [
        Outcome(Unit("fan", 1, "steady"), normal, delays, "imbalance", None, 1.0, 0.2),
        Outcome(Unit("pump", 2, "wear"), dict.fromkeys(normal, quiet), delays, "leak", None, 1.0, 0.2),
    ]
    rows = normal_table(outcomes, CHOSEN).splitlines()[2:]
    assert [cell.strip() for cell in rows[1].split("|")][1:-1] == [
        "3 h", "no", "1.0", "2", "1 of 2", "1.5 h", "1",
    ]  # fmt: skip
    faults = fault_table(outcomes, CHOSEN).splitlines()[2:]
    assert "2 of 2" in faults[0]
    assert "0 of 2" in faults[1]
    assert "1.5 h" in faults[1]
    assert "2 (3 h)" in unit_table(outcomes)

"""Alarm budgets and confidence limits of rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from auscult.decision.alarms.budget import PERIODS, AlarmBudget, lower_rate, required_seconds, upper_rate
from auscult.errors import OptionError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/week", (1, "week")),
        (" 2.5 per days", (2.5, "day")),
        (".5/Month", (0.5, "month")),
        ("100000/hour", (1e5, "hour")),
        ("0.0001/year", (1e-4, "year")),
    ],
)
def test_budgets_are_parsed(text, expected):
    budget = AlarmBudget.parse(text)
    assert (budget.count, budget.period) == expected
    assert AlarmBudget.parse(str(budget)) == budget


@pytest.mark.parametrize(
    "text",
    [
        "",
        "week",
        "1",
        "1/fortnight",
        "0/week",
        "-1/day",
        "1e400/day",
        "nan/day",
        "1000000/hour",
        "0.00001/year",
    ],
)
def test_other_budgets_are_refused(text):
    with pytest.raises(OptionError):
        AlarmBudget.parse(text)


def test_limits_without_an_alarm():
    week = PERIODS["week"]
    assert upper_rate(0, week) * week == pytest.approx(2.3026, abs=1e-4)
    assert upper_rate(0, 41 * 3600) * week == pytest.approx(9.4, abs=0.05)
    assert required_seconds(AlarmBudget(1, "week")) / 86400 == pytest.approx(16.1, abs=0.05)
    assert upper_rate(0, 0) == math.inf
    assert lower_rate(0, week) == 0


@given(st.integers(1, 50))
def test_limits_are_those_of_the_poisson_distribution(events):
    assert poisson.cdf(events, upper_rate(events, 1.0)) == pytest.approx(0.1)
    assert poisson.sf(events - 1, lower_rate(events, 1.0)) == pytest.approx(0.1)
    assert required_seconds(AlarmBudget(1, "day"), events) == pytest.approx(upper_rate(events, 1.0) * 86400)


def test_the_upper_limit_covers():
    rng, rate = np.random.default_rng(0), 3.0
    covered = [upper_rate(int(count), 1.0) >= rate for count in rng.poisson(rate, 4000)]
    assert np.mean(covered) >= 0.89

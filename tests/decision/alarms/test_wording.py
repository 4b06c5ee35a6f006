"""Alarm policies in words for people who run machines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from auscult.decision.alarms import AlarmBudget, Session, calibrate_alarms, with_observed
from auscult.decision.alarms.wording import describe_policy, describe_verification

HOUR, DAY = 3600.0, 86400.0


@pytest.fixture(scope="module")
def policy():
    scores = np.random.default_rng(0).normal(size=900)
    return calibrate_alarms([Session(scores)], AlarmBudget(1, "day"), 0.992)


def test_the_rule_is_stated_in_time(policy):
    words = dict(describe_policy(policy))
    assert f"was above {policy.rule.threshold:.6g} for 20 s within 30 s" in words["alarm rule"]
    assert words["normal scores"].startswith(
        f"usually {policy.normal.median:.6g}, highest {policy.normal.highest:.6g}"
    )
    assert "estimated from its highest scores" in words["alarm threshold"]
    by_parts = dict(describe_policy(replace(policy, method="conformal")))
    assert "highest scores of equal parts" in by_parts["alarm threshold"]


def test_a_limit_far_above_the_budget_is_not_stated(policy):
    assert describe_verification(policy) == (
        "on probation: 2.3 d of normal running without a further alarm are still needed to verify the budget "
        "of 1/day"
    )
    minute = with_observed(policy, 60.0, 0)
    assert describe_verification(minute).startswith(
        "on probation: no alarms in 60 s of other normal running; 2.3 d of normal running"
    )
    assert minute.to_json()["verification"]["upper_rate"] * DAY == pytest.approx(3316, rel=0.01)
    hours = describe_verification(with_observed(policy, 12 * HOUR, 0))
    assert "12 h of other normal running, so at most 4.6 a day with 90 % confidence; " in hours
    armed = describe_verification(with_observed(policy, 3 * DAY, 0))
    assert armed == (
        "armed: no alarms in 3 d of other normal running, so at most 0.77 a day with 90 % confidence"
    )


def test_a_refused_policy_states_what_it_exceeds(policy):
    refused = describe_verification(with_observed(policy, 12 * HOUR, 30))
    assert refused.startswith("refused: 30 alarms in 12 h of normal running, so at least ")

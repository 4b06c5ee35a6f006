"""Alarm policies on simulated scores whose rate of excursions is known or measured."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from auscult.decision.alarms import (
    AlarmBudget,
    AlarmPolicy,
    Session,
    calibrate_alarms,
    verify_alarms,
    with_observed,
)
from auscult.decision.alarms.timing import SHORT
from auscult.errors import FitError
from auscult.findings import Finding

PERIOD = 0.992
WEEK, DAY = AlarmBudget(1, "week"), AlarmBudget(1, "day")


def running(hours: float, seed: int, shift: float = 0.0) -> Session:
    """Scores of normal running that follow each other like those of overlapping windows."""
    noise = np.random.default_rng(seed).standard_t(6, int(hours * 3600 / PERIOD))
    return Session(lfilter([math.sqrt(1 - 0.95**2)], [1, -0.95], noise) + shift, f"day {seed}")


@pytest.mark.parametrize(
    ("hours", "budget", "method", "most"),
    [(0.5, WEEK, "tail", 7), (2, WEEK, "tail", 7), (24, WEEK, "tail", 7), (250, DAY, "conformal", 33)],
)
def test_other_normal_running_keeps_the_budget(hours, budget, method, most):
    alarms, weeks = 0, 3
    for seed in range(weeks):
        policy = calibrate_alarms([running(hours, seed)], budget, PERIOD)
        assert policy.method == method
        alarms += verify_alarms(policy, [running(168, 100 + seed)]).verification.alarms
    # Three weeks at the promised rate have more with a probability of 1 %.
    assert alarms <= most


def test_short_running_has_a_short_persistence_and_days_are_safer():
    short, usual, week = (calibrate_alarms([running(h, 0)], DAY, PERIOD) for h in (0.9, 24, 170))
    assert (round(short.rule.k * PERIOD), round(short.rule.n * PERIOD)) == (20, 30)
    assert (round(usual.rule.k * PERIOD), round(usual.rule.n * PERIOD)) == (90, 120)
    assert short.rule.cool_down < usual.rule.cool_down
    # The margin is for other days, which a week contains.
    assert week.rule.threshold < 0.8 * usual.rule.threshold


def test_a_shift_of_the_scores_is_an_alarm():
    policy = calibrate_alarms([running(8, 0)], WEEK, PERIOD)
    faulty = verify_alarms(policy, [running(0.5, 1, shift=policy.rule.threshold + 1)])
    assert faulty.verification.alarms >= 1


def test_a_larger_budget_has_a_lower_threshold():
    thresholds = [
        calibrate_alarms([running(4, 0)], AlarmBudget(count, "week"), PERIOD).rule.threshold
        for count in (100, 10, 1)
    ]
    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) == 3


def test_no_alarm_in_the_calibration_itself_if_one_would_exceed_the_budget():
    for seed in range(5):
        policy = calibrate_alarms([running(3, seed)], WEEK, PERIOD)
        assert policy.calibration.alarms == 0
        assert policy.calibration.seconds == pytest.approx(3 * 3600, rel=1e-3)


def test_without_verification_a_policy_is_on_probation():
    policy = calibrate_alarms([running(3, 0)], WEEK, PERIOD)
    assert policy.state == "probation"
    assert policy.missing_seconds / 86400 == pytest.approx(16.1, abs=0.05)


def test_enough_quiet_running_arms_it():
    policy = calibrate_alarms([running(24, 0)], AlarmBudget(1, "day"), PERIOD)
    quiet = Session(np.zeros(int(24 * 3600 / PERIOD)))
    part = verify_alarms(policy, [quiet])
    assert part.state == "probation"
    assert 0 < part.missing_seconds < policy.missing_seconds
    complete = verify_alarms(policy, [quiet] * 3)
    assert (complete.state, complete.missing_seconds) == ("armed", 0.0)
    assert complete.verification.sessions == 3


def test_monitored_time_counts_as_verification():
    policy = calibrate_alarms([running(24, 0)], AlarmBudget(1, "day"), PERIOD)
    assert with_observed(policy, 2 * 86400, 0).state == "probation"
    quiet = with_observed(with_observed(policy, 2 * 86400, 0), 86400, 0)
    assert (quiet.state, quiet.verification.seconds) == ("armed", 3 * 86400)
    assert with_observed(quiet, 86400, 12).state == "refused"


def test_a_broken_promise_is_refused():
    policy = calibrate_alarms([running(24, 0)], WEEK, PERIOD)
    alarms = [running(1, seed, shift=2 * policy.rule.threshold) for seed in range(3)]
    broken = verify_alarms(policy, alarms)
    assert broken.state == "refused"
    assert policy.raises_alarms
    assert not broken.raises_alarms


def test_alarms_in_a_few_sessions_widen_the_limits():
    policy = calibrate_alarms([running(24, 0)], WEEK, PERIOD, timing=SHORT)
    noisy = Session(np.tile(np.repeat([0.0, policy.rule.threshold + 5], 200), 5))
    sessions = [noisy, *(running(0.5, seed) for seed in range(3))]
    verification = verify_alarms(policy, sessions).verification
    assert verification.alarms == 5
    counted = verify_alarms(policy, [Session(np.concatenate([s.scores for s in sessions]))]).verification
    assert verification.upper_rate >= counted.upper_rate
    assert verification.lower_rate == 0.0


@pytest.mark.parametrize(
    "scores",
    [np.zeros(0), np.zeros(10_000), np.arange(20.0), np.full(1000, np.nan)],
    ids=["none", "equal", "few", "nan"],
)
def test_too_little_running_is_refused(scores):
    with pytest.raises(FitError):
        calibrate_alarms([Session(scores)], WEEK, PERIOD)


def slow(minutes: float, seed: int) -> Session:
    """Scores that rise and fall within some minutes, as those of overlapping windows of a steady machine."""
    noise = np.random.default_rng(seed).normal(size=int((minutes + 20) * 60 / PERIOD))
    return Session(lfilter([math.sqrt(1 - 0.98**2)], [1, -0.98], noise)[-int(minutes * 60 / PERIOD) :])


def test_a_few_minutes_give_a_threshold_within_reach():
    for seed in range(20):
        policy = calibrate_alarms([slow(7, seed)], WEEK, PERIOD)
        normal = policy.normal
        assert policy.rule.threshold > normal.highest
        assert policy.rule.threshold - normal.median < 8 * (normal.highest - normal.median)
        assert policy.calibration.alarms == 0


def test_too_few_minutes_are_refused_in_words():
    with pytest.raises(FitError, match=r"^1\.[0-9] min of normal running are too little: .*about 5 min"):
        calibrate_alarms([slow(2, 0)], WEEK, PERIOD)


def test_what_is_shorter_than_an_alarm_is_refused_in_the_same_words():
    words = r"^0\.5 min of normal running are too little: .*Record about 5 min"
    with pytest.raises(FitError, match=words):
        calibrate_alarms([slow(0.5, 0)], WEEK, PERIOD)
    with pytest.raises(FitError, match="all scores of the normal running are equal"):
        calibrate_alarms([Session(np.ones(1000))], WEEK, PERIOD)


def test_a_threshold_far_beyond_all_that_was_observed_is_reported():
    policy = calibrate_alarms([running(0.5, 0)], WEEK, PERIOD)
    assert policy.findings == ()
    normal = policy.normal
    high = normal.median + 9 * (normal.highest - normal.median)
    far = replace(policy, rule=replace(policy.rule, threshold=high))
    (finding,) = far.findings
    assert finding.kind == "far_threshold"
    assert "9 times as far" in finding.message
    assert f"{normal.highest:.6g}" in finding.message
    assert replace(far, normal=None).findings == ()


def test_notes_on_the_normal_running_are_kept():
    policy = calibrate_alarms([running(0.5, 0)], WEEK, PERIOD)
    assert "notes" not in policy.to_json(), "as in earlier versions"
    noted = replace(policy, notes=(Finding("drift", "the scores drifted"),))
    read = AlarmPolicy.from_json(json.loads(json.dumps(noted.to_json())))
    assert read == noted
    assert read.findings == noted.notes
    assert read.to_json() == noted.to_json()


def test_a_policy_of_an_earlier_version_is_read():
    policy = calibrate_alarms([running(3, 0)], WEEK, PERIOD)
    earlier = {key: value for key, value in policy.to_json().items() if key != "normal"}
    assert AlarmPolicy.from_json(earlier) == replace(policy, normal=None)


def test_short_sessions_are_added_up():
    sessions = [running(0.05, seed) for seed in range(40)]
    policy = calibrate_alarms(sessions, AlarmBudget(1, "hour"), PERIOD)
    assert policy.method == "conformal"
    assert policy.calibration.sessions == 40


def test_json():
    calibrated = calibrate_alarms([running(3, 0)], WEEK, PERIOD)
    for policy in (calibrated, verify_alarms(calibrated, [running(3, 1)])):
        text = json.dumps(policy.to_json(), allow_nan=False)
        assert AlarmPolicy.from_json(json.loads(text)) == policy

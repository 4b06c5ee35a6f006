"""The slow baseline: what it follows, what it does not, and that stored and arriving scores agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from auscult.decision.alarms import (
    AlarmBudget,
    AlarmPolicy,
    AlarmRule,
    AlarmTracker,
    BaselineTracker,
    Session,
    SlowBaseline,
    calibrate_alarms,
    verify_alarms,
)
from auscult.decision.alarms.followed import find_followed
from auscult.decision.alarms.timing import SHORT
from auscult.decision.alarms.wording import describe_policy
from auscult.errors import OptionError

PERIOD = 0.992
HOUR = 3600.0
WEEK = AlarmBudget(1, "week")


def running(hours: float, seed: int) -> np.ndarray:
    """Scores of normal running that follow each other like those of overlapping windows."""
    noise = np.random.default_rng(seed).standard_t(6, int(hours * HOUR / PERIOD))
    return lfilter([math.sqrt(1 - 0.95**2)], [1, -0.95], noise)


def ramp(hours: float, rise: float) -> np.ndarray:
    return np.linspace(0, rise, int(hours * HOUR / PERIOD))


@pytest.fixture(scope="module")
def policies():
    """With and without a baseline."""
    sessions = [Session(running(12, 0))]
    return calibrate_alarms(sessions, WEEK, PERIOD, timing=SHORT), calibrate_alarms(
        sessions, WEEK, PERIOD, timing=SHORT, time_constant=None
    )


def alarms(policy: AlarmPolicy, scores: np.ndarray) -> int:
    return verify_alarms(policy, [Session(scores)]).verification.alarms


def margin(policy: AlarmPolicy) -> float:
    return policy.rule.threshold - policy.baseline.reference


def test_slow_drift_is_followed_and_breaks_no_budget(policies):
    followed, plain = policies
    drift = running(120, 1) + ramp(120, margin(followed))
    assert alarms(plain, drift) >= 10
    assert alarms(followed, drift) <= 1


def test_a_fault_that_develops_within_hours_is_an_alarm(policies):
    followed, _ = policies
    fault = np.concatenate([running(24, 1), running(3, 2) + ramp(3, 1.5 * margin(followed))])
    assert alarms(followed, fault) >= 1


def before(policy: AlarmPolicy) -> AlarmPolicy:
    """The policy as versions before this one stored it."""
    data = policy.to_json()
    del data["baseline"]["reach"]
    data["baseline"]["limit"] = 5 * policy.baseline.spread
    return AlarmPolicy.from_json(data)


def test_a_slow_rise_is_followed_however_far_and_stays_drift(policies):
    followed, _ = policies
    tracker = BaselineTracker(followed.baseline, PERIOD)
    rise = 20 * margin(followed)
    assert not find_followed(running(400, 1) + ramp(400, rise), PERIOD, followed.rule, tracker)
    assert find_followed(running(24, 2) + rise, PERIOD, followed.rule, tracker) == []
    assert tracker.drift == "up"
    assert not tracker.exhausted


@pytest.mark.parametrize("times", [1.5, 2.0, 4.0])
def test_a_lasting_sudden_rise_is_followed_in_the_stated_time_and_then_is_drift(policies, times):
    followed, _ = policies
    tracker = AlarmTracker(followed.rule, BaselineTracker(followed.baseline, PERIOD))
    stated = (times - 0.75) / 0.5 * followed.baseline.time_constant  # release level, reach
    ended = []
    for index, score in enumerate(running(stated / HOUR + 24, 1) + times * margin(followed)):
        if alarm := tracker.push(index * PERIOD, score):
            ended.append(alarm)
    assert tracker.episode is None
    assert ended[0].start < 60
    assert ended[-1].end == pytest.approx(stated, rel=0.15)
    assert sum(alarm.end - alarm.start for alarm in ended) > 0.75 * stated
    assert tracker.baseline.drift == "up"
    assert tracker.baseline.deviation == pytest.approx(times * margin(followed), rel=0.1)


def test_the_peak_of_an_alarm_is_relative_to_the_shift_at_that_time(policies):
    followed, _ = policies
    tracker = AlarmTracker(followed.rule, BaselineTracker(followed.baseline, PERIOD))
    scores = running(12, 1) + 3 * margin(followed)
    scores[:5000] += ramp(2, 4 * margin(followed))[:5000]
    highest = -math.inf
    for index, score in enumerate(scores):
        tracker.push(index * PERIOD, score)
        highest = max(highest, tracker.level_of(tracker.persistent or -math.inf))
    assert tracker.baseline.shift > margin(followed)
    level = tracker.episode.peak + tracker.episode.shift
    assert level == pytest.approx(highest, abs=0.1 * margin(followed))
    assert tracker.level_of(tracker.episode.peak) > level + 0.9 * margin(followed)


def test_a_policy_of_before_does_not_follow_an_alarm_and_has_a_limit(policies):
    followed = before(policies[0])
    tracker = AlarmTracker(followed.rule, BaselineTracker(followed.baseline, PERIOD))
    for index, score in enumerate(running(24, 1) + 2 * margin(followed)):
        tracker.push(index * PERIOD, score)
    assert tracker.episode is not None
    assert tracker.episode.start < 60
    assert tracker.baseline.deviation == followed.baseline.start
    beyond = followed.baseline.limit + 1.5 * margin(followed)
    assert alarms(followed, running(400, 1) + ramp(400, beyond)) >= 1


def test_a_baseline_of_before_continues(policies):
    followed = before(policies[0])
    stored = {"reference": 1, "spread": 2, "limit": 10, "time_constant": 21600.0, "start": 0.5}
    assert SlowBaseline.from_json(stored).to_json() == stored
    tracker = BaselineTracker(followed.baseline, PERIOD)
    for score in running(1, 1) + 2.0:
        tracker.push(score)
    assert BaselineTracker(followed.baseline, PERIOD, tracker.state()).seconds == tracker.seconds > 0
    assert BaselineTracker(policies[0].baseline, PERIOD, tracker.state()).seconds == 0


def test_a_gap_does_not_change_it(policies):
    followed, _ = policies
    scores = running(12, 1) + 2.0
    deviations = []
    for gap in (0.0, 60 * HOUR):
        tracker = AlarmTracker(followed.rule, BaselineTracker(followed.baseline, PERIOD))
        for index, score in enumerate(scores):
            if gap and index == 30_000:
                tracker.interrupt()
            tracker.push(index * PERIOD + (gap if index >= 30_000 else 0.0), score)
        deviations.append(tracker.baseline.deviation)
    assert deviations[0] == deviations[1] > 1.0


def test_a_fall_is_not_followed_but_known(policies):
    followed, _ = policies
    tracker = BaselineTracker(followed.baseline, PERIOD)
    for score in running(48, 1) - 3.0:
        tracker.push(score)
    assert tracker.shift == 0
    assert tracker.deviation == pytest.approx(-3.0, abs=0.3)


def test_short_outliers_do_not_move_it(policies):
    followed, _ = policies
    scores = running(24, 1)
    disturbed = scores.copy()
    disturbed[np.arange(len(scores)) % 500 < 100] += 50.0
    ends = []
    for values in (scores, disturbed):
        tracker = BaselineTracker(followed.baseline, PERIOD)
        for score in values:
            tracker.push(score)
        ends.append(tracker.deviation)
    assert ends[1] - ends[0] < 0.5  # the median of what is left


def test_after_a_short_calibration_it_starts_without_a_jump():
    policy = calibrate_alarms([Session(running(0.5, 0))], WEEK, PERIOD)
    assert abs(policy.baseline.start) < 0.05
    tracker = BaselineTracker(policy.baseline, PERIOD)
    shifts = []
    for score in running(36, 1) + 1.0:
        tracker.push(score)
        shifts.append(tracker.shift)
    assert np.abs(np.diff(shifts)).max() < 0.1
    assert shifts[0] < 0.05
    assert shifts[-1] == pytest.approx(0.95, abs=0.15)


def test_verification_continues_from_the_end_of_the_calibration():
    drift = running(200, 0) + ramp(200, 4.0)
    policy = calibrate_alarms([Session(drift)], WEEK, PERIOD)
    assert policy.baseline.start > 1.0, "the level of the last day is above that of all"
    assert alarms(policy, running(24, 1) + 4.0) == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 900), st.floats(-3, 12)), min_size=1, max_size=12),
    st.integers(1, 5),
    st.integers(0, 4),
    st.sampled_from([0.0, 2.976, 60.0]),
    st.sampled_from([None, 0.0, 1.0, 4.0]),
    st.integers(0, 10),
)
def test_stored_scores_have_the_alarms_of_those_that_arrive(parts, k, more, cool_down, reach, seed):
    levels = np.concatenate([np.full(count, level) for count, level in parts])
    scores = levels + np.random.default_rng(seed).normal(0, 1, len(levels))
    rule = AlarmRule(4.0, 3.0, k, k + more, cool_down)
    baseline = SlowBaseline(0.0, 1.0, 3.0, time_constant=1800.0, reach=reach)
    tracker, expected = AlarmTracker(rule, BaselineTracker(baseline, PERIOD)), []
    for index, score in enumerate(scores):
        if ended := tracker.push(index * PERIOD, score):
            expected.append(ended)
    expected += [tracker.episode] if tracker.episode else []
    stored = BaselineTracker(baseline, PERIOD)
    at_once = find_followed(scores, PERIOD, rule, stored)
    assert len(at_once) == len(expected)
    for episode, other in zip(at_once, expected, strict=True):
        assert vars(episode) == pytest.approx(vars(other))
    assert stored.deviation == pytest.approx(tracker.baseline.deviation)
    assert stored.missing == tracker.baseline.missing


def test_the_baseline_in_words(policies):
    followed, plain = policies
    text, of_before, without = (
        dict(describe_policy(policy))["slow drift"] for policy in (followed, before(followed), plain)
    )
    assert "an alarm that lasts more slowly" in text
    assert f"up to {5 * followed.baseline.spread:.3g} is followed" in of_before
    assert "alarm" not in of_before
    assert without == "not followed"


def test_a_policy_is_stored_with_the_baseline(policies):
    followed, plain = policies
    assert AlarmPolicy.from_json(followed.to_json()) == followed
    assert plain.baseline is None
    assert AlarmPolicy.from_json(plain.to_json()) == plain


def test_policies_without_this_setting_load(policies):
    data = policies[1].to_json()
    del data["baseline"]
    assert AlarmPolicy.from_json(data) == policies[1]


def test_a_tracker_continues_from_a_state(policies):
    followed, _ = policies
    tracker = BaselineTracker(followed.baseline, PERIOD)
    for score in running(10, 1) + 2.0:
        tracker.push(score)
    again = BaselineTracker(followed.baseline, PERIOD, tracker.state())
    assert (again.deviation, again.seconds) == (tracker.deviation, tracker.seconds)
    other = calibrate_alarms([Session(running(12, 9))], WEEK, PERIOD)
    assert BaselineTracker(other.baseline, PERIOD, tracker.state()).seconds == 0, "another calibration"


@pytest.mark.parametrize(
    "values", [{"time_constant": 0.0}, {"limit": -1.0}, {"reach": -1.0}, {"spread": math.nan}]
)
def test_invalid_settings(values):
    with pytest.raises(OptionError):
        SlowBaseline(**{"reference": 0.0, "spread": 1.0, "limit": 1.0, **values})

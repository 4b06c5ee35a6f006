"""Alarms from successive scores, in one pass and as they arrive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.decision.alarms.episodes import AlarmRule, AlarmTracker, find_episodes, persistent_scores
from auscult.errors import OptionError

SCORES = st.lists(st.integers(0, 6).map(float), max_size=60)


def track(scores, rule, period):
    tracker, episodes = AlarmTracker(rule), []
    for index, score in enumerate(scores):
        if ended := tracker.push(index * period, score):
            episodes.append(ended)
    return [*episodes, tracker.episode] if tracker.episode else episodes


@given(SCORES, st.integers(1, 5), st.integers(0, 4), st.sampled_from([0.0, 1.0, 2.976, 5.0]))
def test_both_ways_give_the_same_alarms(scores, k, more, cool_down):
    period = 0.992
    rule = AlarmRule(4.0, 2.0, k, k + more, cool_down)
    at_once = find_episodes(persistent_scores(scores, k, k + more), period, rule)
    expected = track(scores, rule, period)
    assert len(at_once) == len(expected)
    for episode, other in zip(at_once, expected, strict=True):
        assert vars(episode) == pytest.approx(vars(other))


def test_an_alarm_needs_k_of_the_last_n_scores():
    rule = AlarmRule(1.0, 1.0, k=3, n=4)
    assert track([2, 0, 2, 0, 2, 0, 2], rule, 1.0) == []
    (alarm,) = track([0, 2, 2, 0, 2, 0], rule, 1.0)
    assert (alarm.start, alarm.peak) == (4.0, 2.0)


def test_an_alarm_ends_after_the_cool_down_below_the_release_level():
    scores = [5, 3, 3, 1, 3, 1, 1, 1, 5]
    rule = AlarmRule(threshold=4.0, release=2.0, cool_down=2.0)
    first, second = track(scores, rule, 1.0)
    assert (first.start, first.end, first.peak, first.peak_time) == (0.0, 4.0, 5.0, 0.0)
    assert second.start == 8.0
    assert len(track(scores, AlarmRule(4.0, 2.0, cool_down=4.0), 1.0)) == 1


def test_scores_before_a_gap_do_not_count_after_it():
    tracker = AlarmTracker(AlarmRule(1.0, 1.0, k=2, n=2))
    tracker.push(0.0, 2.0)
    tracker.interrupt()
    tracker.push(10.0, 2.0)
    assert tracker.episode is None
    tracker.push(11.0, 2.0)
    assert tracker.episode is not None


def test_a_gap_does_not_end_an_alarm():
    tracker = AlarmTracker(AlarmRule(1.0, 1.0, cool_down=2.0))
    tracker.push(0.0, 2.0)
    tracker.interrupt()
    assert tracker.episode is not None
    ended = tracker.push(100.0, 0.0)
    assert ended is not None
    assert ended.end == 0.0


@given(SCORES, st.integers(1, 4), st.integers(0, 3))
def test_persistent_scores_are_the_kth_largest_of_the_last_n(scores, k, more):
    values = persistent_scores(scores, k, k + more)
    for index, value in enumerate(values):
        recent = sorted(scores[max(0, index - k - more + 1) : index + 1], reverse=True)
        assert value == (recent[k - 1] if len(recent) >= k else -np.inf)


@pytest.mark.parametrize("change", [{"k": 0}, {"k": 3, "n": 2}, {"release": 2.0}, {"cool_down": -1.0}])
def test_impossible_rules_are_refused(change):
    with pytest.raises(OptionError):
        AlarmRule(**{"threshold": 1.0, "release": 0.5, "k": 1, "n": 1, **change})


def test_json():
    rule = AlarmRule(3.0, 2.0, 4, 6, 30.0)
    assert AlarmRule.from_json(rule.to_json()) == rule

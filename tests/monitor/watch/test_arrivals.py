"""When a recording is overdue."""

from __future__ import annotations

import numpy as np

from auscult.monitor.watch.arrivals import Arrivals
from auscult.monitor.watch.times import arrival, recorded

NOW = 1_800_000_000.0
HOUR = 3600.0
LONG_AGO = NOW - 1e8


def hourly(count, pause=0.0):
    """Times of so many recordings, one an hour; one of them after a longer pause."""
    return [NOW - HOUR * (count - 1 - i) - (pause if i < count // 2 else 0.0) for i in range(count)]


def test_the_usual_interval_is_learned():
    arrivals = Arrivals(hourly(20), LONG_AGO, NOW, 50.0, None)
    assert arrivals.limit == 2 * HOUR
    assert not arrivals.is_overdue(50.0 + 1.9 * HOUR)
    assert arrivals.is_overdue(50.0 + 2.1 * HOUR)
    arrivals.add(50.0 + 2.2 * HOUR)
    assert not arrivals.is_overdue(50.0 + 2.3 * HOUR)


def test_one_pause_does_not_count():
    assert Arrivals(hourly(20, pause=60 * HOUR), LONG_AGO, NOW, 0.0, None).limit == 2 * HOUR


def test_bursts_are_expected_as_often_as_they_came():
    times = np.concatenate([NOW - day * 24 * HOUR - np.arange(20) for day in range(6)])
    assert Arrivals(times, LONG_AGO, NOW, 0.0, None).limit == 48 * HOUR
    assert Arrivals(times[:-20], LONG_AGO, NOW, 0.0, None).limit is None


def test_recordings_that_arrive_together_tell_nothing_of_intervals():
    arrivals = Arrivals([], NOW, NOW, 0.0, None)
    for second in range(50):
        arrivals.add(float(second))
    assert arrivals.limit is None
    assert not arrivals.is_overdue(1e6)
    for hour in range(1, 6):
        arrivals.add(hour * HOUR)
    assert arrivals.limit == 2 * HOUR


def test_recordings_that_were_there_at_the_start_tell_nothing_of_intervals():
    assert Arrivals(hourly(20), NOW - 60, NOW, 0.0, None).limit is None
    arrivals = Arrivals([], NOW, NOW, 0.0, None)
    for minute in range(20):  # judged now, and made before
        arrivals.add(-1e5 + 60 * minute)
    assert arrivals.limit is None
    assert arrivals.age(0.0) > 9e4


def test_nothing_is_expected_of_a_machine_with_few_recordings():
    assert Arrivals(hourly(5), LONG_AGO, NOW, 0.0, None).limit is None
    assert not Arrivals([], NOW - 1e6, NOW, 0.0, None).is_overdue(1e6)


def test_a_stated_interval_counts_from_the_start_if_there_is_no_recording():
    arrivals = Arrivals([], NOW, NOW, 0.0, HOUR)
    assert not arrivals.is_overdue(HOUR - 1)
    assert arrivals.is_overdue(HOUR + 1)


def test_frequent_recordings_are_overdue_after_minutes():
    assert Arrivals(NOW - 10 * np.arange(31), LONG_AGO, NOW, 0.0, None).limit == 300.0


def test_times_in_the_future_count_as_now():
    arrivals = Arrivals([NOW + 1e8], NOW, NOW, 7.0, HOUR)
    assert arrivals.age(7.0) == 0
    assert arrivals.is_overdue(8 + HOUR)


def test_a_file_has_arrived_after_the_last_look_without_it():
    assert arrival(NOW - 100, NOW - 5, NOW) == NOW - 5  # moved here with an old time
    assert arrival(NOW - 100, float("-inf"), NOW) == NOW - 100
    assert arrival(NOW + 1e6, NOW - 5, NOW) == NOW


def test_impossible_times_of_modification_are_not_those_of_recordings():
    assert recorded(NOW - 3600, NOW) == NOW - 3600
    assert recorded(NOW + 3600, NOW) == NOW
    assert recorded(0.0, NOW) == NOW
    assert arrival(0.0, float("-inf"), NOW) == NOW

"""Scores become coarser with age and keep their maxima, whatever the clock does."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.errors import OptionError
from auscult.monitor.store import Event, ScoreRow
from auscult.monitor.store.clock import CONFIRMATION, LARGEST_JUMP, RetentionClock
from auscult.monitor.store.thinning import STEP, merge_minutes

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
SHORT = {"sample_days": 600 / DAY, "minute_days": 2 * HOUR / DAY, "hour_days": 1.0}


def rows(store, table):
    with store._database.transaction() as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def run(store, clock, seconds, step=10.0, score=1.0):
    """Add scores of both machines, ``step`` seconds apart."""
    for _ in range(round(seconds / step)):
        clock.run(step)
        store.add_scores([ScoreRow("fan", clock.time, score, 0.5), ScoreRow("pump", clock.time, score + 1)])


def test_scores_are_thinned_to_minutes_and_hours_which_keep_peaks(open_store, clock):
    store = open_store(**SHORT)
    start = clock.time
    run(store, clock, 600)
    store.add_scores([ScoreRow("fan", clock.time + 1, 99.0, 50.0, 2.0)])
    run(store, clock, 5 * HOUR)
    assert 8 <= rows(store, "score_samples") / 2 <= 11, "ten minutes, of which the last are not packed"
    assert 119 <= rows(store, "score_minutes") / 2 <= 122
    assert 3 <= rows(store, "score_hours") / 2 <= 4
    chart = store.read.scores("fan", start, clock.time + 1, 1000)
    assert chart.count.sum() == 60 + 1 + 1800
    assert chart.highest.max() == 99
    assert chart.persistent.max() == 50
    assert chart.time[np.argmax(chart.highest)] == start, "the hour of the peak"
    assert np.isclose((chart.mean * chart.count).sum(), 1860 + 99)
    steps = np.diff(chart.time)
    assert (steps[0], steps[len(steps) // 2], steps[-1]) == (3600, 60, 10)
    assert store.read.scores("pump", start, clock.time + 1).highest.max() == 2


def test_hours_expire_last(open_store, clock):
    store = open_store(sample_days=0.01, minute_days=0.02, hour_days=0.5)
    run(store, clock, 2 * DAY, step=300)
    assert 11 <= rows(store, "score_hours") / 2 <= 13
    assert rows(store, "score_minutes") / 2 < 10


def test_an_hour_that_is_merged_in_parts_is_one_row(open_store, clock):
    store = open_store()
    run(store, clock, 50 * MINUTE)
    with store._database.transaction() as connection:
        assert merge_minutes(connection, 30) == 30
        assert merge_minutes(connection) > 60
        assert merge_minutes(connection) == 0
    assert rows(store, "score_hours") == 2
    chart = store.read.scores("fan", 0.0, clock.time + 1, 1)
    assert chart.count.sum() == 300
    assert chart.mean[0] == 1


def test_a_step_is_limited(open_store, clock):
    store = open_store()
    with store._database.transaction() as connection:
        connection.executemany(
            "INSERT INTO score_minutes (machine, start, count, lowest, mean, highest) "
            "VALUES (1, ?, 1, 1, 2, 3)",
            [(MINUTE * index,) for index in range(STEP + 10)],
        )
        assert merge_minutes(connection) == STEP
        assert merge_minutes(connection) == 10


@pytest.mark.parametrize("jump", [-30 * 365 * DAY, -3 * HOUR, 5 * 365 * DAY, LARGEST_JUMP + DAY])
def test_a_wrong_clock_deletes_nothing_too_early_and_nothing_stays_for_ever(open_store, clock, jump):
    """The clock is wrong for an hour, as after a start without a network."""
    store = open_store(**SHORT)
    run(store, clock, HOUR)
    before = clock.time
    clock.time += jump
    run(store, clock, HOUR)
    during = store.read.scores("fan", clock.time - HOUR + 1, clock.time + 1, 10_000)
    assert during.count.sum() == 360
    clock.time -= jump
    run(store, clock, 10 * MINUTE)
    chart = store.read.scores("fan", 0.0, 4e9, 10_000)
    assert chart.count.sum() == 360 + 360 + 60, "all are younger than two hours of running"
    assert store.read.scores("fan", before - HOUR, before + 1, 100).count.sum() == 360
    run(store, clock, 4 * HOUR)
    assert rows(store, "score_minutes") / 2 <= 122, "rows of the wrong time are thinned in their turn"
    assert store.read.scores("fan", 0.0, 4e9, 10_000).count.sum() == 360 + 360 + 60 + 1440


class TestRetentionClock:
    def test_a_jump_far_ahead_counts_after_a_day_of_running(self, clock):
        retention = RetentionClock(clock.time, steady=clock.steady)
        start = clock.time
        clock.time += 10 * 365 * DAY
        retention.observe({"fan": clock.time})
        assert retention.now() == start
        clock.run(CONFIRMATION / 2)
        retention.observe({"fan": clock.time})
        assert retention.now() == start + CONFIRMATION / 2
        restarted = RetentionClock(0.0, retention.state, clock.steady)
        clock.run(CONFIRMATION / 2 + 1)
        for each in (retention, restarted):
            each.observe({"fan": clock.time})
            assert each.now() == clock.time

    def test_a_jump_that_is_corrected_never_counts(self, clock):
        retention = RetentionClock(clock.time, steady=clock.steady)
        for _ in range(5):
            clock.time += 10 * 365 * DAY
            for _ in range(2):
                clock.run(CONFIRMATION / 4)
                retention.observe({"fan": clock.time})
            assert retention.now() < 1_767_225_600 + 5 * DAY
            clock.time -= 10 * 365 * DAY
            retention.observe({"fan": clock.time})
            assert retention.now() == clock.time

    @pytest.mark.parametrize("pause", [3 * DAY, -DAY, -50 * 365 * DAY])
    def test_a_pause_of_days_and_a_clock_set_back_count_at_once(self, clock, pause):
        retention = RetentionClock(clock.time, steady=clock.steady)
        clock.time += pause
        retention.observe({"fan": clock.time})
        assert retention.now() == clock.time

    def test_the_machine_with_the_oldest_scores_counts(self, clock):
        retention = RetentionClock(clock.time, steady=clock.steady)
        for _ in range(10):
            clock.run(1)
            retention.observe({"fan": clock.time})
            retention.observe({"pump": clock.time - 5 * DAY, "mixer": clock.time + 90 * DAY})
        assert retention.now() == clock.time - 5 * DAY
        clock.run(3601)
        retention.observe({"fan": clock.time})
        assert retention.now() == clock.time, "the others deliver nothing any more"

    def test_time_passes_without_scores(self, clock):
        retention = RetentionClock(clock.time, steady=clock.steady)
        clock.run(3 * DAY)
        assert retention.now() == clock.time


def test_recordings_of_past_years_do_not_expire_as_they_are_written(open_store, clock):
    store = open_store(sample_days=1, minute_days=30, sound_days=30, event_days=60)
    start = clock.time - 5 * 365 * DAY
    for minute in range(180):
        clock.run(1)  # replayed as fast as possible
        moment = start + 60 * minute
        store.add_scores([ScoreRow("fan", moment + second, 1.0) for second in range(0, 60, 10)])
    event = store.add_event(Event("fan", "alarm", moment, moment + 1))
    store.add_sound(event, np.zeros(800), 8000, moment)
    run(store, clock, 0)
    store.add_scores([ScoreRow("fan", moment + 60, 1.0)])
    store.enforce_retention()
    assert len(store.read.sounds(event)) == 1
    assert store.read.scores("fan", start, moment + 61, 10_000).count.sum() == 180 * 6 + 1
    # The scores of a day later make those of the start old.
    for hour in range(30):
        store.add_scores([ScoreRow("fan", moment + 3600 * hour, 1.0)])
    assert store.read.scores("fan", start, start + 3600, 10_000).count.max() > 1
    assert len(store.read.sounds(event)) == 1


def test_a_restart_does_not_believe_a_clock_that_was_not_believed(open_store, clock):
    store = open_store(sample_days=1, event_days=60)
    run(store, clock, HOUR)
    event = store.add_event(Event("fan", "alarm", clock.time, clock.time + 1))
    clock.time += 20 * 365 * DAY
    run(store, clock, HOUR)
    store.close()
    store = open_store(sample_days=1, event_days=60)
    run(store, clock, HOUR)
    assert store.read.event(event).id == event
    store.close()
    store = open_store(sample_days=1, event_days=60)
    run(store, clock, 23 * HOUR, step=60)
    with pytest.raises(OptionError):
        store.read.event(event)

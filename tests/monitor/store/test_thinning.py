"""Scores become coarser with age and keep their maxima, whatever the clock does."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.monitor.store import ScoreRow
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
        retention = RetentionClock(clock.time - 100, clock, clock.steady)
        start = clock.time
        clock.time += 10 * 365 * DAY
        assert retention.now() == pytest.approx(start, abs=101)
        clock.run(CONFIRMATION / 2)
        assert retention.now() == pytest.approx(start + CONFIRMATION / 2, abs=101)
        clock.run(CONFIRMATION / 2 + 1)
        assert retention.now() == clock.time

    def test_a_jump_that_is_corrected_never_counts(self, clock):
        retention = RetentionClock(None, clock, clock.steady)
        for _ in range(5):
            clock.time += 10 * 365 * DAY
            clock.run(CONFIRMATION / 2)
            assert retention.now() < 1_767_225_600 + 5 * DAY
            clock.time -= 10 * 365 * DAY
            assert retention.now() == clock.time

    def test_a_start_at_a_wrong_time_is_a_jump_from_the_newest_row(self, clock):
        newest = clock.time
        clock.time += 10 * 365 * DAY
        assert RetentionClock(newest, clock, clock.steady).now() == pytest.approx(newest)

    @pytest.mark.parametrize("pause", [3 * DAY, -DAY, -50 * 365 * DAY])
    def test_a_pause_of_days_and_a_clock_set_back_count_at_once(self, clock, pause):
        newest = clock.time
        clock.time += pause
        assert RetentionClock(newest, clock, clock.steady).now() == clock.time

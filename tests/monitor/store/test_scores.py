"""Scores: from arrival to charts of any resolution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.errors import OptionError
from auscult.monitor.store import EventStore, Machine, Retention, ScoreRow

MINUTE = 60.0


def add(store, times, scores, machine="fan", **others):
    """Add scores in batches of a second."""
    for time, score in zip(times, scores, strict=True):
        assert store.add_scores([ScoreRow(machine, float(time), float(score), **others)]) == 1


def test_scores_are_read_as_written_before_and_after_packing(store, clock):
    times = clock.time + np.arange(200.0)
    scores = np.sin(times) + 2
    for time, score in zip(times, scores, strict=True):
        store.add_scores(
            [ScoreRow("fan", time, score, score - 1, 2.5), ScoreRow("pump", time, 7.0, -math.inf, None)]
        )
    fan = store.read.scores("fan", times[0], times[-1] + 1)
    np.testing.assert_allclose(fan.time, times, atol=1e-4)
    np.testing.assert_allclose(fan.highest, scores, rtol=1e-6)
    np.testing.assert_allclose(fan.persistent, scores - 1, rtol=1e-6, atol=1e-6)
    assert set(fan.threshold.tolist()) == {2.5}
    assert fan.count.tolist() == [1] * 200
    pump = store.read.scores("pump", times[0], times[-1] + 1)
    assert np.isnan(pump.persistent).all()
    assert np.isnan(pump.threshold).all()
    with_packed = store.read.scores("fan", times[10], times[30])
    np.testing.assert_allclose(with_packed.time, times[10:30], atol=1e-4)


def test_a_chart_keeps_the_peaks_at_every_resolution(store, clock):
    times = clock.time + np.arange(3000.0)
    scores = np.ones(3000)
    scores[[7, 1234, 2999]] = 50.0, 70.0, 90.0
    add(store, times, scores)
    for points in (1, 2, 10, 49, 50, 51, 400, 3000):
        chart = store.read.scores("fan", times[0], times[-1] + 1, points)
        assert len(chart.time) <= points
        assert chart.count.sum() == 3000
        assert chart.highest.max() == 90.0
        assert chart.lowest.min() == 1.0
        assert np.isclose((chart.mean * chart.count).sum(), scores.sum())
        assert (np.diff(chart.time) > 0).all()
    ten = store.read.scores("fan", times[0], times[-1] + 1, 10)
    assert np.flatnonzero(ten.highest > 1).tolist() == [0, 4, 9]


def test_a_minute_in_part_without_persistent_scores_has_the_largest_of_the_others(store, clock):
    for second in range(120):
        persistent = None if second % 60 < 20 else float(second)
        store.add_scores([ScoreRow("fan", clock.time + second, 1.0, persistent)])
    minutes = store.read.scores("fan", clock.time, clock.time + 120, 2)
    assert minutes.persistent.tolist() == [59, 119]


def test_levels_are_averaged_and_may_be_missing(store, clock):
    for second in range(180):
        levels = np.array([second, 10.0], np.float32) if second % 2 else None
        store.add_scores([ScoreRow("fan", clock.time + second, 1.0, levels=levels)])
    every = store.read.scores("fan", clock.time, clock.time + 180)
    assert every.levels.shape == (180, 2)
    assert np.isnan(every.levels[::2]).all()
    np.testing.assert_allclose(every.levels[1::2], [[second, 10] for second in range(1, 180, 2)], rtol=1e-6)
    minutes = store.read.scores("fan", clock.time, clock.time + 120, 2)
    np.testing.assert_allclose(minutes.levels, [[30, 10], [90, 10]], rtol=1e-6)


@pytest.mark.parametrize(
    "row",
    [
        ScoreRow("unknown", 1.0, 1.0),
        ScoreRow("fan", math.nan, 1.0),
        ScoreRow("fan", -1.0, 1.0),
        ScoreRow("fan", 1.0, math.inf),
        ScoreRow("fan", 1.0, "1"),  # type: ignore[arg-type]
        ScoreRow("fan", 1.0, 1.0, levels=np.ones((2, 2))),
    ],
)
def test_invalid_scores_are_refused_and_nothing_of_the_batch_is_written(store, row):
    with pytest.raises(OptionError):
        store.add_scores([ScoreRow("fan", 1.0, 1.0), row])
    assert not len(store.read.scores("fan", 0.0, 100.0).time)
    assert store.read.score_age("fan") is None
    assert store.dropped_scores == 0


def test_the_last_score_is_the_one_that_arrived_last(store, clock):
    add(store, [clock.time, clock.time - 500], [1.0, 2.0], persistent=0.5, threshold=3.0)
    fan, pump = store.read.last_states()
    assert (fan.time, fan.score, fan.persistent, fan.threshold) == (clock.time - 500, 2.0, 0.5, 3.0)
    assert (pump.time, pump.score) == (None, None)
    assert store.read.score_age("fan", now=clock.time) == 500
    assert store.read.score_age(now=clock.time - 600) == 0
    assert store.read.score_age("pump") is None


@settings(max_examples=25, deadline=None)
@given(
    start=st.floats(1e9, 2e9),
    steps=st.lists(
        st.one_of(st.floats(0.5, 2.0), st.floats(-400, 400), st.floats(-1e7, 1e7)), min_size=1, max_size=120
    ),
    scores=st.randoms(use_true_random=False),
    points=st.integers(1, 50),
)
def test_no_score_is_lost_or_counted_twice_whatever_the_clock_does(
    tmp_path_factory, start, steps, scores, points
):
    times = np.maximum(start + np.cumsum(steps), 0.0)
    values = [scores.random() for _ in times]
    limits = Retention(reserve_bytes=0, sample_days=1e5, minute_days=1e5, hour_days=1e5)
    with EventStore(tmp_path_factory.mktemp("store"), limits) as store:
        store.put_machine(Machine("fan", "", "", {}, 0.0))
        add(store, times, values)
        lowest, highest = float(times.min()) - 3600, float(times.max()) + 1
        chart = store.read.scores("fan", lowest, highest, points)
        assert chart.count.sum() == len(times)
        assert chart.highest.max() == pytest.approx(max(values), rel=1e-6)
        assert chart.lowest.min() == pytest.approx(min(values), rel=1e-6)
        assert len(chart.time) <= points
        assert store.read.last_states()[0].score == values[-1]

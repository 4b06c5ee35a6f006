"""Slow changes of machines: what is said of them, and that normal weeks are not called drifting."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import pytest
from scipy.signal import lfilter

from auscult.decision.alarms import AlarmBudget, AlarmPolicy, AlarmRule, SlowBaseline
from auscult.decision.alarms.observation import Observation
from auscult.decision.alarms.slow_baseline import TIME_CONSTANT
from auscult.monitor.store import EventStore, Gap, Machine, ScoreRow
from auscult.monitor.stream.bands import band_edges, band_levels
from auscult.monitor.trend import TrendSeries, describe_trend, find_change, read_trend
from auscult.monitor.trend.keeper import Trends, trend_sentences
from auscult.monitor.trend.series import BANDS_KEY
from auscult.spectrum import FrontEnd

HOUR, DAY = 3600.0, 86400.0
NOW = 1_750_000_000.0 // HOUR * HOUR
REFERENCE, SPREAD = 5.0, 0.8


def wandering(hours: int, seed: int, deviation: float, constant: float = 12.0) -> np.ndarray:
    """Values of hours that are close to those of the hours before."""
    keep = math.exp(-1 / constant)
    steps = np.random.default_rng(seed).normal(size=hours + 200)
    return deviation * lfilter([math.sqrt(1 - keep**2)], [1, -keep], steps)[200:]


def hours_before(now: float, count: int) -> np.ndarray:
    return now - HOUR * np.arange(count, 0, -1)


@pytest.fixture
def store(tmp_path):
    policy = AlarmPolicy(
        AlarmRule(9.0, 8.0),
        1.0,
        AlarmBudget(1, "week"),
        "tail",
        0.0,
        Observation(),
        baseline=SlowBaseline(REFERENCE, SPREAD, 4.0),
    )
    with EventStore(tmp_path / "store", clock=lambda: NOW) as store:
        store.put_machine(Machine("fan", "a1b2", "", policy.to_json(), 0.0))
        store.put_state("fan", BANDS_KEY, {"edges": band_edges(FrontEnd()).tolist()})
        yield store


def fill(store, scores, band_changes=None, level: float = -30.0) -> None:
    """Store hours of 60 scores each, and levels of which some bands change."""
    rng = np.random.default_rng(0)
    times = hours_before(NOW, len(scores))
    rows = []
    for index, (time, score) in enumerate(zip(times, scores, strict=True)):
        levels = np.full(11, level - 10.0, np.float32)
        if band_changes is not None:
            levels[1:] += band_changes[index]
        levels[0] = 10 * np.log10((10 ** (levels[1:] / 10)).sum())
        for minute in range(60):
            rows.append(ScoreRow("fan", time + 60 * minute, score + rng.normal(0, 0.5), None, 9.0, levels))
    store.add_scores(rows)


def test_a_rise_of_the_score_is_stated_with_the_calibration_spread(store):
    scores = REFERENCE + wandering(336, 1, 0.1)
    scores[-216:] += np.linspace(0, 3.1, 216)  # nine days
    fill(store, scores)
    (sentence,) = trend_sentences(store.read, "fan", NOW)
    assert sentence.startswith("score rose by 3")
    assert sentence.endswith("(calibration spread 0.8)")
    days = int(sentence.split(" over ")[1].split()[0])
    assert 7 <= days <= 11


def test_a_fall_of_the_level_is_stated_with_the_frequencies(store):
    bands = np.zeros((240, 10))
    bands[-120:, 5:7] = np.linspace(0, -12, 120)[:, None]
    bands[-120:, :5] = bands[-120:, 7:] = np.linspace(0, -2.5, 120)[:, None]
    fill(store, REFERENCE + wandering(240, 2, 0.1), bands)
    (sentence,) = trend_sentences(store.read, "fan", NOW)
    assert sentence.startswith("level fell by ")
    edges = band_edges(FrontEnd())
    assert sentence.endswith(f"most in {edges[5, 0] / 1000:.2g} kHz–{edges[6, 1] / 1000:.2g} kHz")


def test_one_band_that_changes_is_stated_though_the_level_is_the_same(store):
    bands = np.zeros((240, 10))
    bands[:, 8] = -20.0
    bands[-120:, 8] += np.linspace(0, 8, 120)
    fill(store, REFERENCE + wandering(240, 2, 0.1), bands)
    (sentence,) = trend_sentences(store.read, "fan", NOW)
    edges = band_edges(FrontEnd())
    assert sentence.startswith(f"level in {edges[8, 0] / 1000:.2g} kHz–{edges[8, 1] / 1000:.2g} kHz rose by")


def test_running_in_falls_and_flattens(store):
    scores = REFERENCE + 3 * np.exp(-np.arange(400) / 50) + wandering(400, 3, 0.1)
    fill(store, scores)
    sentence = trend_sentences(store.read, "fan", NOW)[0]
    assert sentence.startswith("running-in: score fell by ")
    assert "flattening since " in sentence
    date = sentence.split("flattening since ")[1][:10]
    assert datetime.fromisoformat(date).timestamp() < NOW - 5 * DAY


def test_a_level_above_that_at_calibration_is_stated_without_any_trend(store):
    fill(store, REFERENCE + 2.0 + wandering(100, 4, 0.1))
    (sentence,) = trend_sentences(store.read, "fan", NOW)
    assert sentence.startswith(("score is 2 above", "score is 2.1 above"))
    assert sentence.endswith("the level at calibration (calibration spread 0.8)")


def test_a_few_hours_have_no_trend(store):
    fill(store, np.full(11, REFERENCE + 3.0))
    assert trend_sentences(store.read, "fan", NOW) == []
    trends = Trends(store.read, ["fan"], lambda: NOW)
    trends.update("fan")
    assert trends.text("fan") == [], "as the page says"


def test_silence_is_stated_with_the_reason(store):
    fill(store, REFERENCE + wandering(48, 5, 0.1))
    store.add_gap(Gap("fan", NOW, None, "machine off"))
    assert trend_sentences(store.read, "fan", NOW + 3 * HOUR) == ["no data for 3 h (machine off)"]
    store.put_machine(Machine("pump", "a1b2", "", {}, 0.0))
    assert trend_sentences(store.read, "pump", NOW) == ["no data yet"]


def test_the_series_has_hours_and_the_slow_baseline(store):
    scores = REFERENCE + np.r_[np.zeros(100), np.full(100, 2.0)]
    fill(store, scores)
    series = read_trend(store.read, "fan", NOW - 30 * DAY, NOW)
    assert len(series.time) == 200
    assert np.all(np.diff(series.time) == HOUR)
    np.testing.assert_allclose(series.score, scores, atol=0.3)
    assert series.baseline[99] == pytest.approx(REFERENCE, abs=0.1)
    followed = 2.0 * (1 - math.exp(-12 * HOUR / TIME_CONSTANT))
    assert series.baseline[111] == pytest.approx(REFERENCE + followed, abs=0.2), "12 h after the step"
    assert (series.reference, series.spread, series.calibrated) == (REFERENCE, SPREAD, True)
    data = series.to_json()
    assert {len(data[key]) for key in ("time", "score", "baseline", "level")} == {200}
    assert (len(data["bands"]), len(data["bands"][0]), len(data["edges"])) == (10, 200, 10)
    thinned = series.thinned(50)
    assert len(thinned.time) == 50
    np.testing.assert_allclose(thinned.score, np.median(series.score.reshape(50, 4), axis=1))
    assert thinned.bands.shape == (50, 10)
    part = read_trend(store.read, "fan", NOW - DAY, NOW)
    assert len(part.time) == 24


def test_without_a_calibration_the_first_day_is_the_reference(store):
    store.put_machine(Machine("fan", "a1b2", "", {}, 0.0))
    fill(store, REFERENCE + np.linspace(0, 5, 200))
    sentence = trend_sentences(store.read, "fan", NOW)[0]
    assert sentence.startswith("score rose by ")
    assert "(spread in the first day " in sentence


@pytest.mark.parametrize("days", [2, 7, 30, 300])
def test_wandering_values_are_rarely_called_a_change(days):
    hours = days * 24
    time = hours_before(NOW, hours)
    daily = np.cos(2 * np.pi * time / DAY)
    called = sum(
        find_change(time, wandering(hours, seed, 0.3) + 0.3 * daily, SPREAD) is not None for seed in range(50)
    )
    assert called <= 3


def test_too_few_hours_have_no_trend():
    time = hours_before(NOW, 8)
    assert find_change(time, np.arange(8.0), 0.1) is None
    assert find_change(time, np.full(8, np.nan), 0.1) is None
    nothing, no_bands = np.empty(0), np.empty((0, 0))
    series = TrendSeries(
        nothing, nothing, nothing, nothing, no_bands, np.empty((0, 2)), math.nan, math.nan, False
    )
    assert describe_trend(series) == []


def test_the_keeper_updates_machines(store):
    fill(store, REFERENCE + 2.0 + wandering(100, 4, 0.1))
    trends = Trends(store.read, ["fan"], clock=lambda: NOW)
    assert trends.text("fan") is None
    trends.update("fan")
    assert trends.text("fan") == trend_sentences(store.read, "fan", NOW)


def test_the_keeper_says_of_now_that_there_are_no_data(store):
    """Its slow changes may be an hour old."""
    now = [NOW]
    store.put_machine(Machine("fan", "a1b2", "", {}, 0.0))
    trends = Trends(store.read, ["fan"], clock=lambda: now[0])
    assert trends.text("fan") == ["no data yet"]
    trends.update("fan")
    assert trends.text("fan") == ["no data yet"]
    store.add_scores([ScoreRow("fan", NOW - 1, 1.0)])
    assert trends.text("fan") == []
    now[0] += 2 * HOUR
    assert trends.text("fan") == ["no data for 2 h"]


def test_groups_of_bands_cover_the_spectrum():
    front_end = FrontEnd()
    edges = band_edges(front_end)
    assert edges.shape == (10, 2)
    np.testing.assert_allclose(edges[1:, 0], edges[:-1, 1])
    spectrum = np.full(front_end.n_mels, -100.0)
    spectrum[64] = 0.0
    levels = band_levels(spectrum)
    assert levels[0] == pytest.approx(0.0, abs=1e-3)
    assert int(np.argmax(levels[1:])) == 4 or int(np.argmax(levels[1:])) == 5

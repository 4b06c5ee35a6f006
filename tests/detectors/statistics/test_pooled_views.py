"""Pooled views compared with their definitions, and the distribution of shares over frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.detectors.statistics.pooled_views import (
    FAMILIES,
    VIEWS,
    distribute_over_frames,
    pooled_view,
    pooled_views,
)


def frames_of(seed: int, length: int = 30, bands: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(-30, 8, (length, bands)).astype(np.float32)


LEVELS, MODULATION = FAMILIES["levels"], FAMILIES["modulation"]


def weighted_ranking(values: np.ndarray, r: float) -> float:
    """The definition for one band: Σ r^i x₍ᵢ₎ / Σ r^i over descending x."""
    descending = sorted(values.tolist(), reverse=True)
    weights = [r**i for i in range(len(descending))]
    return sum(w * x for w, x in zip(weights, descending, strict=True)) / sum(weights)


@given(st.integers(0, 1000), st.integers(1, 40))
def test_views_by_definition(seed, length):
    frames = frames_of(seed, length)
    views = dict(zip(LEVELS, pooled_views(frames), strict=True))
    x = frames.astype(np.float64)
    np.testing.assert_allclose(views["mean"], x.mean(axis=0))
    np.testing.assert_allclose(views["max"], x.max(axis=0))
    np.testing.assert_allclose(views["std"], x.std(axis=0), atol=1e-12)
    for r in (0.9, 0.5):
        np.testing.assert_allclose(views[f"gwrp_{r}"], [weighted_ranking(band, r) for band in x.T])
    power = 10 * np.log10(np.mean(10 ** (x / 10), axis=0))
    np.testing.assert_allclose(views["spectrum"], power - power.mean(), atol=1e-10)


@given(st.integers(0, 1000), st.floats(-40, 40))
def test_a_change_of_level_shifts_all_views_that_are_not_level_free(seed, decibels):
    frames = frames_of(seed).astype(np.float64)
    shift = pooled_views(frames + decibels, VIEWS) - pooled_views(frames, VIEWS)
    expected = [0.0 if view in ("std", "spectrum", *MODULATION) else decibels for view in VIEWS]
    np.testing.assert_allclose(shift, np.tile(np.array(expected)[:, None], frames.shape[1]), atol=1e-9)


def test_a_selection_of_views():
    frames = frames_of(0)
    selected = ("max", "mean")
    expected = pooled_views(frames)[[LEVELS.index(view) for view in selected]]
    np.testing.assert_array_equal(pooled_views(frames, selected), expected)
    np.testing.assert_array_equal(pooled_view(frames, "max"), expected[0])


def test_long_clips_do_not_underflow():
    """0.5**2000 is 0 in float64."""
    assert np.all(np.isfinite(pooled_views(frames_of(0, length=2000), VIEWS)))


@pytest.mark.parametrize("view", VIEWS)
@given(seed=st.integers(0, 1000), length=st.integers(1, 30))
def test_the_mean_over_frames_is_the_share(view, seed, length):
    frames = frames_of(seed, length)
    rng = np.random.default_rng(seed)
    share, reference = rng.standard_normal(6), rng.normal(-30, 8, 6)
    distributed = distribute_over_frames(share[None], frames, [view], reference[None])
    np.testing.assert_allclose(distributed.mean(axis=0), share, rtol=1e-9)


@pytest.mark.parametrize("view", VIEWS)
def test_shares_of_a_silent_clip_are_finite(view):
    frames = np.full((9, 6), -156.5, np.float32)
    distributed = distribute_over_frames(np.ones((1, 6)), frames, [view], pooled_views(frames, [view]))
    assert np.all(np.isfinite(distributed))
    np.testing.assert_allclose(distributed.mean(axis=0), 1)


@pytest.mark.parametrize("view", sorted({*VIEWS} - {"modulation_0.01"}))  # too slow to locate a burst
def test_the_share_is_assigned_to_the_time_of_a_burst(view):
    frames = frames_of(1) * 0.1 - 30
    reference = pooled_view(frames, view)
    burst = frames.copy()
    burst[12, 4] += 30
    distributed = distribute_over_frames(np.ones((1, 6)), burst, [view], reference[None])
    assert distributed[:, 4].argmax() == 12
    assert distributed[12, 4] > 5 * np.median(distributed[:, 4])


def test_the_shares_of_several_views_add_up():
    frames, rng = frames_of(3), np.random.default_rng(3)
    shares, references = rng.standard_normal((len(VIEWS), 6)), rng.normal(-30, 8, (len(VIEWS), 6))
    single = [
        distribute_over_frames(shares[[v]], frames, [view], references[[v]]) for v, view in enumerate(VIEWS)
    ]
    np.testing.assert_allclose(distribute_over_frames(shares, frames, VIEWS, references), sum(single))


def test_the_share_of_the_maximum_is_assigned_to_one_frame():
    frames = frames_of(2)
    distributed = distribute_over_frames(np.ones((1, 6)), frames, ["max"], np.full((1, 6), -30.0))
    np.testing.assert_array_equal(distributed.argmax(axis=0), frames.argmax(axis=0))
    np.testing.assert_allclose(distributed.max(axis=0), len(frames))


@pytest.mark.parametrize(("view", "frequency"), list(zip(MODULATION, [0.02, 0.05, 0.15, 0.4], strict=True)))
def test_modulation_views_measure_the_power_at_a_modulation_frequency(view, frequency):
    frames = np.full((300, 6), -30.0)
    frames[:, 2] += 5 * np.sin(2 * np.pi * frequency * np.arange(300))
    log_power = dict(zip(MODULATION, pooled_views(frames, MODULATION), strict=True))
    assert max(MODULATION, key=lambda name: log_power[name][2]) == view
    assert log_power[view].argmax() == 2
    amplitude = 5 * np.hanning(302)[1:-1].sum() / 2
    assert log_power[view][2] == pytest.approx(np.log(amplitude**2 / 300), abs=0.02)
    np.testing.assert_allclose(log_power[view][[0, 1, 3, 4, 5]], np.log(1e-3), atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 9])
def test_modulation_views_of_very_short_clips_are_finite(length):
    assert np.all(np.isfinite(pooled_views(frames_of(3, length), MODULATION)))

"""Scores and maps of residuals compared with brute force and hand calculation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.detectors.reconstruction.residuals import Residual

BANDS, CONTEXT = 4, 3


def random_residual(seed: int, windows: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((windows, CONTEXT * BANDS)).astype(np.float32) + 0.3


def random_precision(seed: int) -> np.ndarray:
    a = np.random.default_rng(seed).standard_normal((BANDS, BANDS + 2))
    return a @ a.T


@given(st.integers(0, 1000), st.integers(1, 12))
def test_scores_by_brute_force(seed, windows):
    residual = random_residual(seed, windows)
    precisions = {"source": random_precision(seed), "target": random_precision(seed + 1)}
    rows = residual.reshape(-1, BANDS).astype(np.float64)
    scores = Residual(residual, BANDS).scores(precisions)
    averages = [np.mean(rows @ p @ rows.T) for p in precisions.values()]  # over all N × N elements
    diagonal = [np.mean(np.diag(rows @ p @ rows.T)) for p in precisions.values()]
    assert scores["mse"] == pytest.approx(np.mean(residual.astype(np.float64) ** 2), rel=1e-12)
    assert scores["mahalanobis"] == pytest.approx(min(averages), rel=1e-9)
    assert scores["mahalanobis_frames"] == pytest.approx(min(diagonal), rel=1e-9)


def test_maps_average_to_the_score():
    """With every frame in one window (context 1), the mean over frames times the bands is the score."""
    residual = np.random.default_rng(3).standard_normal((40, BANDS)).astype(np.float32) + 0.5
    precisions = {"source": random_precision(1), "target": random_precision(2)}
    computed = Residual(residual, BANDS)
    maps, scores = computed.maps(precisions), computed.scores(precisions)
    assert maps.keys() == scores.keys()
    for name, map_ in maps.items():
        assert map_.shape == (40, BANDS)
        assert map_.dtype == np.float32
        assert map_.mean() * BANDS == pytest.approx(scores[name], rel=1e-4), name


def test_maps_of_long_clips_average_nearly_to_the_score():
    residual = random_residual(5, 400)
    precisions = {"source": random_precision(1)}
    computed = Residual(residual, BANDS)
    maps, scores = computed.maps(precisions), computed.scores(precisions)
    for name, map_ in maps.items():
        assert map_.shape == (402, BANDS)
        assert map_.mean() * BANDS == pytest.approx(scores[name], rel=0.03), name


def test_the_maximum_of_a_map_is_the_anomalous_bin():
    frames = np.zeros((30, BANDS), np.float32)
    frames[12, 2] = 5.0
    residual = np.lib.stride_tricks.sliding_window_view(frames, (CONTEXT, BANDS)).reshape(-1, CONTEXT * BANDS)
    maps = Residual(residual, BANDS).maps({"source": np.eye(BANDS)})
    for name, map_ in maps.items():
        assert np.unravel_index(np.argmax(map_), map_.shape) == (12, 2), name
        assert np.count_nonzero(map_) == 1, name


def test_pooled_residual_by_hand():
    """Two windows of one frame of two bands: rows (1, 0) and (3, 0)."""
    pooled = Residual(np.array([[1, 0], [3, 0]], np.float32), 2).pooled()
    np.testing.assert_allclose(pooled, [2, 0, np.log(5), np.log(1e-9)], rtol=1e-6)


def test_the_map_of_a_pooled_residual_distributes_each_band_by_the_squared_residual():
    residual = np.random.default_rng(0).standard_normal((50, BANDS)).astype(np.float32)
    residual[17, 2] = 20.0
    shares = np.arange(2.0 * BANDS)  # bands get 0 + 4, 1 + 5, 2 + 6, 3 + 7
    map_ = Residual(residual, BANDS).pooled_map(shares)
    assert map_.dtype == np.float32
    np.testing.assert_allclose(map_.mean(axis=0), [4, 6, 8, 10], rtol=1e-5)
    assert np.unravel_index(np.argmax(map_), map_.shape) == (17, 2)
    even = Residual(np.zeros((6, CONTEXT * BANDS), np.float32), BANDS).pooled_map(shares)
    np.testing.assert_allclose(even, np.tile([4, 6, 8, 10], (6 + CONTEXT - 1, 1)))

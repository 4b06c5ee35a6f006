"""Bin residuals: the map contains only what surrounding bins do not predict."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.detectors.maps.bin_residuals import BinResiduals, WindowSums, sharpened
from auscult.errors import FitError


def clip(seed: int, frames: int = 80, bands: int = 10) -> np.ndarray:
    """Noise of 1 dB in each bin, a swing of 8 dB common to all bands, and a random level of the clip."""
    rng = np.random.default_rng(seed)
    swing = 8 * np.sin(np.arange(frames) / 3 + rng.uniform(0, 6))
    level = rng.uniform(-20, 0)
    return (level + swing[:, None] + rng.normal(0, 1, (frames, bands))).astype(np.float32)


@pytest.fixture(scope="module")
def residuals() -> BinResiduals:
    return BinResiduals.fit(WindowSums.of(clip(seed) for seed in range(20)))


def test_normal_clips_have_variance_one_before_smoothing(residuals):
    maps = np.concatenate([residuals.residuals(clip(seed)) for seed in range(100, 110)])
    np.testing.assert_allclose(maps.mean(axis=0), 0, atol=0.15)
    np.testing.assert_allclose(maps.std(axis=0), 1, atol=0.1)


def test_a_fault_weaker_than_the_common_swing_is_located(residuals):
    fault = clip(200)
    fault[40:43, 3:8] += 6
    map = residuals.map(fault)
    frame, band = np.unravel_index(map.argmax(), map.shape)
    assert map.dtype == np.float32
    assert map.shape == fault.shape
    assert 40 <= frame < 43
    assert 3 <= band < 8
    assert fault.argmax() // 10 not in (40, 41, 42), "the loudest bin is at a peak of the swing"


def test_the_map_does_not_depend_on_the_level_of_the_clip(residuals):
    np.testing.assert_allclose(residuals.map(clip(5)), residuals.map(clip(5) - 11), atol=1e-3)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_short_clips_have_a_map(residuals, frames):
    map = residuals.map(clip(7, frames))
    assert map.shape == (frames, 10)
    assert np.all(np.isfinite(map))


def test_constant_bands_give_finite_numbers():
    clips = [clip(seed) for seed in range(5)]
    for frames in clips:
        frames[:, 3] = -156.5
    residuals = BinResiduals.fit(WindowSums.of(clips))
    assert np.all(np.isfinite(residuals.map(clips[0])))
    silent = BinResiduals.fit(WindowSums.of([np.zeros((20, 4))]))
    assert np.all(np.isfinite(silent.map(np.zeros((20, 4)))))


def test_fitting_needs_a_clip_of_three_frames():
    with pytest.raises(FitError, match="3 frames"):
        BinResiduals.fit(WindowSums.of([clip(0, 2), clip(1, 1)]))
    with pytest.raises(FitError):
        BinResiduals.fit(WindowSums.of([]))


def test_sums_without_a_fold_are_those_of_the_others():
    clips = [clip(seed, 20 + seed) for seed in range(6)]
    without = BinResiduals.fit(WindowSums.of(clips) - WindowSums.of(clips[2:4]))
    expected = BinResiduals.fit(WindowSums.of(clips[:2] + clips[4:]))
    np.testing.assert_allclose(without.mean, expected.mean, atol=1e-9)
    np.testing.assert_allclose(without.weights, expected.weights, atol=1e-9)


def test_sharpening_moves_the_maximum_to_the_bin_with_the_largest_residual():
    map, residuals = np.full((3, 4), 5.0), np.zeros((3, 4))
    map[1, 1], residuals[1, 2] = 5.5, 4.0
    result = sharpened(map, residuals)
    assert np.unravel_index(result.argmax(), result.shape) == (1, 2)
    np.testing.assert_allclose(result[1, 2], 5 * (1 + np.sqrt(0.5)))
    np.testing.assert_array_equal(result[residuals == 0], map[residuals == 0])
    np.testing.assert_array_equal(sharpened(-map, residuals), -map)

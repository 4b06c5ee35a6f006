"""The map without a network: what the bins around foretell is no news, what they do not is."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.detectors.maps.bin_residuals import BinResiduals
from auscult.errors import FitError


def clip(seed: int, frames: int = 80, bands: int = 10) -> np.ndarray:
    """Noise of 1 dB in each bin, a swing of 8 dB that all bands share, and another loudness each."""
    rng = np.random.default_rng(seed)
    swing = 8 * np.sin(np.arange(frames) / 3 + rng.uniform(0, 6))
    loudness = rng.uniform(-20, 0)
    return (loudness + swing[:, None] + rng.normal(0, 1, (frames, bands))).astype(np.float32)


@pytest.fixture(scope="module")
def usual() -> BinResiduals:
    return BinResiduals.fit(clip(seed) for seed in range(20))


def test_normal_running_has_variance_one_before_smoothing(usual, monkeypatch):
    monkeypatch.setattr("auscult.detectors.maps.bin_residuals.SMOOTHING", (0.0, 0.0))
    maps = np.concatenate([usual.map(clip(seed)) for seed in range(100, 110)])
    np.testing.assert_allclose(maps.mean(axis=0), 0, atol=0.15)
    np.testing.assert_allclose(maps.std(axis=0), 1, atol=0.1)


def test_a_fault_is_found_that_is_quieter_than_the_swing_of_the_machine(usual):
    odd = clip(200)
    odd[40:43, 3:8] += 6
    map = usual.map(odd)
    frame, band = np.unravel_index(map.argmax(), map.shape)
    assert map.dtype == np.float32
    assert map.shape == odd.shape
    assert 40 <= frame < 43
    assert 3 <= band < 8
    assert odd.argmax() // 10 not in (40, 41, 42), "the loudest bin is where the machine swings up"


def test_loudness_tells_nothing(usual):
    np.testing.assert_allclose(usual.map(clip(5)), usual.map(clip(5) - 11), atol=1e-3)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_short_clips_have_a_map(usual, frames):
    map = usual.map(clip(7, frames))
    assert map.shape == (frames, 10)
    assert np.all(np.isfinite(map))


def test_constant_bands_give_finite_numbers():
    clips = [clip(seed) for seed in range(5)]
    for frames in clips:
        frames[:, 3] = -156.5
    usual = BinResiduals.fit(clips)
    assert np.all(np.isfinite(usual.map(clips[0])))
    silent = BinResiduals.fit([np.zeros((20, 4))])
    assert np.all(np.isfinite(silent.map(np.zeros((20, 4)))))


def test_too_little_to_learn_from():
    with pytest.raises(FitError, match="3 frames"):
        BinResiduals.fit([clip(0, 2), clip(1, 1)])
    with pytest.raises(FitError):
        BinResiduals.fit([])

"""Pooling, compared with the equations evaluated frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.detectors.embedding.pooling import deviation_weights, generalised_mean

FRAMES = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)
UNIFORM = np.full(7, 1 / 7)


@pytest.mark.parametrize("gamma", [0, 0.5, 9])
def test_weights_against_the_equation(gamma):
    frames = FRAMES.astype(np.float64)
    mean = sum(frames) / 7
    deviations = [np.sqrt(sum((x - mean) ** 2)) for x in frames]
    powers = [(1 + d / max(deviations)) ** gamma for d in deviations]
    expected = [p / sum(powers) for p in powers]
    np.testing.assert_allclose(deviation_weights(FRAMES, gamma), expected, rtol=1e-9)


def test_the_weight_of_a_rare_frame_increases_with_gamma():
    frames = np.ones((20, 3), np.float32)
    frames[4] = 5
    shares = [deviation_weights(frames, gamma)[4] for gamma in (0, 1, 9, 25)]
    assert shares[0] == pytest.approx(1 / 20)
    assert shares == sorted(shares)
    assert shares[-1] > 0.99


@pytest.mark.parametrize("frames", [np.zeros((5, 3)), np.full((5, 3), 2.5), np.ones((1, 3))])
def test_equal_frames_have_equal_weights(frames):
    np.testing.assert_allclose(deviation_weights(frames, 9), 1 / len(frames))


@pytest.mark.parametrize("power", [1.5, 3, 10])
def test_generalised_mean_against_the_equation(power):
    weights = deviation_weights(FRAMES, 2)
    for feature, value in enumerate(generalised_mean(FRAMES, weights, power)):
        total = sum(w * max(float(x), 0) ** power for w, x in zip(weights, FRAMES[:, feature], strict=True))
        assert value == pytest.approx(total ** (1 / power), rel=1e-9)


def test_power_one_is_the_plain_mean_and_keeps_signs():
    pooled = generalised_mean(FRAMES, UNIFORM, 1)
    np.testing.assert_allclose(pooled, FRAMES.mean(axis=0), rtol=1e-6)
    assert pooled.min() < 0


def test_a_high_power_approaches_the_maximum():
    pooled = generalised_mean(FRAMES, UNIFORM, 500)
    np.testing.assert_allclose(pooled, FRAMES.max(axis=0), rtol=0.01)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_extreme_scales_of_the_features_do_not_overflow(scale):
    frames = np.abs(FRAMES.astype(np.float64))
    pooled = generalised_mean(frames * scale, UNIFORM, 25) / scale
    np.testing.assert_allclose(pooled, generalised_mean(frames, UNIFORM, 25), rtol=1e-9)


def test_features_that_are_never_positive_pool_to_zero():
    assert not generalised_mean(-np.abs(FRAMES), UNIFORM, 3).any()

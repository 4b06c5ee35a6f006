"""Pooling against the equations, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.detectors.embedding.pooling import deviation_weights, generalised_mean

FRAMES = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)


@pytest.mark.parametrize("gamma", [0, 0.5, 9])
def test_weights_against_the_equation(gamma):
    frames = FRAMES.astype(np.float64)
    mean = sum(frames) / 7
    away = [np.sqrt(sum((x - mean) ** 2)) for x in frames]
    raised = [(1 + d / max(away)) ** gamma for d in away]
    want = [r / sum(raised) for r in raised]
    np.testing.assert_allclose(deviation_weights(FRAMES, gamma), want, rtol=1e-9)


def test_a_rare_frame_counts_the_more_the_higher_gamma_is():
    frames = np.ones((20, 3), np.float32)
    frames[4] = 5
    shares = [deviation_weights(frames, gamma)[4] for gamma in (0, 1, 9, 25)]
    assert shares[0] == pytest.approx(1 / 20)
    assert shares == sorted(shares)
    assert shares[-1] > 0.99


@pytest.mark.parametrize("frames", [np.zeros((5, 3)), np.full((5, 3), 2.5), np.ones((1, 3))])
def test_frames_that_are_all_alike_weigh_alike(frames):
    np.testing.assert_allclose(deviation_weights(frames, 9), 1 / len(frames))


@pytest.mark.parametrize("power", [1.5, 3, 10])
def test_generalised_mean_against_the_equation(power):
    weights = deviation_weights(FRAMES, 2)
    for feature, got in enumerate(generalised_mean(FRAMES, weights, power)):
        total = sum(w * max(float(x), 0) ** power for w, x in zip(weights, FRAMES[:, feature], strict=True))
        assert got == pytest.approx(total ** (1 / power), rel=1e-9)


def test_power_one_is_the_mean_with_its_signs():
    even = np.full(7, 1 / 7)
    np.testing.assert_allclose(generalised_mean(FRAMES, even, 1), FRAMES.mean(axis=0), rtol=1e-6)
    assert generalised_mean(FRAMES, even, 1).min() < 0


def test_a_high_power_comes_near_the_maximum():
    got = generalised_mean(FRAMES, np.full(7, 1 / 7), 500)
    np.testing.assert_allclose(got, FRAMES.max(axis=0), rtol=0.01)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_no_scale_of_the_features_overflows(scale):
    frames = np.abs(FRAMES.astype(np.float64))
    even = np.full(7, 1 / 7)
    got = generalised_mean(frames * scale, even, 25) / scale
    np.testing.assert_allclose(got, generalised_mean(frames, even, 25), rtol=1e-9)


def test_features_that_are_never_positive_pool_to_nothing():
    assert not generalised_mean(-np.abs(FRAMES), np.full(7, 1 / 7), 3).any()

"""Moments of context windows: mean, covariance, and sums and differences of them."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.detectors.statistics.window_moments import WindowMoments
from auscult.spectrum import context_windows

CONTEXT, BANDS = 3, 4


@pytest.fixture
def clips() -> list[tuple[np.ndarray, bool]]:
    """Five clips of the source domain and two of the target domain, around -50 dB."""
    rng = np.random.default_rng(0)
    return [
        ((rng.standard_normal((10 + i, BANDS)) * 3 - 50 - 5 * (i > 4)).astype(np.float32), i > 4)
        for i in range(7)
    ]


def moments(clips) -> WindowMoments:
    return WindowMoments.of(clips, CONTEXT, BANDS)


def windows(clips) -> np.ndarray:
    return np.concatenate([context_windows(frames.astype(np.float64), CONTEXT) for frames, _ in clips])


def test_one_domain_has_the_mean_and_covariance_of_all_windows(clips):
    expected = windows(clips[:5])
    mean, covariance = moments(clips[:5]).mean_and_covariance()
    np.testing.assert_allclose(mean, expected.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(expected.T, bias=True), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("target", [False, True])
def test_a_domain_alone_counts_the_same_whichever_it_is(clips, target):
    mean, covariance = moments([(frames, target) for frames, _ in clips]).mean_and_covariance()
    np.testing.assert_allclose(mean, windows(clips).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(windows(clips).T, bias=True), rtol=1e-9, atol=1e-10)


def test_two_domains_have_the_mean_between_theirs_and_their_difference_as_variance(clips):
    source, target = windows(clips[:5]), windows(clips[5:])
    within = np.concatenate([x - x.mean(axis=0) for x in (source, target)])
    difference = target.mean(axis=0) - source.mean(axis=0)
    mean, covariance = moments(clips).mean_and_covariance()
    np.testing.assert_allclose(mean, (source.mean(axis=0) + target.mean(axis=0)) / 2, rtol=1e-12)
    expected = within.T @ within / len(within) + np.outer(difference, difference)
    np.testing.assert_allclose(covariance, expected, rtol=1e-9, atol=1e-10)


def test_moments_add_up_and_can_be_subtracted(clips):
    total = moments(clips)
    for combined in (
        moments(clips[:2]) + moments(clips[2:]),
        moments([*clips, *clips[:3]]) - moments(clips[:3]),
        total + moments([]),
    ):
        for name in ("counts", "sums", "products"):
            np.testing.assert_allclose(getattr(combined, name), getattr(total, name), rtol=1e-12)


def test_a_clip_shorter_than_a_window_has_none(clips):
    short = (clips[0][0][: CONTEXT - 1], False)
    np.testing.assert_array_equal(moments([short]).products, moments([]).products)
    assert moments([short]).counts.sum() == 0

"""A Gaussian on few vectors: its means, its distance, and taking in further vectors."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.detectors.statistics.densities import Gaussian

RNG = np.random.default_rng(7)
VECTORS = RNG.standard_normal((60, 5)) * [1, 2, 3, 4, 5]
TARGET = np.arange(60) >= 50


def test_shares_sum_to_the_distance_from_the_nearer_mean():
    vectors = VECTORS + 50 * TARGET[:, None]
    density = Gaussian.fit(vectors, TARGET)
    distance, shares, nearer = density.distance(vectors[55])
    assert distance == pytest.approx(shares.sum())
    away = vectors[55] - density.means[1]
    np.testing.assert_array_equal(nearer, density.means[1])
    assert distance == pytest.approx(away @ density.precision @ away)


def test_a_mean_of_few_is_drawn_to_the_common_one():
    vectors = np.zeros((12, 1))
    vectors[10:] = 6.0
    density = Gaussian.fit(vectors, np.arange(12) >= 10)
    np.testing.assert_allclose(density.means[:, 0], [0.5 * 1 / 10.5, (12 + 0.5 * 1) / 2.5])
    assert density.counts.tolist() == [10, 2]


def test_the_step_between_domains_is_a_usual_direction():
    """Beyond the target's mean a vector is less odd than as far to the side."""
    vectors = np.random.default_rng(1).standard_normal((60, 3))
    vectors[50:, 0] += 20
    density = Gaussian.fit(vectors, TARGET)
    within = np.linalg.inv(density.precision)
    step = density.means[1] - density.means[0]
    beyond, aside = (density.distance(density.means[1] + way)[0] for way in ([9, 0, 0], [0, 9, 0]))
    assert beyond < 2 < aside / 10
    np.testing.assert_allclose(np.linalg.eigvalsh(within)[-1], step @ step, rtol=0.02)
    alone = Gaussian.fit(vectors[:50], TARGET[:50])
    assert np.trace(np.linalg.inv(alone.precision)) < 5


def test_a_domain_without_vectors_is_never_the_nearer():
    density = Gaussian.fit(VECTORS + 1, np.zeros(60, bool))
    np.testing.assert_array_equal(density.distance(VECTORS[0])[2], density.means[0])


def test_taken_in_vectors_give_the_means_of_all():
    part = Gaussian.fit(VECTORS[:40], TARGET[:40])
    arrays = [part.means.copy(), part.precision.copy(), part.counts.copy()]
    adapted = part.adapted(VECTORS[40:], TARGET[40:])
    whole = Gaussian.fit(VECTORS, TARGET)
    np.testing.assert_allclose(adapted.means, whole.means)
    np.testing.assert_array_equal(adapted.counts, whole.counts)
    np.testing.assert_allclose(np.linalg.inv(adapted.precision), np.linalg.inv(whole.precision), atol=2.5)
    kept = (part.means, part.precision, part.counts)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, kept, strict=True))


def test_the_covariance_is_weighted_by_the_numbers_of_vectors():
    part = Gaussian.fit(VECTORS[:40], TARGET[:40])
    adapted = part.adapted(VECTORS[40:50], TARGET[40:50])
    new = VECTORS[40:50] - adapted.means[0]
    expected = (40 * np.linalg.inv(part.precision) + new.T @ new) / 50
    np.testing.assert_allclose(np.linalg.inv(adapted.precision), expected, rtol=1e-8)


def test_few_far_vectors_keep_the_density_sound():
    """Also in more dimensions than vectors, from vectors that do not vary, and one at a time."""
    density = Gaussian.fit(np.zeros((3, 30)), np.zeros(3, bool))
    for seed in range(3):
        density = density.adapted(
            100 + np.random.default_rng(seed).standard_normal((1, 30)), np.array([True])
        )
        assert np.all(np.linalg.eigvalsh(density.precision) > 0)
        assert np.all(np.isfinite(density.means))
    near, far = (density.distance(np.full(30, value))[0] for value in (100.0, 500.0))
    assert near < far

"""A Gaussian fitted to few vectors: means, distances, and updating with further vectors."""

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
    difference = vectors[55] - density.means[1]
    np.testing.assert_array_equal(nearer, density.means[1])
    assert distance == pytest.approx(difference @ density.precision @ difference)


def test_distances_of_several_vectors_are_those_of_each():
    density = Gaussian.fit(VECTORS + 50 * TARGET[:, None], TARGET)
    x = VECTORS[48:52].reshape(2, 2, 5) + 50 * TARGET[48:52].reshape(2, 2, 1)
    together = density.distance(x)
    for index in np.ndindex(2, 2):
        for part, expected in zip(together, density.distance(x[index]), strict=True):
            np.testing.assert_allclose(part[index], expected, rtol=1e-12)


def test_means_are_shrunk_towards_the_common_mean():
    vectors = np.zeros((12, 1))
    vectors[10:] = 6.0
    density = Gaussian.fit(vectors, np.arange(12) >= 10)
    np.testing.assert_allclose(density.means[:, 0], [0.5 * 1 / 10.5, (12 + 0.5 * 1) / 2.5])
    assert density.counts.tolist() == [10, 2]


def test_the_difference_of_the_domains_adds_variance_in_that_direction():
    """A vector beyond the target mean has a smaller distance than one equally far to the side."""
    vectors = np.random.default_rng(1).standard_normal((60, 3))
    vectors[50:, 0] += 20
    density = Gaussian.fit(vectors, TARGET)
    covariance = np.linalg.inv(density.precision)
    difference = density.means[1] - density.means[0]
    beyond, aside = (density.distance(density.means[1] + offset)[0] for offset in ([9, 0, 0], [0, 9, 0]))
    assert beyond < 2 < aside / 10
    np.testing.assert_allclose(np.linalg.eigvalsh(covariance)[-1], difference @ difference, rtol=0.02)
    source_only = Gaussian.fit(vectors[:50], TARGET[:50])
    assert np.trace(np.linalg.inv(source_only.precision)) < 5


def test_the_mean_of_a_domain_without_vectors_is_not_used():
    density = Gaussian.fit(VECTORS + 1, np.zeros(60, bool))
    np.testing.assert_array_equal(density.distance(VECTORS[0])[2], density.means[0])


def test_the_adapted_means_are_those_of_all_vectors():
    density = Gaussian.fit(VECTORS[:40], TARGET[:40])
    before = [density.means.copy(), density.precision.copy(), density.counts.copy()]
    adapted = density.adapted(VECTORS[40:], TARGET[40:])
    expected = Gaussian.fit(VECTORS, TARGET)
    np.testing.assert_allclose(adapted.means, expected.means)
    np.testing.assert_array_equal(adapted.counts, expected.counts)
    np.testing.assert_allclose(np.linalg.inv(adapted.precision), np.linalg.inv(expected.precision), atol=2.5)
    after = (density.means, density.precision, density.counts)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)), "not changed"


def test_the_adapted_covariance_is_weighted_by_the_numbers_of_vectors():
    density = Gaussian.fit(VECTORS[:40], TARGET[:40])
    adapted = density.adapted(VECTORS[40:50], TARGET[40:50])
    new = VECTORS[40:50] - adapted.means[0]
    expected = (40 * np.linalg.inv(density.precision) + new.T @ new) / 50
    np.testing.assert_allclose(np.linalg.inv(adapted.precision), expected, rtol=1e-8)


def test_adapting_to_few_distant_vectors_gives_a_valid_density():
    """In more dimensions than vectors, starting from constant vectors, one new vector at a time."""
    density = Gaussian.fit(np.zeros((3, 30)), np.zeros(3, bool))
    for seed in range(3):
        density = density.adapted(
            100 + np.random.default_rng(seed).standard_normal((1, 30)), np.array([True])
        )
        assert np.all(np.linalg.eigvalsh(density.precision) > 0)
        assert np.all(np.isfinite(density.means))
    near, far = (density.distance(np.full(30, value))[0] for value in (100.0, 500.0))
    assert near < far

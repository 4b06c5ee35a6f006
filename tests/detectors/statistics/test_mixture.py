"""Shrunk precisions compared with scikit-learn, and mixtures compared with their definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.cluster import KMeans
from sklearn.covariance import LedoitWolf
from sklearn.mixture import GaussianMixture

from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.mixture import Mixture, _by_expectation_maximisation


def two_clusters(
    seed: int, count: int = 60, dims: int = 20, distance: float = 6.0
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of two clusters that differ by ``distance`` in four dimensions, and which are of the second."""
    rng = np.random.default_rng(seed)
    second = np.arange(count) % 3 == 0
    return rng.standard_normal((count, dims)) + np.outer(
        second, np.r_[[distance] * 4, [0.0] * (dims - 4)]
    ), second


def test_a_gaussian_has_the_covariance_of_ledoit_and_wolf():
    """Without target clips the source mean is the common one, and the covariance is that of scikit-learn."""
    vectors, _ = two_clusters(0, count=30, dims=40)
    gaussian = Gaussian.fit(vectors, np.zeros(30, bool))
    reference = LedoitWolf().fit(vectors)
    np.testing.assert_allclose(gaussian.means[0], reference.location_, rtol=1e-9)
    np.testing.assert_allclose(gaussian.precision, reference.precision_, rtol=1e-4, atol=1e-5)
    x = vectors[3] + 1
    assert gaussian.distance(x)[0] == pytest.approx(reference.mahalanobis(x[None])[0], rel=1e-4)


@settings(max_examples=20)
@given(st.integers(0, 500), st.integers(1, 4))
def test_negative_log_density_by_definition(seed, components):
    """−log Σ w N(x; mean, covariance), up to the normalisation by the common covariance."""
    vectors, _ = two_clusters(seed, dims=6)
    mixture = Mixture.fit(vectors, components, seed)
    x = np.random.default_rng(seed).standard_normal(6) * 3
    covariance = np.linalg.inv(mixture.precision)
    density = sum(
        weight * multivariate_normal.pdf(x, mean, covariance)
        for weight, mean in zip(mixture.weights, mixture.means, strict=True)
    )
    constant = -multivariate_normal.logpdf(np.zeros(6), np.zeros(6), covariance)
    value, shares, between = mixture.negative_log_density(x)
    assert value == pytest.approx(-np.log(density) - constant, rel=1e-6, abs=1e-6)
    assert shares.sum() == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert np.all(between <= mixture.means.max(axis=0) + 1e-9)
    assert np.all(between >= mixture.means.min(axis=0) - 1e-9)


def test_densities_of_several_vectors_are_those_of_each():
    vectors, _ = two_clusters(3, dims=6)
    mixture = Mixture.fit(vectors, 2, 0)
    together = mixture.negative_log_density(vectors[:4].reshape(2, 2, 6))
    for index in np.ndindex(2, 2):
        each = mixture.negative_log_density(vectors[:4].reshape(2, 2, 6)[index])
        for part, expected in zip(together, each, strict=True):
            np.testing.assert_allclose(part[index], expected, rtol=1e-12)


@pytest.mark.parametrize("components", [2, 3, 5])
@pytest.mark.parametrize("distance", [0.0, 1.0, 4.0])
def test_clusters_are_those_of_scikit_learn(components, distance):
    """In eight dimensions, as after the projection on the leading principal components."""
    for seed in range(5):
        x, _ = two_clusters(seed, dims=8, distance=distance)
        em = GaussianMixture(
            components, covariance_type="tied", reg_covar=1e-3 * x.var(), random_state=seed, max_iter=100
        )
        initial = KMeans(components, n_init=1, random_state=seed).fit(x).labels_
        clusters = _by_expectation_maximisation(x, initial, components)
        np.testing.assert_array_equal(clusters, em.fit(x).predict(x))


def test_clusters_are_separated():
    vectors, second = two_clusters(1)
    mixture = Mixture.fit(vectors, 2, seed=0)
    assert sorted(mixture.weights) == pytest.approx([1 / 3, 2 / 3])
    single = Mixture.fit(vectors, 1, seed=0)
    middle = (vectors[second].mean(axis=0) + vectors[~second].mean(axis=0)) / 2

    def relative_score(mixture: Mixture) -> float:
        """The score of a point between the clusters, relative to the median of the normal vectors."""
        scores = [mixture.negative_log_density(x)[0] for x in vectors]
        return mixture.negative_log_density(middle)[0] / np.median(scores)

    assert relative_score(mixture) > 1.5 * relative_score(single)


@pytest.mark.parametrize(
    "vectors", [np.zeros((5, 3)), np.eye(2, 4), np.r_[np.zeros((9, 4)), np.ones((1, 4))]]
)
def test_degenerate_vectors_give_finite_numbers(vectors):
    mixture = Mixture.fit(vectors, 3, seed=0)
    assert mixture.weights.sum() == pytest.approx(1)
    value, shares, between = mixture.negative_log_density(np.full(vectors.shape[1], 0.7))
    assert np.isfinite(value)
    assert np.all(np.isfinite(shares))
    assert np.all(np.isfinite(between))


def test_fitting_is_deterministic():
    vectors, _ = two_clusters(2)
    first, second = (Mixture.fit(vectors, 3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.means, second.means)


def test_the_largest_seed_of_a_configuration_is_accepted():
    vectors, _ = two_clusters(1)
    np.testing.assert_array_equal(Mixture.fit(vectors, 2, 2**63 - 1).means.shape, (2, 20))

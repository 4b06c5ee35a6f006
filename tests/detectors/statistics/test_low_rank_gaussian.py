"""The low-rank Gaussian, compared with a dense covariance and with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from auscult.detectors.statistics.densities import PRIOR_CLIPS
from auscult.detectors.statistics.low_rank_gaussian import LowRankGaussian

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("count", "targets"), [(40, 5), (12, 3), (12, 0), (200, 20)])
def test_distances_are_those_of_the_dense_covariance(count, targets):
    vectors = (RNG.normal(size=(count, 30)) @ RNG.normal(size=(30, 30)) + 7).astype(np.float32)
    target = np.arange(count) < targets
    vectors[target] += 3
    domains = [vectors[target == domain].astype(np.float64) for domain in (False, True)]
    common = vectors.astype(np.float64).mean(axis=0)
    means = [(d.sum(axis=0) + PRIOR_CLIPS * common) / (len(d) + PRIOR_CLIPS) for d in domains]
    centred = np.concatenate([d - mean for d, mean in zip(domains, means, strict=True)])
    covariance, _ = ledoit_wolf(centred, assume_centered=True)
    precision = np.linalg.inv(covariance + 1e-6 * np.trace(covariance) / 30 * np.eye(30))
    density = LowRankGaussian.fit(vectors, target)
    for x in RNG.normal(size=(10, 30)) * 20:
        squares = [
            (x - mean) @ precision @ (x - mean) for mean, d in zip(means, domains, strict=True) if len(d)
        ]
        assert density.distance(x) == pytest.approx(min(squares), rel=1e-9)


def test_the_nearer_domain_counts():
    vectors = np.vstack([RNG.normal(size=(30, 4)), RNG.normal(size=(10, 4)) + 100])
    density = LowRankGaussian.fit(vectors, np.arange(40) >= 30)
    near, far = (density.distance(np.full(4, centre)) for centre in (100.0, 50.0))
    assert near < 10  # not 0: the mean of few vectors is shrunk towards the common one
    assert far > 20 * near
    only_source = LowRankGaussian.fit(vectors[:30], np.zeros(30, bool))
    assert only_source.distance(np.full(4, 100.0)) > 1000


def test_distances_do_not_depend_on_the_scale_of_the_features():
    vectors = RNG.normal(size=(15, 40))
    x = RNG.normal(size=40)
    target = np.arange(15) < 4
    small, large = (LowRankGaussian.fit(vectors * s, target).distance(x * s) for s in (1e-4, 1e4))
    assert small == pytest.approx(large, rel=1e-9)


def test_equal_vectors_have_a_finite_density():
    density = LowRankGaussian.fit(np.ones((5, 3)), np.zeros(5, bool))
    assert density.distance(np.ones(3)) == 0
    assert density.distance(np.array([1.0, 1, 3])) == pytest.approx(4)

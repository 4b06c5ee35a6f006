"""The shrinkage of covariances compared with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from auscult.detectors.statistics.densities import shrunk_covariance
from auscult.detectors.statistics.ledoit_wolf import shrinkage

RNG = np.random.default_rng(0)
SHAPES = [(2, 5), (12, 60), (20, 8), (100, 128), (400, 3), (9, 1)]


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_weight_and_covariance_are_those_of_scikit_learn(shape, correlated):
    count, dimensions = shape
    centred = RNG.normal(size=shape) * np.linspace(1, 5, dimensions)
    if correlated:
        centred = centred @ RNG.normal(size=(dimensions, dimensions)) + RNG.normal(size=(count, 1))
    expected, weight = ledoit_wolf(centred, assume_centered=True)
    fourth = ((centred**2).sum(axis=1) ** 2).sum()
    for products in (centred.T @ centred, centred @ centred.T):
        ours, variance = shrinkage(products, dimensions, fourth, count)
        assert variance == pytest.approx((centred**2).mean(), rel=1e-12)
        if dimensions > 1:  # in one dimension every weight gives the same covariance
            assert ours == pytest.approx(weight, rel=1e-12, abs=1e-12)
    scale = np.trace(expected) / dimensions
    covariance = shrunk_covariance(centred) - 1e-6 * max(scale, 1.0) * np.eye(dimensions)
    np.testing.assert_allclose(covariance, expected, rtol=1e-12, atol=1e-12 * scale)


def test_equal_vectors_give_the_identity_alone():
    zeros = np.zeros((3, 3))
    assert shrinkage(zeros, 3, 0.0, 5) == (1.0, 0.0)
    assert np.all(np.linalg.eigvalsh(shrunk_covariance(np.zeros((5, 3)))) > 0)

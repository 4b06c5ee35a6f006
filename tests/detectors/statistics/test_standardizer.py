"""Standardised scores: simple examples, and scores that hardly vary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from auscult.detectors.statistics.standardizer import Standardizer


def test_simple_example():
    standardizer = Standardizer.fit(np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 60.0]]))
    np.testing.assert_allclose(standardizer.mean, [2, 30])
    np.testing.assert_allclose(standardizer.sd, [1, np.sqrt((400 + 100 + 900) / 2)])
    np.testing.assert_allclose(standardizer.z(np.array([4.0, 30.0])), [2, 0])
    np.testing.assert_allclose(standardizer.z(np.array([[4.0, 30.0], [2.0, 30.0]])), [[2, 0], [0, 0]])


@given(arrays(np.float64, (5, 3), elements=st.floats(-1e6, 1e6)), st.floats(1, 1e3), st.floats(-1e3, 1e3))
def test_the_fitted_scores_get_mean_0_and_standard_deviation_at_most_1(scores, factor, shift):
    standardizer = Standardizer.fit(scores * factor + shift)
    z = standardizer.z(scores * factor + shift)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-6)
    assert np.all(z.std(axis=0, ddof=1) < 1 + 1e-9)


def test_very_small_standard_deviations():
    constant = Standardizer.fit(np.full((4, 1), 200.0))  # the minimum sd is a share of the mean
    assert constant.z(np.array([200.0]))[0] == 0
    assert constant.z(np.array([201.0]))[0] == pytest.approx(5)
    zero = Standardizer.fit(np.zeros((4, 1)))  # there is no scale, so scores are not divided
    assert zero.z(np.array([7.0]))[0] == 7
    single = Standardizer.fit(np.array([[0.0, 50.0]]))
    np.testing.assert_allclose(single.z(np.array([1.0, 50.05])), [1, 1])


def test_round_trip_through_arrays():
    standardizer = Standardizer.fit(np.random.default_rng(0).standard_normal((9, 4)))
    restored = Standardizer.from_arrays(standardizer.to_arrays())
    np.testing.assert_array_equal(restored.mean, standardizer.mean)
    np.testing.assert_array_equal(restored.sd, standardizer.sd)

"""Standardised scores by hand, and where normals tell too little."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from auscult.detectors.statistics.standardizer import Standard


def test_by_hand():
    standard = Standard.fit(np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 60.0]]))
    np.testing.assert_allclose(standard.mean, [2, 30])
    np.testing.assert_allclose(standard.sd, [1, np.sqrt((400 + 100 + 900) / 2)])
    np.testing.assert_allclose(standard.z(np.array([4.0, 30.0])), [2, 0])
    np.testing.assert_allclose(standard.z(np.array([[4.0, 30.0], [2.0, 30.0]])), [[2, 0], [0, 0]])


@given(arrays(np.float64, (5, 3), elements=st.floats(-1e6, 1e6)), st.floats(1, 1e3), st.floats(-1e3, 1e3))
def test_normals_become_mean_0_and_spread_at_most_1(scores, factor, shift):
    standard = Standard.fit(scores * factor + shift)
    z = standard.z(scores * factor + shift)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-6)
    assert np.all(z.std(axis=0, ddof=1) < 1 + 1e-9)


def test_spread_that_is_too_small_to_mean_anything():
    constant = Standard.fit(np.full((4, 1), 200.0))  # the least spread is a share of the mean
    assert constant.z(np.array([200.0]))[0] == 0
    assert constant.z(np.array([201.0]))[0] == pytest.approx(5)
    nothing = Standard.fit(np.zeros((4, 1)))  # no scale at all: left as it is
    assert nothing.z(np.array([7.0]))[0] == 7
    one = Standard.fit(np.array([[0.0, 50.0]]))
    np.testing.assert_allclose(one.z(np.array([1.0, 50.05])), [1, 1])


def test_there_and_back():
    standard = Standard.fit(np.random.default_rng(0).standard_normal((9, 4)))
    again = Standard.from_array(standard.array())
    np.testing.assert_array_equal(again.mean, standard.mean)
    np.testing.assert_array_equal(again.sd, standard.sd)

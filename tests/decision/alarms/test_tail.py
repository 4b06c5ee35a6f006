"""The tail of the peaks of excursions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import genpareto

from auscult.decision.alarms.tail import PeakTail
from auscult.errors import FitError


@pytest.mark.parametrize("shape", [0.0, 0.2, 0.4])
def test_many_peaks_give_the_parameters(shape):
    peaks = 3.0 + genpareto.rvs(shape, scale=2.0, size=20_000, random_state=1)
    tail = PeakTail.fit(peaks, 3.0, 20_000.0)
    assert tail.rate == 1.0
    assert tail.shape == pytest.approx(shape, abs=0.03)
    assert tail.scale == pytest.approx(2.0, rel=0.04)


def test_a_bounded_tail_is_not_assumed():
    tail = PeakTail.fit(np.random.default_rng(0).uniform(1.0, 2.0, 500), 1.0, 500.0)
    assert tail.shape == 0.0
    assert tail.threshold(1e-6) > 2.0


@pytest.mark.parametrize("shape", [0.0, 0.3])
def test_threshold_and_rate_are_inverse(shape):
    tail = PeakTail(2.0, 0.1, 0.5, shape, 30)
    for rate in (0.1, 1e-3, 1e-6):
        assert tail.rate_above(tail.threshold(rate)) == pytest.approx(rate)
    assert tail.threshold(1.0) == tail.level


def test_the_shape_counts_the_more_peaks_there_are():
    peaks = 1 + np.geomspace(0.01, 100.0, 30)  # far heavier than a shape of 0.5
    five, fifteen, thirty = (PeakTail.fit(peaks[:: 30 // n][:n], 1.0, 3600.0) for n in (5, 15, 30))
    assert five.shape == 0.0
    assert 0.0 < fifteen.shape < 0.5
    assert thirty.shape == 0.5
    # One a week of a few minutes is not hundreds of times the mean excess.
    assert five.threshold(1 / 604800) < 1 + 10 * five.scale


def test_few_peaks_are_refused():
    with pytest.raises(FitError):
        PeakTail.fit([1.0, 2.0, 3.0, 4.0], 0.0, 10.0)

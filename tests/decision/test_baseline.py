"""The baseline's threshold: from batch losses, against SciPy, and what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from auscult.decision import baseline_threshold
from auscult.errors import FitError, OptionError

LOSSES = np.random.default_rng(0).gamma(30.0, 0.4, 300) + 2


@pytest.mark.parametrize("rate", [0.1, 0.05])
def test_it_is_the_quantile_of_the_distribution_that_scipy_fits(rate):
    threshold = baseline_threshold(LOSSES.tolist(), rate)
    shape, location, scale = stats.gamma.fit(LOSSES)
    assert threshold.value == pytest.approx(stats.gamma.ppf(1 - rate, shape, location, scale), rel=1e-12)
    assert (threshold.method, threshold.rate, threshold.calibration_count) == ("baseline", rate, 300)
    assert threshold.warning is None
    assert np.mean(threshold.value < LOSSES) == pytest.approx(rate, abs=0.03)


def test_the_default_is_the_ninetieth_percentile():
    assert baseline_threshold(LOSSES) == baseline_threshold(LOSSES, 0.1)


def test_too_few_or_unusable_batches():
    few = baseline_threshold([1.0, 2.0, 3.0])
    assert few.value is None
    assert "requires 4 batches, training had 3" in few.warning
    with pytest.raises(FitError, match="5 batch losses: all equal"):
        baseline_threshold([2.0] * 5)
    with pytest.raises(FitError, match="not finite"):
        baseline_threshold([1.0, 2.0, 3.0, float("nan")])
    with pytest.raises(OptionError, match="between 0 and 1"):
        baseline_threshold(LOSSES, 1.0)

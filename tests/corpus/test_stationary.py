"""The autocovariance of recordings of any length."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.corpus.stationary import END, autocovariance


@pytest.mark.parametrize("samples", [8 * END, 7167, 7168, 7169, 7680, 30_001])
def test_the_autocovariance_is_that_of_all_pairs_of_samples(samples):
    """Also where a block of samples ends."""
    rng = np.random.default_rng(samples)
    centred = np.convolve(rng.standard_normal(samples + 99), np.hanning(100), "valid")
    centred -= centred.mean()
    expected = np.array([centred[: samples - lag] @ centred[lag:] for lag in range(2 * END)])
    np.testing.assert_allclose(autocovariance(centred), expected / expected[0], rtol=0, atol=1e-12)

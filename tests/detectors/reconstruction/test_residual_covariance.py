"""Covariances of residuals compared with hand calculation and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage

from auscult.detectors.reconstruction.residual_covariance import (
    ResidualCovariance,
    precision_matrix,
    residual_covariances,
)
from auscult.errors import FitError

BANDS, CONTEXT = 4, 3


def random_residual(seed: int, windows: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((windows, CONTEXT * BANDS)).astype(np.float32) + 0.3


def test_covariance_by_hand():
    """Two bands, one frame a window. Batch 1: source (1, 0), (3, 4), target (5, 5), (7, 1); batch 2: source
    (0, 0), (2, 2), (4, −2), target (9, 9), which is centred to zero."""
    batches = [
        (np.array([[1, 0], [5, 5], [3, 4], [7, 1]], np.float32), np.array([False, True, False, True])),
        (np.array([[0, 0], [2, 2], [4, -2], [9, 9]], np.float32), np.array([False, False, False, True])),
    ]
    sums = residual_covariances(batches, bands=2)
    # source, batch 1: ±(1, 2), twice [[1, 2], [2, 4]]; batch 2 about (2, 0): (−2, 0), (0, 2), (2, −2)
    np.testing.assert_allclose(sums["source"].covariance(), np.array([[2 + 8, 4 - 4], [4 - 4, 8 + 8]]) / 4)
    # target, batch 1: ±(1, −2); three windows in total
    np.testing.assert_allclose(sums["target"].covariance(), np.array([[2, -4], [-4, 8]]) / 2)
    precision, diagnostics = precision_matrix(sums["source"], "exact")
    np.testing.assert_allclose(precision, np.diag([4 / 10, 4 / 16]))
    assert diagnostics == {"condition": pytest.approx(1.6), "shrinkage": 0.0}


def test_the_divisor_counts_windows_not_rows():
    """A window of three frames adds three rows to the sums and one to the divisor, as in the baseline."""
    residual = random_residual(0, 10)
    sums = residual_covariances([(residual, np.zeros(10, bool))], BANDS)["source"]
    rows = residual.reshape(-1, BANDS).astype(np.float64)
    assert (sums.vectors, sums.rows) == (10, 30)
    np.testing.assert_allclose(sums.covariance(), np.cov(rows.T) * 29 / 9)


def test_a_domain_without_windows_uses_the_other_domain():
    residual = random_residual(0, 5)
    for is_target in (np.zeros(5, bool), np.ones(5, bool)):
        sums = residual_covariances([(residual, is_target)], BANDS)
        np.testing.assert_array_equal(sums["source"].covariance(), sums["target"].covariance())
        assert sums["source"].vectors == 5


def test_shrinkage_over_batches_matches_scikit_learn():
    levels = np.tile([1.0, 2.0, 4.0, 8.0], CONTEXT)  # different bands, so that the identity is far away
    batches = [random_residual(seed, windows) * levels for seed, windows in enumerate((9, 4, 17))]
    sums = ResidualCovariance(np.zeros((BANDS, BANDS)))
    centred = []
    for batch in batches:
        sums.add(batch, BANDS)
        rows = batch.reshape(-1, BANDS).astype(np.float64)
        centred.append(rows - rows.mean(axis=0))
    expected = ledoit_wolf_shrinkage(np.concatenate(centred), assume_centered=True)
    assert 0 < expected < 1
    assert sums.shrinkage() == pytest.approx(expected, rel=1e-9)


def nearly_flat(scale: float) -> ResidualCovariance:
    """Residuals whose last band is a copy of the first, plus noise of the given scale."""
    residual = np.random.default_rng(0).standard_normal((500, BANDS))
    residual[:, -1] = residual[:, 0] + scale * residual[:, -1]
    sums = ResidualCovariance(np.zeros((BANDS, BANDS)))
    sums.add(residual, BANDS)
    return sums


def test_auto_shrinks_only_above_a_condition_number_of_a_million():
    good, bad = nearly_flat(1e-2), nearly_flat(1e-4)
    for sums, shrunk in ((good, False), (bad, True)):
        precision, diagnostics = precision_matrix(sums, "auto")
        assert (diagnostics["condition"] > 1e6) == shrunk
        assert (diagnostics["shrinkage"] > 0) == shrunk
        expected = precision_matrix(sums, "ledoit_wolf" if shrunk else "exact")[0]
        np.testing.assert_array_equal(precision, expected)
    exact, diagnostics = precision_matrix(bad, "exact")
    assert diagnostics["shrinkage"] == 0
    np.testing.assert_allclose(exact @ bad.covariance(), np.eye(BANDS), atol=1e-5)


def test_ledoit_wolf_shrinks_towards_a_multiple_of_the_identity():
    sums = nearly_flat(0.5)
    precision, diagnostics = precision_matrix(sums, "ledoit_wolf")
    covariance, weight = sums.covariance(), diagnostics["shrinkage"]
    shrunk = (1 - weight) * covariance + weight * np.trace(covariance) / BANDS * np.eye(BANDS)
    assert weight == pytest.approx(sums.shrinkage())
    np.testing.assert_allclose(precision @ shrunk, np.eye(BANDS), atol=1e-10)


def test_float32_inverts_in_float32():
    sums = nearly_flat(0.3)
    precision, _ = precision_matrix(sums, "float32")
    np.testing.assert_array_equal(precision, np.linalg.inv(sums.covariance().astype(np.float32)))
    assert not np.array_equal(precision, precision_matrix(sums, "exact")[0])


def test_zero_residuals_have_a_precision_by_default():
    sums = ResidualCovariance(np.zeros((BANDS, BANDS)))
    sums.add(np.zeros((9, CONTEXT * BANDS), np.float32), BANDS)
    precision, diagnostics = precision_matrix(sums, "auto")
    assert np.all(np.isfinite(precision))
    assert np.all(np.isfinite(list(diagnostics.values()))), "JSON cannot represent infinity"
    with pytest.raises(FitError, match="no inverse"):
        precision_matrix(sums, "exact")


def test_a_constant_band_does_not_break_the_default():
    residual = np.random.default_rng(0).standard_normal((50, BANDS))
    residual[:, 2] = -156.5
    sums = ResidualCovariance(np.zeros((BANDS, BANDS)))
    sums.add(residual, BANDS)
    precision, diagnostics = precision_matrix(sums, "auto")
    assert diagnostics["shrinkage"] > 0
    assert np.all(np.linalg.eigvalsh(precision) > 0)
    assert np.all(np.isfinite(list(diagnostics.values())))


def test_sums_are_merged_with_a_precision_matrix():
    """Merging a precision and a batch gives the covariance of both batches."""
    batches = [random_residual(seed, windows) for seed, windows in ((1, 20), (2, 30))]
    first, second, both = (ResidualCovariance(np.zeros((BANDS, BANDS))) for _ in range(3))
    for sums, parts in ((first, batches[:1]), (second, batches[1:]), (both, batches)):
        for batch in parts:
            sums.add(batch, BANDS)
    merged = second.merged(np.linalg.inv(first.covariance()), weight=19)
    assert merged.vectors == both.vectors == 50
    np.testing.assert_allclose(merged.covariance(), both.covariance(), rtol=1e-9)

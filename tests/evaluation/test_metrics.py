"""Metrics against scikit-learn and brute force."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from auscult.errors import EvaluationError
from auscult.evaluation import auc, harmonic_mean, pauc, roc_curve
from auscult.evaluation.metrics import (
    Ranking,
    area_under_curve,
    harmonic_means,
    partial_area_under_curve,
)

TIED_SCORES = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=80)
FLOAT_SCORES = st.lists(st.tuples(st.booleans(), st.floats(-1e3, 1e3)), min_size=2, max_size=80)


def _split(pairs):
    labels = np.array([label for label, _ in pairs])
    assume(labels.any() and not labels.all())
    return labels, np.array([score for _, score in pairs], dtype=float)


@given(st.one_of(TIED_SCORES, FLOAT_SCORES))
def test_auc_is_the_fraction_of_correctly_ordered_pairs(pairs):
    labels, scores = _split(pairs)
    differences = scores[labels][:, None] - scores[~labels][None, :]
    assert auc(labels, scores) == pytest.approx(np.mean((np.sign(differences) + 1) / 2), abs=1e-12)


@given(st.one_of(TIED_SCORES, FLOAT_SCORES), st.sampled_from([0.05, 0.1, 0.25, 1 / 3, 0.5, 1.0]))
def test_pauc_equals_sklearn(pairs, max_fpr):
    labels, scores = _split(pairs)
    expected = reference.roc_auc_score(labels, scores, max_fpr=max_fpr)
    assert pauc(labels, scores, max_fpr=max_fpr) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("normals", [9, 10, 11, 19, 20, 50, 100, 127])
def test_pauc_if_a_step_of_the_curve_ends_at_or_near_max_fpr(normals):
    rng = np.random.default_rng(normals)
    labels = np.r_[np.zeros(normals), np.ones(30)]
    for scores in (rng.normal(size=normals + 30) + labels, rng.integers(0, 4, normals + 30) + labels):
        assert pauc(labels, scores) == pytest.approx(
            reference.roc_auc_score(labels, scores, max_fpr=0.1), abs=1e-12
        )


@settings(deadline=None)
@given(st.one_of(TIED_SCORES, FLOAT_SCORES), st.integers(0, 2**32 - 1))
def test_weights_are_equivalent_to_copies(pairs, seed):
    labels, scores = _split(pairs)
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(labels)))
    weights[:, [np.argmax(labels), np.argmin(labels)]] += 1  # at least one clip of each class
    ranking = Ranking.of(scores)
    normal, anomaly = ranking.cumulate(weights * ~labels), ranking.cumulate(weights * labels)
    for row, area, partial_area in zip(
        weights, area_under_curve(normal, anomaly), partial_area_under_curve(normal, anomaly), strict=True
    ):
        copies = np.repeat(labels, row), np.repeat(scores, row)
        assert area == pytest.approx(reference.roc_auc_score(*copies), abs=1e-12)
        assert partial_area == pytest.approx(reference.roc_auc_score(*copies, max_fpr=0.1), abs=1e-12)


def test_perfect_reversed_and_tied_scores():
    labels = [0, 0, 1, 1]
    assert (auc(labels, [1, 2, 3, 4]), pauc(labels, [1, 2, 3, 4])) == (1.0, 1.0)
    assert auc(labels, [4, 3, 2, 1]) == 0.0
    assert pauc(labels, [4, 3, 2, 1]) == pytest.approx(0.9 / 1.9 / 1, abs=1e-3)
    assert (auc(labels, [5, 5, 5, 5]), pauc(labels, [5, 5, 5, 5])) == (0.5, 0.5)


@given(FLOAT_SCORES)
def test_roc_curve_equals_sklearn(pairs):
    labels, scores = _split(pairs)
    expected = reference.roc_curve(labels, scores, drop_intermediate=False)
    for actual_values, expected_values in zip(roc_curve(labels, scores), expected, strict=True):
        np.testing.assert_allclose(actual_values, expected_values, atol=1e-12)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 0], [1.0, 2.0], "2 normal and 0 anomalous"),
        ([1, 1, 1], [1.0, 2.0, 3.0], "0 normal and 3 anomalous"),
        ([0, 1], [1.0, np.nan], "1 of 2 scores are not finite"),
        ([0, 1], [1.0, np.inf], "not finite"),
        ([0, 1], [1.0], "2 labels but 1 scores"),
        ([0, 2], [1.0, 2.0], "each label must be"),
    ],
)
def test_invalid_labels_or_scores_are_refused(labels, scores, message):
    for metric in (auc, pauc, roc_curve):
        with pytest.raises(EvaluationError, match=message):
            metric(labels, scores)


def test_harmonic_mean():
    assert harmonic_mean([0.5, 1.0]) == pytest.approx(2 / 3)
    assert harmonic_mean([0.5, 0.0]) == 0.0
    np.testing.assert_allclose(harmonic_means(np.array([[0.5, 0.0, 1.0], [1.0, 0.0, 0.25]])), [2 / 3, 0, 0.4])
    for bad in ([], [0.5, -0.1], [np.nan]):
        with pytest.raises(EvaluationError, match="harmonic mean"):
            harmonic_mean(bad)

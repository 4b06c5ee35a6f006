"""Thresholds of a benchmark, by the method that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.benchmark.decisions import NormalScores, ThresholdRule
from auscult.decision import baseline_threshold, conformal_threshold, gamma_threshold
from auscult.errors import OptionError

SCORES = np.random.default_rng(0).gamma(3.0, 1.0, 60)
BATCHES = np.random.default_rng(1).gamma(50.0, 1.0, 30).tolist()


def normal(*, held_out: bool = True) -> NormalScores:
    return NormalScores({"mse": SCORES, "other": SCORES}, held_out, {"mse": BATCHES})


def test_the_default_is_the_plain_fit_of_clip_scores():
    assert normal().threshold("mse") == gamma_threshold(SCORES, plain=True)


def test_the_method_and_the_rate_are_those_of_the_rule():
    assert normal().threshold("mse", ThresholdRule("gamma", 0.2)) == gamma_threshold(SCORES, 0.8)
    assert normal().threshold("mse", ThresholdRule("conformal")) == conformal_threshold(SCORES, 0.05)
    assert normal().threshold("mse", ThresholdRule("baseline")) == baseline_threshold(BATCHES)
    assert normal().threshold("mse", ThresholdRule("baseline", 0.2)) == baseline_threshold(BATCHES, 0.2)


def test_a_score_without_batches_has_no_baseline_threshold():
    threshold = normal().threshold("other", ThresholdRule("baseline"))
    assert threshold.value is None
    assert "does not store this score of its training batches" in threshold.warning


def test_scores_of_the_clips_that_were_fitted_on_keep_no_rate():
    threshold = normal(held_out=False).threshold("mse", ThresholdRule("conformal"))
    assert threshold.value == conformal_threshold(SCORES).value
    assert "clips that the detector was fitted on" in threshold.warning
    assert normal(held_out=False).threshold("mse").warning is None


def test_the_threshold_of_the_table_is_that_of_the_model():
    assert normal().own_threshold("mse") == conformal_threshold(SCORES)
    assert normal(held_out=False).own_threshold("mse") == gamma_threshold(SCORES, plain=True)


def test_equal_scores_are_a_warning_not_an_error():
    threshold = NormalScores({"mse": np.ones(20)}, True).threshold("mse")
    assert threshold.value is None
    assert "all equal" in threshold.warning


def test_what_is_stored_gives_the_same_thresholds():
    again = NormalScores.from_json(normal().to_json())
    for rule in (ThresholdRule(), ThresholdRule("baseline"), ThresholdRule("conformal", 0.1)):
        assert again.threshold("mse", rule) == normal().threshold("mse", rule)


@pytest.mark.parametrize("wrong", [{"method": "guess"}, {"rate": 0.0}, {"rate": 1.5}])
def test_unknown_methods_and_rates_are_refused(wrong):
    with pytest.raises(OptionError):
        ThresholdRule(**wrong)

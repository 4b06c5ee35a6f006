"""``--threshold-method baseline``: the threshold of the batches in training."""

from __future__ import annotations

import json

from auscult import load
from auscult.decision import baseline_threshold


def test_the_threshold_is_that_of_the_batches(run, model, normal_clip):
    batches = load(model).detector.facts["batch_scores"]["mse"]
    for options, rate in (([], 0.1), (["--false-alarms", "20%"], 0.2)):
        result = run("score", model, normal_clip, "--threshold-method", "baseline", *options, "--json")
        assert (
            json.loads(result.stdout.splitlines()[0])["threshold"] == baseline_threshold(batches, rate).value
        )


def test_evaluate_names_the_batches_and_compares_the_false_alarms(run, model, machine):
    batches = len(load(model).detector.facts["batch_scores"]["mse"])
    result = run("evaluate", model, machine, "--threshold-method", "baseline", "--quiet")
    assert f"(baseline, 10 % false alarms, from {batches} training batches)" in result.stdout
    assert "false alarms in the source domain: " in result.stdout
    assert "the accepted 10 %" in result.stdout


def test_a_score_without_batches_is_refused(run, model, normal_clip, tmp_path):
    other = load(model)
    other.detector.config.score = "mahalanobis"
    other.save(tmp_path / "other.auscult")
    result = run("score", tmp_path / "other.auscult", normal_clip, "--threshold-method", "baseline")
    assert result.exit_code == 2
    assert "the model has no mahalanobis of training batches" in result.stderr

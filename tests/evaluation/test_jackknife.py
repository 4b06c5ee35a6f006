"""Shares of recordings in the variance of a metric, and the variance over recordings and seeds."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from auscult.errors import EvaluationError
from auscult.evaluation import jackknife
from auscult.evaluation.jackknife import influence, leave_out
from auscult.evaluation.protocol import TERMS, Labels, mean_over, section_metrics
from auscult.evaluation.spread import spread


def _section(rng, size=50, shift=1.0):
    anomaly = np.tile(np.repeat([False, True], size), 2)
    target = np.repeat([False, True], 2 * size)
    return Labels(anomaly, target), rng.normal(size=4 * size) + shift * anomaly


def _of(labels, scores, names=("auc_source",)):
    return influence([leave_out(labels, scores)], names, mean_over)


def test_first_value_is_of_all_clips_and_the_others_are_without_one_recording():
    labels, scores = _section(np.random.default_rng(0), size=6)
    left_out = leave_out(labels, scores)
    for name, value in section_metrics(labels, scores).items():
        assert left_out.metrics[name].shape == (25,)
        assert left_out.metrics[name][0] == value[0]
    for row, clip in enumerate(left_out.recording.tolist(), start=1):
        rest = np.delete(np.arange(24), clip)
        without = section_metrics(labels.select(rest), scores[rest])
        assert left_out.metrics["pauc"][row] == pytest.approx(without["pauc"][0])
    assert len(leave_out(labels, scores, intervals=False).group) == 0


def test_the_variance_of_an_auc_is_that_of_delong():
    """The jackknife gives the sample variances of the placement values, computed here by brute force."""
    rng = np.random.default_rng(6)
    anomaly = rng.random(60) < 0.4
    scores = np.round(rng.normal(size=60) + anomaly, 1)
    kernel = (np.sign(scores[anomaly][:, None] - scores[~anomaly][None, :]) + 1) / 2
    delong = kernel.mean(axis=1).var(ddof=1) / len(kernel) + kernel.mean(axis=0).var(ddof=1) / kernel.shape[1]
    total = spread((1.0, [_of(Labels(anomaly), scores)]))
    assert total.value == pytest.approx(roc_auc_score(anomaly, scores), abs=1e-12)
    assert total.variance == pytest.approx(delong, rel=1e-9)


def test_clips_of_one_recording_are_left_out_together():
    rng = np.random.default_rng(13)
    anomaly = np.repeat([False, True], 6)
    scores = rng.normal(size=12) + anomaly
    recordings = np.repeat(np.arange(12), 5)
    single = _of(Labels(anomaly), scores)
    copies = _of(Labels(np.repeat(anomaly, 5), source_recording=recordings), np.repeat(scores, 5))
    np.testing.assert_allclose(copies.share, single.share)
    unknown = _of(Labels(np.repeat(anomaly, 5)), np.repeat(scores, 5))
    assert spread((1.0, [unknown])).variance < 0.4 * spread((1.0, [copies])).variance


def test_a_recording_of_both_conditions_counts_the_covariance():
    """If a unit that scores high does so when normal and when worn, the AUC varies less."""
    rng = np.random.default_rng(3)
    units = rng.normal(size=20)
    scores = np.r_[units, units + 1] + 0.1 * rng.normal(size=40)
    anomaly = np.repeat([False, True], 20)
    same = Labels(anomaly, source_recording=np.tile(np.arange(20), 2))
    apart = spread((1.0, [_of(Labels(anomaly), scores)])).variance
    assert spread((1.0, [_of(same, scores)])).variance < 0.6 * apart


def test_many_recordings_are_left_out_in_blocks(monkeypatch):
    labels, scores = _section(np.random.default_rng(2), size=100)
    every = spread((1.0, [_of(labels, scores, TERMS)])).variance
    monkeypatch.setattr(jackknife, "MAX_BLOCKS", 100)
    monkeypatch.setattr(jackknife, "_MAX_WEIGHTS", 4000)
    blocks = _of(labels, scores, TERMS)
    assert len(blocks.share) == 400, "100 blocks of each of four groups"
    assert spread((1.0, [blocks])).variance == pytest.approx(every, rel=0.3)


def test_sections_vary_independently():
    labels, scores = _section(np.random.default_rng(12))
    once = leave_out(labels, scores)
    one = spread((1.0, [influence([once], ("pauc",), mean_over)]))
    two = spread((1.0, [influence([once, once], ("pauc",), mean_over)]))
    assert two.value == pytest.approx(one.value)
    assert two.variance == pytest.approx(one.variance / 2, rel=0.05)
    with pytest.raises(EvaluationError, match="at least one section"):
        influence([], ("pauc",), mean_over)
    with pytest.raises(EvaluationError, match="200 labelled clips but 199"):
        leave_out(labels, scores[1:])


def test_seeds_count_with_n_minus_one_and_only_once():
    """If no score differs between seeds, only recordings count; otherwise also the seeds."""
    rng = np.random.default_rng(4)
    labels, scores = _section(rng)
    same = [_of(labels, scores) for _ in range(5)]
    one = spread((1.0, same[:1]))
    assert spread((1.0, same)).variance == pytest.approx(one.variance)
    by_seed = [_of(labels, scores + shift * labels.anomaly) for shift in (-0.6, 0.0, 0.7)]
    values = np.array([one.value for one in by_seed])
    three = spread((1.0, by_seed))
    assert three.value == pytest.approx(values.mean())
    assert three.variance > values.var(ddof=1) / 3
    assert three.freedom < 5, "three seeds tell little about other seeds"


def test_in_a_difference_the_recordings_cancel():
    rng = np.random.default_rng(8)
    labels, common = _section(rng)
    a, b = (_of(labels, common + 0.3 * rng.normal(size=200)) for _ in range(2))
    assert spread((1.0, [a]), (-1.0, [b])).variance < 0.5 * spread((1.0, [a])).variance
    assert spread((1.0, [a]), (-1.0, [a])).variance == 0.0


def test_few_recordings_with_most_of_the_variance_have_few_degrees_of_freedom():
    labels = Labels(np.repeat([False, True], 30))
    rng = np.random.default_rng(5)
    scores = np.r_[rng.normal(size=30), rng.normal(size=29) + 9, -9.0]
    assert spread((1.0, [_of(labels, scores)])).freedom < 4
    assert spread((1.0, [_of(labels, rng.normal(size=60) + labels.anomaly)])).freedom > 30


def test_metrics_without_two_hundred_clips_are_computed_at_once(monkeypatch):
    calls = []

    def counting(*arguments, **options):
        calls.append(options)
        return section_metrics(*arguments, **options)

    monkeypatch.setattr(jackknife, "section_metrics", counting)
    leave_out(*_section(np.random.default_rng(12)))
    assert len(calls) == 2, "with all clips, and all that are without one"

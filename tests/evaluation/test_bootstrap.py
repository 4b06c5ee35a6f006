"""Bootstrap replicates and confidence intervals."""

import time

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from auscult.errors import EvaluationError, OptionError
from auscult.evaluation import auc, delong_interval, harmonic_mean
from auscult.evaluation.bootstrap import estimate, mean_replicates, replicate
from auscult.evaluation.protocol import Labels, section_metrics


def _section(rng, size=50, shift=1.0):
    anomaly = np.tile(np.repeat([False, True], size), 2)
    target = np.repeat([False, True], 2 * size)
    return Labels(anomaly, target), rng.normal(size=4 * size) + shift * anomaly


def test_first_value_is_that_of_the_clips_themselves():
    labels, scores = _section(np.random.default_rng(0))
    exact = section_metrics(labels, scores)
    replicates = replicate(labels, scores, resamples=20)
    for name, value in exact.items():
        assert replicates[name].shape == (21,)
        assert replicates[name][0] == value[0]
        assert len(np.unique(replicates[name])) > 10


def test_replicates_are_metrics_of_stratified_resamples():
    """The replicates are exactly the AUCs of all resamples within strata, enumerated by hand."""
    labels = Labels(np.array([False, False, True, True]))
    scores = np.array([0.0, 2.0, 1.0, 3.0])
    possible = {
        auc([0, 0, 1, 1], [a, b, c, d]) for a in (0, 2) for b in (0, 2) for c in (1, 3) for d in (1, 3)
    }
    replicates = replicate(labels, scores, resamples=500)["auc_source"]
    assert set(replicates) == possible
    assert np.mean(replicates[1:]) == pytest.approx(auc([0, 0, 1, 1], scores), abs=0.05)


def test_clips_of_one_recording_are_resampled_together():
    """Five copies of each of twelve recordings give the same interval as the twelve recordings."""
    rng = np.random.default_rng(13)
    anomaly = np.repeat([False, True], 6)
    scores = rng.normal(size=12) + anomaly
    single = Labels(anomaly)
    copies = Labels(np.repeat(anomaly, 5), source_recording=np.repeat(np.arange(12), 5))
    unknown = Labels(copies.anomaly)
    width = {}
    for name, labels in (("single", single), ("copies", copies), ("unknown", unknown)):
        values = np.repeat(scores, len(labels) // 12)
        interval = estimate(replicate(labels, values, resamples=2000)["auc_source"])
        width[name] = interval.high - interval.low
    assert width["copies"] == pytest.approx(width["single"], abs=1e-12)
    assert width["unknown"] < 0.6 * width["copies"]


def test_replicates_depend_only_on_the_seed():
    labels, scores = _section(np.random.default_rng(1))
    first, same, other = (replicate(labels, scores, resamples=50, seed=seed)["pauc"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_resampling_in_blocks(monkeypatch):
    labels, scores = _section(np.random.default_rng(2), size=10)
    monkeypatch.setattr("auscult.evaluation.bootstrap._BLOCK", 120)  # 3 resamples of 40 clips at once
    replicates = replicate(labels, scores, resamples=10)
    assert all(len(values) == 11 for values in replicates.values())


def test_without_resamples_there_is_no_interval():
    labels, scores = _section(np.random.default_rng(4))
    value_only = estimate(replicate(labels, scores, resamples=0)["pauc"])
    assert (value_only.low, value_only.high) == (None, None)
    with pytest.raises(OptionError, match="negative"):
        replicate(labels, scores, resamples=-1)


def test_bootstrap_and_delong_agree_on_an_auc():
    rng = np.random.default_rng(5)
    for shift in (0.3, 1.0):
        anomaly = np.repeat([False, True], 100)
        scores = rng.normal(size=200) + shift * anomaly
        bootstrap = estimate(replicate(Labels(anomaly), scores, resamples=2000)["auc_source"])
        delong = delong_interval(anomaly, scores)
        assert bootstrap.value == pytest.approx(delong.value, abs=1e-12)
        assert bootstrap.low == pytest.approx(delong.low, abs=0.012)
        assert bootstrap.high == pytest.approx(delong.high, abs=0.012)


def test_delong_interval_equals_brute_force_placement_values():
    rng = np.random.default_rng(6)
    anomaly = rng.random(60) < 0.4
    scores = np.round(rng.normal(size=60) + anomaly, 1)
    kernel = (np.sign(scores[anomaly][:, None] - scores[~anomaly][None, :]) + 1) / 2
    variance = (
        kernel.mean(axis=1).var(ddof=1) / len(kernel) + kernel.mean(axis=0).var(ddof=1) / kernel.shape[1]
    )
    interval = delong_interval(anomaly, scores)
    assert interval.value == pytest.approx(roc_auc_score(anomaly, scores), abs=1e-12)
    assert interval.high - interval.value == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-6)
    with pytest.raises(EvaluationError, match="2 normal and 1 anomalous"):
        delong_interval([0, 0, 1], [1.0, 2.0, 3.0])


def test_intervals_have_nominal_coverage():
    """Scores from N(0, 1) for normal and N(1, 1) for anomalous clips: the true AUC is Φ(1/√2)."""
    from scipy.stats import norm

    truth = norm.cdf(1 / np.sqrt(2))
    rng = np.random.default_rng(7)
    labels = Labels(np.repeat([False, True], 60))
    trials, covered = 1000, np.zeros(2)
    for trial in range(trials):
        scores = rng.normal(size=120) + labels.anomaly
        bootstrap = estimate(replicate(labels, scores, resamples=300, seed=trial)["auc_source"])
        delong = delong_interval(labels.anomaly, scores)
        covered += [interval.low <= truth <= interval.high for interval in (bootstrap, delong)]
    np.testing.assert_allclose(covered / trials, 0.95, atol=0.03)  # standard error of 1000 trials: 0.007


def _difference(scores_a, scores_b, labels, **options):
    a, b = (mean_replicates(list(zip(labels, s, strict=True)), **options) for s in (scores_a, scores_b))
    return estimate(a - b)


def test_paired_intervals_are_narrower_and_contain_zero_for_equal_systems():
    rng = np.random.default_rng(8)
    trials, excluded = 250, 0
    for trial in range(trials):
        labels, common = _section(rng)
        a, b = (common + 0.5 * rng.normal(size=200) for _ in range(2))
        difference = _difference([a], [b], [labels], resamples=200, seed=trial)
        excluded += not difference.low <= 0 <= difference.high
    assert abs(excluded / trials - 0.05) < 0.03

    unpaired = [estimate(replicate(labels, scores)["auc_source"]) for scores in (a, b)]
    paired = _difference([a], [b], [labels], metric="auc_source")
    assert paired.value == pytest.approx(unpaired[0].value - unpaired[1].value)
    unpaired_width = np.hypot(*(interval.high - interval.low for interval in unpaired))
    assert paired.high - paired.low < 0.8 * unpaired_width


def test_difference_is_zero_from_itself_and_positive_from_a_worse_system():
    labels, scores = _section(np.random.default_rng(9))
    same = _difference([scores], [scores * 2 + 1], [labels])
    assert (same.value, same.low, same.high) == (0.0, None, None), "no interval of zero width"
    assert "all resamples" in same.note
    noisy = scores + 3 * np.random.default_rng(10).normal(size=200)
    assert _difference([scores, scores], [noisy, noisy], [labels, labels], year=2021).low > 0
    assert _difference([scores], [noisy], [labels], metric="pauc", year=2020).value > 0


def test_mean_over_sections_is_the_mean_of_all_terms():
    rng = np.random.default_rng(12)
    sections = [_section(rng), _section(rng, shift=2.0)]
    terms = [v[0] for section in sections for v in section_metrics(*section).values()]
    assert mean_replicates(sections, resamples=0) == pytest.approx([harmonic_mean(terms)])
    twice = mean_replicates([sections[0], sections[0]], metric="pauc", resamples=50)
    once = mean_replicates([sections[0]], metric="pauc", resamples=50)
    assert twice[0] == pytest.approx(once[0])
    assert np.std(twice[1:]) < np.std(once[1:]), "sections are resampled independently"


def test_mean_replicates_refuses_invalid_arguments():
    labels, scores = _section(np.random.default_rng(11))
    with pytest.raises(EvaluationError, match="at least one"):
        mean_replicates([])
    with pytest.raises(EvaluationError, match="200 labelled clips but 199"):
        mean_replicates([(labels, scores[1:])])
    with pytest.raises(OptionError, match="no metric 'auk'"):
        mean_replicates([(labels, scores)], metric="auk")


def test_a_thousand_resamples_of_two_hundred_clips_take_less_than_a_second():
    labels, scores = _section(np.random.default_rng(12))
    start = time.process_time()
    replicate(labels, scores, resamples=1000)
    assert time.process_time() - start < 1.0

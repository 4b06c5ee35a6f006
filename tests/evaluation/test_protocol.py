"""Metrics of a section by the rules of each year of the DCASE Challenge."""

import numpy as np
import pytest
from scipy.stats import hmean
from sklearn.metrics import roc_auc_score

from auscult.errors import EvaluationError, OptionError
from auscult.evaluation.protocol import Labels, mean_over, official_names, section_metrics


@pytest.fixture
def section():
    """Labels and scores of 30 + 20 source and 25 + 15 target clips, some tied."""
    rng = np.random.default_rng(0)
    anomaly = np.repeat([False, True, False, True], [30, 20, 25, 15])
    target = np.repeat([False, False, True, True], [30, 20, 25, 15])
    scores = np.round(rng.normal(size=90) + anomaly + 0.5 * target, 1)
    order = rng.permutation(90)
    return Labels(anomaly[order], target[order], name="fan section 00"), scores[order]


def _auc(labels, scores, mask, **options):
    return roc_auc_score(labels.anomaly[mask], scores[mask], **options)


def official_score(sections, year=None) -> float:
    """The official score of sections by the rules of a year."""
    terms = [section[name] for section in sections for name in official_names(year) if name in section]
    return mean_over(terms, year)[0]


@pytest.mark.parametrize("year", [None, 2022, 2023, 2024, 2025, 2026])
def test_since_2022_normal_clips_of_a_domain_are_compared_with_all_anomalies(section, year):
    labels, scores = section
    metrics = section_metrics(labels, scores, year=year)
    assert set(metrics) == {"auc_source", "auc_target", "pauc"}
    source, target = (_auc(labels, scores, labels.anomaly | mask) for mask in (~labels.target, labels.target))
    partial = roc_auc_score(labels.anomaly, scores, max_fpr=0.1)
    assert metrics["auc_source"][0] == pytest.approx(source, abs=1e-12)
    assert metrics["auc_target"][0] == pytest.approx(target, abs=1e-12)
    assert metrics["pauc"][0] == pytest.approx(partial, abs=1e-12)
    assert official_score([metrics], year) == pytest.approx(hmean([source, target, partial]))


def test_2021_separates_the_domains(section):
    labels, scores = section
    metrics = section_metrics(labels, scores, year=2021)
    terms = []
    for domain, mask in (("source", ~labels.target), ("target", labels.target)):
        for name, options in (("auc", {}), ("pauc", {"max_fpr": 0.1})):
            terms.append(_auc(labels, scores, mask, **options))
            assert metrics[f"{name}_{domain}"][0] == pytest.approx(terms[-1], abs=1e-12)
    assert official_score([metrics], 2021) == pytest.approx(hmean(terms))
    assert metrics["pauc"][0] == pytest.approx(hmean([terms[1], terms[3]]))


def test_2020_takes_the_arithmetic_mean_of_all_clips(section):
    labels, scores = section
    for labels_2020 in (labels, Labels(labels.anomaly)):
        metrics = section_metrics(labels_2020, scores, year=2020)
        full = roc_auc_score(labels.anomaly, scores)
        partial = roc_auc_score(labels.anomaly, scores, max_fpr=0.1)
        assert set(metrics) == {"auc_source", "pauc"}
        assert metrics["auc_source"][0] == pytest.approx(full, abs=1e-12)
        assert official_score([metrics], 2020) == pytest.approx((full + partial) / 2)


def test_without_domains_the_auc_is_that_of_all_clips(section):
    labels, scores = section
    metrics = section_metrics(Labels(labels.anomaly), scores)
    assert set(metrics) == {"auc_source", "pauc"}
    assert metrics["auc_source"][0] == pytest.approx(roc_auc_score(labels.anomaly, scores), abs=1e-12)
    expected = hmean([metrics["auc_source"][0], metrics["pauc"][0]])
    assert official_score([metrics]) == pytest.approx(expected)


def test_the_mean_is_taken_over_all_terms_of_all_sections(section):
    labels, scores = section
    sections = [section_metrics(labels, scores), section_metrics(labels, -scores)]
    terms = [metrics[name][0] for metrics in sections for name in ("auc_source", "auc_target", "pauc")]
    assert official_score(sections) == pytest.approx(hmean(terms))


def test_a_domain_without_clips_is_an_error_only_with_a_year(section):
    labels, scores = section
    mask = ~labels.target
    source_only = Labels(labels.anomaly[mask], labels.target[mask], name="fan section 00")
    assert set(section_metrics(source_only, scores[mask])) == {"auc_source", "pauc"}
    with pytest.raises(EvaluationError, match="no target clips"):
        section_metrics(source_only, scores[mask], year=2023)


@pytest.mark.parametrize(
    ("select", "year", "message"),
    [
        (
            lambda x: x.anomaly | ~x.target,
            None,
            r"no normal clips of the target domain.*0 normal target, 15 anomaly",
        ),
        (lambda x: x.anomaly | x.target, None, r"no normal clips of the source domain.*0 normal source"),
        (lambda x: ~x.anomaly, None, r"no anomalous clips, so no AUC.*30 normal source, 0 anomaly source"),
        (lambda x: ~x.anomaly | ~x.target, 2021, r"no anomalous clips of the target domain"),
    ],
)
def test_missing_clips_are_refused_with_counts(section, select, year, message):
    labels, scores = section
    mask = select(labels)
    with pytest.raises(EvaluationError, match=f"fan section 00: {message}"):
        section_metrics(
            Labels(labels.anomaly[mask], labels.target[mask], labels.name), scores[mask], year=year
        )


def test_since_2022_anomalies_of_one_domain_suffice(section):
    labels, scores = section
    mask = ~labels.anomaly | ~labels.target
    metrics = section_metrics(Labels(labels.anomaly[mask], labels.target[mask]), scores[mask], year=2023)
    expected = _auc(labels, scores, (labels.target & ~labels.anomaly) | (labels.anomaly & ~labels.target))
    assert metrics["auc_target"][0] == pytest.approx(expected, abs=1e-12)


def test_unknown_years_missing_domains_and_missing_scores_are_refused(section):
    labels, scores = section
    with pytest.raises(OptionError, match="2019"):
        section_metrics(labels, scores, year=2019)
    with pytest.raises(EvaluationError, match="compares domains"):
        section_metrics(Labels(labels.anomaly), scores, year=2021)
    with pytest.raises(EvaluationError, match="90 labelled clips but 89 scores"):
        section_metrics(labels, scores[1:])

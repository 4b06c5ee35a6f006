import numpy as np
import pytest
from scipy.stats import hmean
from sklearn.metrics import roc_auc_score

from auscult.errors import EvaluationError, OptionError
from auscult.evaluation.protocol import Labels, mean_over, official_terms, section_metrics


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


@pytest.mark.parametrize("year", [None, 2022, 2023, 2024, 2025, 2026])
def test_since_2022_normals_of_a_domain_meet_all_anomalies(section, year):
    labels, scores = section
    found = section_metrics(labels, scores, year=year)
    assert set(found) == {"auc_source", "auc_target", "pauc"}
    source, target = (_auc(labels, scores, labels.anomaly | mask) for mask in (~labels.target, labels.target))
    partial = roc_auc_score(labels.anomaly, scores, max_fpr=0.1)
    assert found["auc_source"][0] == pytest.approx(source, abs=1e-12)
    assert found["auc_target"][0] == pytest.approx(target, abs=1e-12)
    assert found["pauc"][0] == pytest.approx(partial, abs=1e-12)
    assert mean_over(official_terms([found], year), year)[0] == pytest.approx(
        hmean([source, target, partial])
    )


def test_2021_keeps_the_domains_apart(section):
    labels, scores = section
    found = section_metrics(labels, scores, year=2021)
    terms = []
    for domain, mask in (("source", ~labels.target), ("target", labels.target)):
        for name, options in (("auc", {}), ("pauc", {"max_fpr": 0.1})):
            terms.append(_auc(labels, scores, mask, **options))
            assert found[f"{name}_{domain}"][0] == pytest.approx(terms[-1], abs=1e-12)
    assert mean_over(official_terms([found], 2021), 2021)[0] == pytest.approx(hmean(terms))
    assert found["pauc"][0] == pytest.approx(hmean([terms[1], terms[3]]))


def test_2020_takes_the_arithmetic_mean_of_all_clips(section):
    labels, scores = section
    for known in (labels, Labels(labels.anomaly)):
        found = section_metrics(known, scores, year=2020)
        whole = roc_auc_score(labels.anomaly, scores)
        partial = roc_auc_score(labels.anomaly, scores, max_fpr=0.1)
        assert set(found) == {"auc_source", "pauc"}
        assert found["auc_source"][0] == pytest.approx(whole, abs=1e-12)
        assert mean_over(official_terms([found], 2020), 2020)[0] == pytest.approx((whole + partial) / 2)


def test_without_domains_the_auc_is_that_of_all_clips(section):
    labels, scores = section
    found = section_metrics(Labels(labels.anomaly), scores)
    assert set(found) == {"auc_source", "pauc"}
    assert found["auc_source"][0] == pytest.approx(roc_auc_score(labels.anomaly, scores), abs=1e-12)
    expected = hmean([found["auc_source"][0], found["pauc"][0]])
    assert mean_over(official_terms([found]))[0] == pytest.approx(expected)


def test_the_mean_runs_over_all_terms_of_all_sections(section):
    labels, scores = section
    one, two = section_metrics(labels, scores), section_metrics(labels, -scores)
    terms = [part[name][0] for part in (one, two) for name in ("auc_source", "auc_target", "pauc")]
    assert mean_over(official_terms([one, two]))[0] == pytest.approx(hmean(terms))


def test_a_domain_without_clips_has_no_auc_unless_the_year_asks_for_it(section):
    labels, scores = section
    kept = ~labels.target
    alone = Labels(labels.anomaly[kept], labels.target[kept], name="fan section 00")
    assert set(section_metrics(alone, scores[kept])) == {"auc_source", "pauc"}
    with pytest.raises(EvaluationError, match="no target clips"):
        section_metrics(alone, scores[kept], year=2023)


@pytest.mark.parametrize(
    ("kept", "year", "message"),
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
def test_what_lacks_clips_is_refused_with_counts(section, kept, year, message):
    labels, scores = section
    mask = kept(labels)
    with pytest.raises(EvaluationError, match=f"fan section 00: {message}"):
        section_metrics(
            Labels(labels.anomaly[mask], labels.target[mask], labels.name), scores[mask], year=year
        )


def test_anomalies_of_one_domain_alone_will_do_since_2022(section):
    labels, scores = section
    mask = ~labels.anomaly | ~labels.target
    found = section_metrics(Labels(labels.anomaly[mask], labels.target[mask]), scores[mask], year=2023)
    expected = _auc(labels, scores, (labels.target & ~labels.anomaly) | (labels.anomaly & ~labels.target))
    assert found["auc_target"][0] == pytest.approx(expected, abs=1e-12)


def test_years_and_domains_that_do_not_exist(section):
    labels, scores = section
    with pytest.raises(OptionError, match="2019"):
        section_metrics(labels, scores, year=2019)
    with pytest.raises(EvaluationError, match="compares domains"):
        section_metrics(Labels(labels.anomaly), scores, year=2021)
    with pytest.raises(EvaluationError, match="90 labelled clips but 89 scores"):
        section_metrics(labels, scores[1:])

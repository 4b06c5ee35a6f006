"""Data of ROC curves and histograms."""

import numpy as np
import pytest
from sklearn.metrics import auc as area
from sklearn.metrics import roc_auc_score

from auscult.evaluation import Labels
from auscult.evaluation.protocol import section_metrics
from auscult.evaluation.score_curves import histogram_rows, roc_rows


@pytest.fixture
def labelled():
    rng = np.random.default_rng(3)
    labels = Labels(rng.random(60) < 0.5, rng.random(60) < 0.4)
    return labels, np.round(rng.normal(size=60) + labels.anomaly, 1)


def areas(rows):
    points = {}
    for section, curve, _, false_positive, true_positive in rows:
        points.setdefault((section, curve), []).append((false_positive, true_positive))
    return {key: area(*np.array(p).T) for key, p in points.items()}


@pytest.mark.parametrize("year", [None, 2021])
def test_the_areas_are_those_of_the_metrics(labelled, year):
    labels, scores = labelled
    metrics = section_metrics(labels, scores, year=year)
    assert areas(roc_rows({"01": labelled}, year=year)) == pytest.approx(
        {
            ("01", "source"): float(metrics["auc_source"][0]),
            ("01", "target"): float(metrics["auc_target"][0]),
            ("01", "all"): roc_auc_score(labels.anomaly, scores),
        }
    )


def test_without_domains_there_is_one_curve(labelled):
    labels, scores = labelled
    rows = list(roc_rows({"": (Labels(labels.anomaly), scores)}))
    assert {row[1] for row in rows} == {"all"}
    assert rows[0][2:] == (float("inf"), 0.0, 0.0)
    assert rows[-1][3:] == (1.0, 1.0)


def test_the_counts_of_a_histogram_are_those_of_the_clips(labelled):
    labels, scores = labelled
    rows = list(histogram_rows({"": labelled}))
    counts = {}
    for _, low, high, condition, domain, count in rows:
        mask = labels.domains[domain] & (labels.anomaly == (condition == "anomaly"))
        last = high == max(row[2] for row in rows)
        inside = (scores >= low) & ((scores <= high) if last else (scores < high))
        assert count == np.sum(mask & inside)
        name = f"{condition}_{domain}"
        counts[name] = counts.get(name, 0) + count
    assert counts == labels.counts


def test_equal_scores_have_a_histogram():
    labels = Labels(np.arange(6) % 2 == 1)
    rows = list(histogram_rows({"": (labels, np.ones(6))}))
    assert sum(row[-1] for row in rows) == 6

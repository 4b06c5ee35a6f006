"""The data of ROC curves and histograms of scores, as rows of CSV files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from auscult.evaluation.metrics import roc_curve
from auscult.evaluation.protocol import Labels, compared_groups

ROC_COLUMNS = ("section", "curve", "threshold", "false_positive_rate", "true_positive_rate")
HISTOGRAM_COLUMNS = ("section", "low", "high", "condition", "domain", "count")

#: Least and largest number of bins.
_BINS = (5, 100)

#: Name of a section to the labels of its N clips and their (N,) scores.
Sections = Mapping[str, tuple[Labels, np.ndarray]]


def roc_rows(sections: Sections, *, year: int | None = None) -> Iterator[tuple[object, ...]]:
    """Yield the points of the ROC curves, with the columns `ROC_COLUMNS`.

    The curve ``source`` is that of the AUC of the source domain by the rules of the year, ``target``
    likewise, and ``all`` that of all clips. A curve that lacks normal or anomalous clips is left out.

    Args:
        sections: the labels and scores.
        year: year of the DCASE Challenge, as in `section_metrics`.
    """
    for section, (labels, scores) in sections.items():
        curves = {"all": [~labels.anomaly, labels.anomaly]}
        if labels.target is not None and year != 2020:
            of_domains = {domain: compared_groups(labels, f"auc_{domain}", year) for domain in labels.domains}
            curves = of_domains | curves
        for name, groups in curves.items():
            if all(group.any() for group in groups):
                compared = groups[0] | groups[1]
                rates = roc_curve(labels.anomaly[compared], scores[compared])
                for false_positive, true_positive, threshold in zip(
                    *map(np.ndarray.tolist, rates), strict=True
                ):
                    yield section, name, threshold, false_positive, true_positive


def histogram_rows(sections: Sections) -> Iterator[tuple[object, ...]]:
    """Yield the counts of scores, with the columns `HISTOGRAM_COLUMNS`.

    All groups of a section share its bins: from ``low``, included, to ``high``, included in the last bin
    only. Their width is that of `numpy.histogram_bin_edges` by default, for 5 to 100 bins.

    Args:
        sections: the labels and scores.
    """
    for section, (labels, scores) in sections.items():
        number = int(np.clip(len(np.histogram_bin_edges(scores, "auto")) - 1, *_BINS))
        edges = np.histogram_bin_edges(scores, number)
        domains = {"": np.ones(len(labels), dtype=bool)} if labels.target is None else labels.domains
        for condition, of_condition in (("normal", ~labels.anomaly), ("anomaly", labels.anomaly)):
            for domain, of_domain in domains.items():
                counts = np.histogram(scores[of_condition & of_domain], edges)[0]
                for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
                    yield section, float(low), float(high), condition, domain, int(count)

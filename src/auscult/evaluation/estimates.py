"""Metrics with their intervals: by the bootstrap, or an exact bound where it gives none.

The bootstrap gives no interval if all resamples agree. If that is because the clips are separated perfectly,
`separation_interval` does. Means over metrics and sections are bounded by the means of the ends of their
terms: a mean below that of the lower ends requires that some term is below its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from auscult.evaluation.bootstrap import estimate
from auscult.evaluation.intervals import Estimate, separation_interval
from auscult.evaluation.protocol import ScoredSection, compared_groups

#: A metric of one section: its name, the section, and its (1 + R,) replicates.
Term = tuple[str, ScoredSection, np.ndarray]


def metric_estimate(term: Term, year: int | None = None) -> Estimate:
    """One metric of one section with its interval, or without one and with the reason.

    Args:
        term: the metric.
        year: DCASE year whose rules the replicates follow.
    """
    metric, section, replicates = term
    bootstrap = estimate(replicates)
    groups = compared_groups(section.labels, metric, year)
    recordings = min(section.labels.recordings(group) for group in groups)
    if len(replicates) == 1 or (bootstrap.low is not None and recordings > 1):
        return bootstrap
    if _separated(section.scores, groups):
        return separation_interval(metric, bootstrap.value, recordings)
    if recordings == 1:
        note = "no interval: it needs at least two normal and two anomalous recordings"
        return Estimate(bootstrap.value, note=note)
    return bootstrap


def mean_estimate(
    terms: Sequence[Term],
    mean: Callable[[Sequence[np.ndarray]], np.ndarray],
    year: int | None = None,
) -> Estimate:
    """The mean of several metrics with its interval, or without one and with the reason.

    Args:
        terms: the metrics, of one section or of several.
        mean: the mean of several arrays, element by element.
        year: DCASE year whose rules the replicates follow.
    """
    bootstrap = estimate(mean([replicates for _, _, replicates in terms]))
    single = [metric_estimate(term, year) for term in terms]
    groups = [(s.labels, group) for name, s, _ in terms for group in compared_groups(s.labels, name, year)]
    resampled = all(labels.recordings(group) > 1 for labels, group in groups)
    if len(terms[0][2]) == 1 or (bootstrap.low is not None and resampled):
        return bootstrap
    ends = [(e.low, e.high) for e in single if e.low is not None and e.high is not None]
    if len(ends) < len(single):
        return Estimate(bootstrap.value, note=next(e.note for e in single if e.low is None))
    low, high = (float(mean([np.array([end]) for end in side])[0]) for side in zip(*ends, strict=True))
    return Estimate(bootstrap.value, low, high, next((e.note for e in single if e.note), None))


def _separated(scores: np.ndarray, groups: Sequence[np.ndarray]) -> bool:
    """Whether all scores of each normal group are below, or all are above, those of the anomalous group."""
    pairs = [
        (scores[normal], scores[anomaly]) for normal, anomaly in zip(groups[::2], groups[1::2], strict=True)
    ]
    below = all(normal.max() < anomaly.min() for normal, anomaly in pairs)
    return below or all(normal.min() > anomaly.max() for normal, anomaly in pairs)

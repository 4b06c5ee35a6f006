"""Intervals by the stratified bootstrap: clips are drawn anew within each domain and condition.

Drawing within strata keeps normals and anomalies of each domain as the test set has them, so that every
resample has every metric. Where clips were cut from longer recordings, recordings are drawn, for such
clips resemble each other and tell less than as many recordings would. An interval speaks of other clips
of the same machines: over machines nothing is drawn. Ends are the 2.5 % and 97.5 % quantiles of the
resampled metric (Efron 1979); where normals and anomalies are told apart perfectly all resamples agree
and the interval has no width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from auscult.errors import EvaluationError, OptionError
from auscult.evaluation.intervals import LEVEL, Estimate
from auscult.evaluation.protocol import Labels, mean_over, official_terms, section_metrics

#: Weights held at once; a thousand resamples of two thousand clips.
_BLOCK = 2_000_000


def replicate(
    labels: Labels,
    scores: np.ndarray,
    *,
    decisions: np.ndarray | None = None,
    year: int | None = None,
    resamples: int = 1000,
    seed: int | Sequence[int] = 0,
) -> dict[str, np.ndarray]:
    """The metrics of one section, and what they would be with other clips of the same kinds.

    Args:
        labels: of N clips.
        scores: (N,) higher is more anomalous.
        decisions: (N,) bool, called anomalous; ``None`` where there are none.
        year: whose rules, as in ``section_metrics``.
        resamples: how often clips are drawn anew; 0 for none.
        seed: of the draws; one number or several (of the run, of the section).

    Returns:
        Name to (1 + resamples,) values, that of the clips themselves first: the metrics of
        ``section_metrics``, and with decisions ``hits_<domain>`` and ``false_alarms_<domain>``, counts
        of flagged anomalies and of flagged normals.

    Raises:
        EvaluationError: as ``section_metrics``.
        OptionError: a negative number of resamples, or no such year.
    """
    parts: list[dict[str, np.ndarray]] = []
    for weights in _weights(labels, resamples, seed):
        part = section_metrics(labels, scores, year=year, weights=weights)
        if decisions is not None:
            for domain, mask in labels.domains.items():
                part[f"hits_{domain}"] = weights @ (mask & decisions & labels.anomaly).astype(np.float64)
                part[f"false_alarms_{domain}"] = weights @ (mask & decisions & ~labels.anomaly).astype(
                    np.float64
                )
        parts.append(part)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def estimate(replicates: np.ndarray) -> Estimate:
    """The value, and its percentile interval, of (1 + R,) replicates, the clips' own value first."""
    value = float(replicates[0])
    if len(replicates) == 1:
        return Estimate(value)
    low, high = np.quantile(replicates[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def mean_replicates(
    sections: Sequence[tuple[Labels, np.ndarray]],
    *,
    metric: str = "harmonic_mean",
    year: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """A system's mean over sections, and what it would be with other clips of the same kinds.

    With the same seed, sections and clips, in the same order, two systems are judged on the same resamples,
    so that what is easy or hard about the clips cancels in the difference of their replicates. If the
    :func:`estimate` of that difference has an interval without zero, other clips of these machines would
    show it too.

    Args:
        sections: of each the labels and its (N,) scores.
        metric: ``"harmonic_mean"`` (for 2020 the arithmetic mean) of all terms of the official score, or
            the name of one metric, of which the same mean over sections is taken.
        year: whose rules, as in ``section_metrics``.
        resamples: how often clips are drawn anew.
        seed: of the draws.

    Returns:
        (1 + resamples,) means, that of the clips themselves first.

    Raises:
        EvaluationError: no sections, or as ``section_metrics``.
        OptionError: no such metric or year.
    """
    if not sections:
        raise EvaluationError("a mean over sections takes at least one")
    drawn = [
        replicate(labels, scores, year=year, resamples=resamples, seed=[seed, index])
        for index, (labels, scores) in enumerate(sections)
    ]
    return mean_of_drawn(drawn, metric=metric, year=year)


def mean_of_drawn(
    drawn: Sequence[Mapping[str, np.ndarray]], *, metric: str = "harmonic_mean", year: int | None = None
) -> np.ndarray:
    """(1 + R,) mean over sections of what `replicate` gave of each, as `mean_replicates` takes it.

    Raises:
        OptionError: no such metric of every section.
    """
    if metric == "harmonic_mean":
        return mean_over(official_terms(drawn, year), year)
    if not all(metric in section for section in drawn):
        known = ", ".join(["harmonic_mean", *drawn[0]])
        raise OptionError(f"there is no metric {metric!r} of every section; there is {known}")
    return mean_over([section[metric] for section in drawn], year)


def _weights(labels: Labels, resamples: int, seed: int | Sequence[int]) -> Iterator[np.ndarray]:
    """Blocks of rows: ones first, then for each resample how often each of the N clips was drawn."""
    if resamples < 0:
        raise OptionError(f"the number of resamples cannot be negative: {resamples}")
    yield np.ones((1, len(labels)))
    rng = np.random.default_rng(seed)
    strata = []  # of each its clips, the unit that each is drawn with, and the number of units
    for mask in labels.domains.values():
        for condition in (labels.anomaly, ~labels.anomaly):
            members = np.flatnonzero(mask & condition)
            if len(members):
                own = members if labels.source_recording is None else labels.source_recording[members]
                names, units = np.unique(own, return_inverse=True)
                strata.append((members, units, len(names)))
    rows_at_once = max(1, _BLOCK // max(1, len(labels)))
    for start in range(0, resamples, rows_at_once):
        rows = min(rows_at_once, resamples - start)
        weights = np.zeros((rows, len(labels)))
        for members, units, size in strata:
            drawn = rng.integers(0, size, (rows, size)) + size * np.arange(rows)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
            weights[:, members] = counts[:, units]
        yield weights

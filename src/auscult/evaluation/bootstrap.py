"""Confidence intervals by the stratified bootstrap: clips are resampled within each domain and condition.

Resampling within strata keeps the numbers of normal and anomalous clips of each domain, so that every metric
exists for every resample. If clips were cut from longer recordings, recordings are resampled instead, since
segments of one recording are correlated and carry less information than independent recordings. An interval
covers other clips of the same machines; machines are not resampled. Its ends are the 2.5 % and 97.5 %
quantiles of the resampled metric (Efron 1979). If all resamples agree, as for normal and anomalous clips that
are separated perfectly, the bootstrap gives no interval; `estimates.py` then uses an exact bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from auscult.errors import EvaluationError, OptionError
from auscult.evaluation.intervals import LEVEL, Estimate
from auscult.evaluation.protocol import Labels, mean_over, official_terms, section_metrics

#: Weights held in memory at once: a thousand resamples of two thousand clips.
_BLOCK = 2_000_000


def replicate(
    labels: Labels,
    scores: np.ndarray,
    *,
    year: int | None = None,
    resamples: int = 1000,
    seed: int | Sequence[int] = 0,
) -> dict[str, np.ndarray]:
    """Computes the metrics of one section and their bootstrap replicates.

    Args:
        labels: labels of N clips.
        scores: (N,) higher is more anomalous.
        year: DCASE year whose rules apply, as in ``section_metrics``.
        resamples: number of bootstrap resamples; 0 for none.
        seed: seed of the resampling; one number or several (of the run, of the section).

    Returns:
        Name of each metric of ``section_metrics`` to (1 + resamples,) values, first the value for the clips
        themselves.

    Raises:
        EvaluationError: as ``section_metrics``.
        OptionError: a negative number of resamples, or no DCASE protocol for the year.
    """
    blocks = [
        section_metrics(labels, scores, year=year, weights=weights)
        for weights in _weights(labels, resamples, seed)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def estimate(replicates: np.ndarray) -> Estimate:
    """The value and its percentile interval from (1 + R,) replicates, of which the first is the value.

    There is no interval if it would have zero width, since equal resamples say nothing about other clips.
    """
    value = float(replicates[0])
    if len(replicates) == 1:
        return Estimate(value)
    low, high = np.quantile(replicates[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if np.isclose(low, high, rtol=0, atol=1e-12):
        return Estimate(value, note="no interval: all resamples of the clips give this value")
    return Estimate(value, float(low), float(high))


def mean_replicates(
    sections: Sequence[tuple[Labels, np.ndarray]],
    *,
    metric: str = "harmonic_mean",
    year: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Computes the mean of a system over sections and its bootstrap replicates.

    With the same seed and the same sections and clips in the same order, two systems are evaluated on the
    same resamples, so that the difficulty of the clips cancels in the difference of their replicates. If the
    interval of the :func:`estimate` of that difference excludes zero, the difference is expected for other
    clips of these machines too.

    Args:
        sections: for each section the labels and the (N,) scores.
        metric: ``"harmonic_mean"`` (for 2020 the arithmetic mean) of all terms of the official score, or the
            name of one metric, which is averaged over sections by the same mean.
        year: DCASE year whose rules apply, as in ``section_metrics``.
        resamples: number of bootstrap resamples.
        seed: seed of the resampling.

    Returns:
        (1 + resamples,) means, first the mean for the clips themselves.

    Raises:
        EvaluationError: no sections, or as ``section_metrics``.
        OptionError: an unknown metric, or no DCASE protocol for the year.
    """
    if not sections:
        raise EvaluationError("a mean over sections needs at least one section")
    replicates = [
        replicate(labels, scores, year=year, resamples=resamples, seed=[seed, index])
        for index, (labels, scores) in enumerate(sections)
    ]
    return mean_of_replicates(replicates, metric=metric, year=year)


def mean_of_replicates(
    replicates: Sequence[Mapping[str, np.ndarray]], *, metric: str = "harmonic_mean", year: int | None = None
) -> np.ndarray:
    """(1 + R,) mean over sections, from what `replicate` returned for each section.

    The mean is that of `mean_replicates`.

    Raises:
        OptionError: a metric that some section does not have.
    """
    if metric == "harmonic_mean":
        return mean_over(official_terms(replicates, year), year)
    if not all(metric in section for section in replicates):
        known = ", ".join(["harmonic_mean", *replicates[0]])
        raise OptionError(f"no metric {metric!r} for every section; the metrics are {known}")
    return mean_over([section[metric] for section in replicates], year)


def _weights(labels: Labels, resamples: int, seed: int | Sequence[int]) -> Iterator[np.ndarray]:
    """Blocks of (rows, N) weights: a row of ones, then for each resample the number of draws of each clip."""
    if resamples < 0:
        raise OptionError(f"resamples must not be negative, got {resamples}")
    yield np.ones((1, len(labels)))
    rng = np.random.default_rng(seed)
    # A unit is a recording, or a clip if the recordings are unknown; clips of one unit are drawn together.
    strata = []  # for each stratum its clips, the index of each clip's unit, and the number of units
    for mask in labels.domains.values():
        for condition in (labels.anomaly, ~labels.anomaly):
            clips = np.flatnonzero(mask & condition)
            if len(clips):
                unit_names = clips if labels.source_recording is None else labels.source_recording[clips]
                unique_names, units = np.unique(unit_names, return_inverse=True)
                strata.append((clips, units, len(unique_names)))
    block_rows = max(1, _BLOCK // max(1, len(labels)))
    for start in range(0, resamples, block_rows):
        rows = min(block_rows, resamples - start)
        weights = np.zeros((rows, len(labels)))
        for clips, units, size in strata:
            drawn = rng.integers(0, size, (rows, size)) + size * np.arange(rows)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
            weights[:, clips] = counts[:, units]
        yield weights

"""Metrics and differences of systems with their intervals over recordings and seeds.

With fewer than `MIN_RECORDINGS` normal or anomalous recordings there is no interval, since it would not hold
its level (`bench.coverage` measures it); the note gives the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from auscult.evaluation.intervals import (
    Estimate,
    difference_interval,
    logit_interval,
    separation_interval,
    t_quantile,
)
from auscult.evaluation.jackknife import Influence, LeftOut, Mean, influence, leave_out
from auscult.evaluation.protocol import Labels, compared_groups
from auscult.evaluation.spread import spread

#: Fewer normal or anomalous recordings have no interval.
MIN_RECORDINGS = 6
#: Fewer recordings per domain, on average, have none either.
MIN_PER_DOMAIN = 4
#: If hardly any recording deviates, the variance over recordings does not show that hard ones exist. This
#: fraction of one more recording, whose clips are scored at chance, is added to it. Chosen by coverage
#: (`bench.coverage`); only values near 1 of few recordings change noticeably.
UNSEEN = 0.015


@dataclass(frozen=True)
class Measured:
    """One section with its metrics, and what these are without each recording.

    Attributes:
        labels: of the N clips.
        scores: (N,) their scores.
        left_out: the metrics.
        intervals: whether recordings were left out.
    """

    labels: Labels
    scores: np.ndarray
    left_out: LeftOut
    intervals: bool = True

    @classmethod
    def of(
        cls, labels: Labels, scores: np.ndarray, *, year: int | None = None, intervals: bool = True
    ) -> Measured:
        """Computes the metrics; arguments and errors as of `leave_out`."""
        left_out = leave_out(labels, scores, year=year, intervals=intervals)
        return cls(labels, scores, left_out, intervals)


#: The sections of one fit.
Run = Sequence[Measured]


def estimate(runs: Sequence[Run], names: Sequence[str], mean: Mean, *, year: int | None = None) -> Estimate:
    """The mean of metrics over sections and seeds with its interval, or without one and with the reason.

    Args:
        runs: the sections of each seed, which have the same recordings.
        names: the metrics.
        mean: their mean within one seed.
        year: DCASE year whose rules the metrics follow.
    """
    overall = spread((1.0, [influence([m.left_out for m in run], names, mean) for run in runs]))
    if not all(m.intervals for m in runs[0]):
        return Estimate(overall.value)
    counts = _Counts.of(runs[0], names, year)
    if reason := counts.too_few():
        return Estimate(overall.value, note=reason)
    if overall.variance > 0 and 0 < overall.value < 1:
        unseen = (UNSEEN * (overall.value - 0.5) / min(counts.recordings)) ** 2
        return logit_interval(replace(overall, variance=overall.variance + unseen))
    return _separated_estimate(overall.value, runs[0], names, mean, year)


def difference(
    system: Sequence[Run], baseline: Sequence[Run], names: Sequence[str], mean: Mean, *, paired: bool = False
) -> Estimate:
    """The mean of a system minus that of the baseline on the same recordings, with its interval.

    Args:
        system: the sections of each seed.
        baseline: likewise.
        names: the metrics.
        mean: their mean within one seed.
        paired: whether the seeds of both are the same fits, in the same order, as those of two scores of one
            detector; otherwise they are independent.
    """
    first, second = estimate(system, names, mean), estimate(baseline, names, mean)
    if first.low is None or second.low is None:
        without = first if first.low is None else second
        return Estimate(first.value - second.value, note=without.note)
    ours, theirs = (
        [influence([m.left_out for m in run], names, mean) for run in r] for r in (system, baseline)
    )
    if paired and len(ours) == len(theirs):
        both = spread((1.0, [_minus(a, b) for a, b in zip(ours, theirs, strict=True)]))
    else:
        both = spread((1.0, ours), (-1.0, theirs))
    a, b = (spread((1.0, one)).variance ** 0.5 for one in (ours, theirs))
    correlation = (a**2 + b**2 - both.variance) / (2 * a * b) if a * b > 0 else 0.0
    symmetric = t_quantile(both.freedom) * both.variance**0.5
    return difference_interval(first, second, float(np.clip(correlation, -1.0, 1.0)), symmetric)


@dataclass(frozen=True)
class _Counts:
    """The recordings that metrics compare.

    Attributes:
        recordings: number of normal and of anomalous recordings.
        domains: number of domains of the sections that these are divided into.
        single: whether a domain has a single recording of a condition.
    """

    recordings: tuple[int, int]
    domains: tuple[int, int]
    single: bool

    @classmethod
    def of(cls, run: Run, names: Sequence[str], year: int | None) -> _Counts:
        """Counts the recordings of all sections."""
        single = False
        counts, groups = [0, 0], [0, 0]
        for measured in run:
            labels = measured.labels
            known = [name for name in names if name in measured.left_out.metrics]
            compared = [compared_groups(labels, name, year) for name in known]
            for condition in (0, 1):
                of_condition = np.any([mask for masks in compared for mask in masks[condition::2]], axis=0)
                in_domains = [labels.recordings(of_condition & mask) for mask in labels.domains.values()]
                counts[condition] += labels.recordings(of_condition)
                groups[condition] += sum(number > 0 for number in in_domains)
                single = single or 1 in in_domains
        return cls((counts[0], counts[1]), (groups[0], groups[1]), single)

    def too_few(self) -> str | None:
        """Why the recordings are too few for an interval, or ``None``."""
        needed = [max(MIN_RECORDINGS, MIN_PER_DOMAIN * number) for number in self.domains]
        normal, anomalous = self.recordings
        if normal >= needed[0] and anomalous >= needed[1]:
            one = "no interval: a domain has a single normal or a single anomalous recording"
            return one if self.single else None
        return (
            f"no interval: {normal} normal and {anomalous} anomalous independent recordings, and at least "
            f"{needed[0]} and {needed[1]} are needed"
        )


def _separated_estimate(
    value: float, run: Run, names: Sequence[str], mean: Mean, year: int | None
) -> Estimate:
    """The mean of the bounds of all metrics, if all clips are separated perfectly.

    A mean below that of the lower ends requires that some metric is below its own.
    """
    ends = []
    for measured in run:
        for name in names:
            if name not in measured.left_out.metrics:
                continue
            groups = compared_groups(measured.labels, name, year)
            if not _separated(measured.scores, groups):
                return Estimate(value, note="no interval: it is the same without any of the recordings")
            recordings = min(measured.labels.recordings(group) for group in groups)
            ends.append(separation_interval(name, float(measured.left_out.metrics[name][0]), recordings))
    low, high = (float(mean([np.array([getattr(end, side)]) for end in ends])[0]) for side in ("low", "high"))
    return Estimate(value, low, high, ends[0].note)


def _separated(scores: np.ndarray, groups: Sequence[np.ndarray]) -> bool:
    """Whether all scores of each normal group are below, or all are above, those of the anomalous group."""
    pairs = [
        (scores[normal], scores[anomaly]) for normal, anomaly in zip(groups[::2], groups[1::2], strict=True)
    ]
    below = all(normal.max() < anomaly.min() for normal, anomaly in pairs)
    return below or all(normal.min() > anomaly.max() for normal, anomaly in pairs)


def _minus(first: Influence, second: Influence) -> Influence:
    """The difference of two values on the same recordings."""
    return Influence(
        first.value - second.value,
        np.concatenate([first.stratum, second.stratum]),
        np.concatenate([first.recording, second.recording]),
        np.concatenate([first.share, -second.share]),
    )

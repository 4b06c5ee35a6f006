"""How much a metric varies with the recordings: the jackknife, which leaves out one recording at a time.

All clips of a recording are left out together, since clips cut from one recording are alike and tell less
than as many independent recordings. For an AUC this is close to the variance of DeLong, DeLong and
Clarke-Pearson (1988), with clips of one recording as by Obuchowski (1997); it also exists for a partial AUC
and for means. A recording with clips of several groups (domain and condition), as of a machine that wears
out, is left out of one group at a time, and its contributions are summed before they are squared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from auscult.errors import EvaluationError
from auscult.evaluation.protocol import Labels, section_metrics

#: With more recordings than this in a section, several at a time are left out.
MAX_BLOCKS = 400
#: Weights held in memory at once.
_MAX_WEIGHTS = 2_000_000
#: Groups of one section: domain and condition.
_GROUPS = 4

#: Mean of several arrays, element by element.
Mean = Callable[[Sequence[np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class LeftOut:
    """The metrics of one section, of all clips and without each recording.

    Attributes:
        metrics: name of each metric of ``section_metrics`` to (1 + R,) values, first that of all clips.
        group: (R,) index of the group that a recording was left out of.
        recording: (R,) number of this recording.
    """

    metrics: dict[str, np.ndarray]
    group: np.ndarray
    recording: np.ndarray


@dataclass(frozen=True)
class Influence:
    """A value, and the share of each recording in its deviation from the true value.

    Attributes:
        value: the value.
        stratum: (R,) number of the section and the group that the recording was left out of.
        recording: (R,) number of the section and the recording.
        share: (R,) the shares; the variance of the value is the sum of their squares, after shares of one
            recording were added.
    """

    value: float
    stratum: np.ndarray
    recording: np.ndarray
    share: np.ndarray


def leave_out(
    labels: Labels, scores: np.ndarray, *, year: int | None = None, intervals: bool = True
) -> LeftOut:
    """Computes the metrics of one section, and what they are without each recording.

    Groups with a single recording are skipped, since metrics do not exist without it.

    Args:
        labels: labels of N clips.
        scores: (N,) higher is more anomalous.
        year: DCASE year whose rules apply, as in ``section_metrics``.
        intervals: whether recordings are left out at all.

    Raises:
        EvaluationError, OptionError: as ``section_metrics``.
    """
    units = labels.recording_numbers
    count = len(np.unique(units))
    blocks = units % -(-count // -(-count // MAX_BLOCKS)) if count > MAX_BLOCKS else units
    group_of = labels.anomaly + (0 if labels.target is None else 2 * labels.target)
    left_out: list[tuple[int, int]] = []
    for number in range(_GROUPS) if intervals else ():
        of_group = np.unique(blocks[group_of == number])
        left_out += [(number, int(block)) for block in of_group] if len(of_group) > 1 else []
    group, recording = np.array(left_out, int).reshape(-1, 2).T
    rows_at_once = max(1, _MAX_WEIGHTS // max(1, len(labels)))
    parts = [section_metrics(labels, scores, year=year)]
    for start in range(0, len(left_out), rows_at_once):
        rows = slice(start, start + rows_at_once)
        gone = (blocks == recording[rows, None]) & (group_of == group[rows, None])
        parts.append(section_metrics(labels, scores, year=year, weights=np.where(gone, 0.0, 1.0)))
    return LeftOut(
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, group, recording
    )


def influence(sections: Sequence[LeftOut], names: Sequence[str], mean: Mean) -> Influence:
    """The mean of some metrics over sections, and the share of each recording in its deviation.

    Args:
        sections: the sections.
        names: the metrics; those that a section lacks are left out.
        mean: their mean.

    Raises:
        EvaluationError: there is no section, or no section has one of the metrics.
    """
    terms = [
        (k, section.metrics[name])
        for k, section in enumerate(sections)
        for name in names
        if name in section.metrics
    ]
    if not terms:
        raise EvaluationError("a mean over sections needs at least one section with the metric")
    value = float(mean([term[:1] for _, term in terms])[0])
    strata, recordings, shares = [], [], []
    for k, section in enumerate(sections):
        rows = len(section.group)
        values = mean([term[1:] if of == k else np.full(rows, term[0]) for of, term in terms])
        # Deviations from the value itself, not from the mean of the group: this counts the bias too.
        share = value - values
        for group in np.unique(section.group):
            of_group = section.group == group
            size = int(np.sum(of_group))
            share[of_group] *= np.sqrt((size - 1) / size)
        strata.append(_GROUPS * k + section.group)
        recordings.append((k << 32) + section.recording)
        shares.append(share)
    return Influence(
        value, np.concatenate(strata), np.concatenate(recordings, axis=0), np.concatenate(shares)
    )

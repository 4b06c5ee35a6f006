"""Precision, recall, F1 and false-alarm rate of decisions, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.evaluation.estimates import MIN_RECORDINGS
from auscult.evaluation.intervals import Estimate, proportion_interval
from auscult.evaluation.protocol import Labels, ScoredSection
from auscult.evaluation.spread import Spread

#: A rate is consistent with the accepted one if it is measured well enough to exclude this multiple of it.
_CONSISTENT_BELOW = 4


def decision_rates(sections: Sequence[ScoredSection]) -> dict[str, Estimate]:
    """Rates by domain (``recall_source``), over the clips of all sections that have decisions.

    All have the intervals of `proportion_interval`: of precision among the flagged clips, of recall among
    the anomalous ones, of the false-alarm rate among the normal ones. F1 is 2 J / (1 + J), where J is the
    fraction of flagged anomalies among the clips that are flagged or anomalous (Lam, Gopal and Qian 2023). A
    ratio with denominator 0 is 0, as in the official evaluator, and has no interval, nor has one of fewer
    than `MIN_RECORDINGS` recordings. Clips with a sensor fault have no decision; if there are any,
    ``sensor_rate`` is their fraction.
    """
    decided = [(section.labels, section.decisions) for section in sections if section.decisions is not None]
    faults = [_faults(section) for section in sections if section.decisions is not None]
    rates: dict[str, Estimate] = {}
    for domain in ("source", "target"):
        of_domain = [
            (labels, labels.domains[domain], flags, faulty)
            for (labels, flags), faulty in zip(decided, faults, strict=True)
            if domain in labels.domains
        ]
        parts = [(labels, mask & ~faulty, flags) for labels, mask, flags, faulty in of_domain]
        if any(faulty[mask].any() for _, mask, _, faulty in of_domain):
            faulty = np.concatenate([faulty[mask] for _, mask, _, faulty in of_domain])
            recordings = _recordings([(labels, mask) for labels, mask, *_ in of_domain])
            rates[f"sensor_rate_{domain}"] = _rate(faulty, np.ones(len(faulty), bool), recordings)
        if not any(mask.any() for _, mask, _ in parts):
            continue
        anomaly = np.concatenate([labels.anomaly[mask] for labels, mask, _ in parts])
        flagged = np.concatenate([flags[mask] for _, mask, flags in parts])
        recordings = _recordings([(labels, mask) for labels, mask, _ in parts])
        if anomaly.any():
            rates[f"precision_{domain}"] = _rate(anomaly, flagged, recordings)
            rates[f"recall_{domain}"] = _rate(flagged, anomaly, recordings)
            rates[f"f1_{domain}"] = _f1(_rate(anomaly & flagged, anomaly | flagged, recordings))
        if not anomaly.all():
            rates[f"false_alarm_rate_{domain}"] = _rate(flagged, ~anomaly, recordings)
    return rates


def clip_rates(labels: Labels, flagged: np.ndarray) -> dict[str, float]:
    """Return ``recall`` and ``false_alarm_rate`` over all clips, and by domain (``recall_source``).

    Args:
        labels: of N clips; without domains, all clips are ``source``.
        flagged: (N,) bool, true for clips above the threshold.
    """
    rates = {}
    for suffix, mask in {"": np.ones(len(labels), bool), **labels.domains}.items():
        for name, among in (("recall", labels.anomaly & mask), ("false_alarm_rate", ~labels.anomaly & mask)):
            if among.any():
                rates[f"{name}_{suffix}".rstrip("_")] = float(np.mean(flagged[among]))
    return rates


def compare_with_accepted(rate: Estimate, accepted: float) -> str | None:
    """Whether a false-alarm rate is ``"above"`` or ``"consistent with"`` the accepted one.

    It is above if its interval is, and consistent if the interval excludes `_CONSISTENT_BELOW` times the
    accepted rate. Otherwise there are too few recordings to tell, and the result is ``None``.
    """
    if rate.low is None or rate.high is None:
        return None
    if rate.low > accepted:
        return "above"
    return "consistent with" if rate.high < _CONSISTENT_BELOW * accepted else None


def _faults(section: ScoredSection) -> np.ndarray:
    """(N,) true for clips with a sensor fault."""
    return np.zeros(len(section.scores), bool) if section.sensor is None else section.sensor


def _rate(hits: np.ndarray, among: np.ndarray, recordings: np.ndarray) -> Estimate:
    """The fraction of hits among some of N clips; all arguments are (N,)."""
    if not among.any():
        return Estimate(0.0, note="no interval: no clip is above the threshold")
    return clustered_rate(hits[among], recordings[among])


def clustered_rate(hits: np.ndarray, recordings: np.ndarray) -> Estimate:
    """The fraction of hits among N clips, with its interval over recordings.

    Args:
        hits: (N,) bool, or the fraction of several decisions on each clip.
        recordings: (N,) the number of each clip's recording.
    """
    numbers, of_clip = np.unique(recordings, return_inverse=True)
    total, trials, count = float(np.sum(hits)), len(hits), len(numbers)
    if count < MIN_RECORDINGS:
        several = "" if count == 1 else "s"
        return Estimate(
            total / trials,
            note=f"no interval: a rate among {count} independent recording{several}, and at least "
            f"{MIN_RECORDINGS} are needed",
        )
    if count == trials:
        return proportion_interval(total, trials)
    clips = np.bincount(of_clip.reshape(-1))
    without = (total - np.bincount(of_clip.reshape(-1), hits)) / (trials - clips)
    variance = (count - 1) / count * float(np.sum((total / trials - without) ** 2))
    over_recordings = Spread(total / trials, variance, count - 1)
    return proportion_interval(total, trials, spread=over_recordings, independent=count)


def _f1(overlap: Estimate) -> Estimate:
    low, high = (None if end is None else 2 * end / (1 + end) for end in (overlap.low, overlap.high))
    return Estimate(2 * overlap.value / (1 + overlap.value), low, high, overlap.note)


def _recordings(parts: Sequence[tuple[Labels, np.ndarray]]) -> np.ndarray:
    """The recording of each clip of several sections; clips of unknown source have a number of their own."""
    numbers, first = [], -1
    for labels, mask in parts:
        if labels.source_recording is not None:
            numbers.append(labels.source_recording[mask])
        else:
            count = int(np.sum(mask))
            numbers.append(np.arange(first, first - count, -1))
            first -= count
    return np.concatenate(numbers)

"""Precision, recall, F1 and false-alarm rate of decisions, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.evaluation.intervals import Estimate, proportion_interval
from auscult.evaluation.protocol import Labels, ScoredSection


def decision_rates(sections: Sequence[ScoredSection]) -> dict[str, Estimate]:
    """Rates by domain (``recall_source``), over the clips of all sections that have decisions.

    All have Clopper–Pearson intervals: of precision among the flagged clips, of recall among the anomalous
    ones, of the false-alarm rate among the normal ones. F1 is 2 J / (1 + J), where J is the fraction of
    flagged anomalies among the clips that are flagged or anomalous (Lam, Gopal and Qian 2023). A ratio with
    denominator 0 is 0, as in the official evaluator, and has no interval. Clips of one recording count once.
    Clips with a sensor fault have no decision; if there are any, ``sensor_rate`` is their fraction.
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


def _faults(section: ScoredSection) -> np.ndarray:
    """(N,) true for clips with a sensor fault."""
    return np.zeros(len(section.scores), bool) if section.sensor is None else section.sensor


def _rate(hits: np.ndarray, among: np.ndarray, recordings: np.ndarray) -> Estimate:
    """The fraction of hits among some of N clips; all arguments are (N,)."""
    if not among.any():
        return Estimate(0.0, note="no interval of the precision: no clip is above the threshold")
    return proportion_interval(
        int(np.sum(hits & among)), int(np.sum(among)), independent=len(np.unique(recordings[among]))
    )


def _f1(overlap: Estimate) -> Estimate:
    low, high = (None if end is None else 2 * end / (1 + end) for end in (overlap.low, overlap.high))
    return Estimate(2 * overlap.value / (1 + overlap.value), low, high)


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

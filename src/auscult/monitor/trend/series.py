"""Score, level and bands of a machine by the hour, and the slow baseline of the score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from auscult.decision.alarms import AlarmPolicy, SlowBaseline
from auscult.decision.alarms.slow_baseline import TIME_CONSTANT
from auscult.monitor.store import StoreReader
from auscult.monitor.store.summaries import Summaries, concatenated

HOUR, DAY = 3600.0, 86400.0
#: Time before now of which minutes are read; of earlier times hours.
_RECENT = 30 * DAY
#: Fewest scores of an hour that has values.
_LEAST_SCORES = 30
#: Most hours that are read of earlier times; of longer ones the summaries are of several hours.
_POINTS = 10_000
#: Key under which the monitor keeps the edges of the bands of a machine.
BANDS_KEY = "bands"


@dataclass(frozen=True)
class TrendSeries:
    """A machine over time.

    Attributes:
        time: (N,) start of each hour, seconds since 1970 (UTC); hours without scores are left out.
        score: (N,) median of the score over the hour.
        baseline: (N,) the slow baseline of the score.
        level: (N,) level in dB; NaN where it is unknown.
        bands: (N, K) level of each band in dB.
        edges: (K, 2) lowest and highest frequency of each band in Hz; empty if unknown.
        reference: level of the score at calibration, or in the first hours if it was not recorded.
        spread: of the score at calibration; otherwise of the scores of the first hours.
        calibrated: whether reference and spread are of a calibration.
    """

    time: np.ndarray
    score: np.ndarray
    baseline: np.ndarray
    level: np.ndarray
    bands: np.ndarray
    edges: np.ndarray
    reference: float
    spread: float
    calibrated: bool

    def thinned(self, points: int) -> TrendSeries:
        """Return the medians of successive hours, so many that there are at most ``points``."""
        step = -(-len(self.time) // points)
        if step <= 1:
            return self
        parts = [slice(first, first + step) for first in range(0, len(self.time), step)]

        def medians(values: np.ndarray) -> np.ndarray:
            return np.array([np.median(values[part], axis=0) for part in parts])

        return replace(
            self,
            time=self.time[::step],
            score=medians(self.score),
            baseline=medians(self.baseline),
            level=medians(self.level),
            bands=medians(self.bands),
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data; ``None`` where a value is missing."""
        return {
            "time": self.time.tolist(),
            "score": _rounded(self.score),
            "baseline": _rounded(self.baseline),
            "level": _rounded(self.level),
            "bands": [_rounded(band) for band in self.bands.T],
            "edges": self.edges.tolist(),
            "reference": self.reference if np.isfinite(self.reference) else None,
            "spread": self.spread if np.isfinite(self.spread) else None,
            "calibrated": self.calibrated,
        }


def read_trend(reader: StoreReader, machine: str, since: float, until: float) -> TrendSeries:
    """Return the hours of a machine in a time.

    Args:
        reader: of the store.
        machine: name of the machine.
        since, until: seconds since 1970 (UTC).

    Raises:
        OptionError: the machine is unknown, or the times are not in order.
        StoreError: the store cannot be read.
    """
    middle = max(since, until - _RECENT)
    parts = [reader.scores(machine, middle, until, _POINTS)]
    if since < middle:
        parts.insert(0, reader.scores(machine, since, middle, _POINTS))
    hours, scores, levels = _by_hour(concatenated(parts))
    policy = next(known.policy for known in reader.machines() if known.name == machine)
    settings = AlarmPolicy.from_json(policy).baseline if policy else None
    if settings:
        reference, spread = settings.reference, settings.spread
    else:
        first = slice(0, 24)
        reference = float(np.median(scores[first])) if len(scores) else np.nan
        spread = _spread_of(parts)
    bands = reader.state(machine, BANDS_KEY)
    edges = np.array(bands["edges"]) if bands else np.empty((0, 2))
    return TrendSeries(
        hours,
        scores,
        _baseline(hours, scores, reference, settings),
        levels[:, 0] if levels.shape[1] else np.full(len(hours), np.nan),
        levels[:, 1:],
        edges if len(edges) == max(0, levels.shape[1] - 1) else np.empty((0, 2)),
        reference,
        spread,
        settings is not None,
    )


def _by_hour(summaries: Summaries) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the start, the median score and the median levels of each hour with enough scores."""
    keys = np.floor(summaries.time / HOUR)
    hours, firsts = np.unique(keys, return_index=True)
    times, scores, levels = [], [], []
    for hour, rows in zip(hours, np.split(np.arange(len(keys)), firsts[1:]), strict=False):
        if summaries.count[rows].sum() >= _LEAST_SCORES:
            times.append(hour * HOUR)
            scores.append(np.median(summaries.mean[rows]))
            levels.append(np.median(summaries.levels[rows], axis=0))
    bands = summaries.levels.shape[1]
    return np.array(times), np.array(scores), np.array(levels, np.float64).reshape(len(times), bands)


def _spread_of(parts: list[Summaries]) -> float:
    """Return half the range of the scores within minutes, typical of the first day."""
    scores = next((part for part in parts if len(part.time)), None)
    if scores is None:
        return np.nan
    first = scores.time < scores.time[0] + DAY
    return float(np.median(scores.highest[first] - scores.lowest[first])) / 2


def _baseline(
    hours: np.ndarray, scores: np.ndarray, reference: float, settings: SlowBaseline | None
) -> np.ndarray:
    """Return the slow average of the score, as of the monitor but from hours."""
    keep = np.exp(-HOUR / (settings.time_constant if settings else TIME_CONSTANT))
    level = reference + (settings.start if settings else 0.0)
    baseline = np.empty(len(hours))
    for index, score in enumerate(scores):
        level = keep * level + (1 - keep) * score
        baseline[index] = level
    return baseline


def _rounded(values: np.ndarray) -> list[float | None]:
    return [round(value, 4) if np.isfinite(value) else None for value in values.tolist()]

"""The trend of a machine by the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import numpy as np

from auscult.monitor.trend.series import TrendSeries


@dataclass(frozen=True)
class Day:
    """A day of a machine.

    Attributes:
        date: in local time, such as ``2026-11-28``.
        hours: with scores.
        score: median over these hours.
        baseline: the slow baseline of the score at the end of the day.
        level: median in dB; ``None`` if it is unknown.
    """

    date: str
    hours: int
    score: float
    baseline: float
    level: float | None

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data."""
        return dict(vars(self))


def by_day(series: TrendSeries) -> list[Day]:
    """Return the days with scores, the first one first.

    Example:
        >>> hours = np.arange(48) * 3600.0 + 1.75e9
        >>> series = TrendSeries(
        ...     time=hours,
        ...     score=np.full(48, 5.0),
        ...     baseline=np.full(48, 4.5),
        ...     level=np.full(48, -30.0),
        ...     bands=np.empty((48, 0)),
        ...     edges=np.empty((0, 2)),
        ...     reference=5.0,
        ...     spread=0.8,
        ...     calibrated=True,
        ... )
        >>> days = by_day(series)
        >>> (sum(day.hours for day in days), days[0].score, days[0].baseline, days[0].level)
        (48, 5.0, 4.5, -30.0)
    """
    dates = [datetime.fromtimestamp(time, UTC).astimezone().date().isoformat() for time in series.time]
    days = []
    for date, hours in groupby(range(len(dates)), key=dates.__getitem__):
        rows = list(hours)
        level = float(np.median(series.level[rows]))
        days.append(
            Day(
                date,
                len(rows),
                float(np.median(series.score[rows])),
                float(series.baseline[rows[-1]]),
                level if np.isfinite(level) else None,
            )
        )
    return days

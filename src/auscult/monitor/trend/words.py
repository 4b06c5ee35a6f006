"""Slow changes of a machine in plain sentences."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from auscult.monitor.store import StoreReader
from auscult.monitor.trend.changes import DAY, HOUR, LEAST_HOURS, SlowChange, find_change
from auscult.monitor.trend.series import TrendSeries

#: Smallest change of the level, and of the level of a band, that is worth a sentence, dB.
LEAST_LEVEL, LEAST_BAND = 2.0, 3.0
#: Hours from which the present level of the score is taken.
_PRESENT = 24
#: A fall of the score that begins so soon after the first value is called running-in, seconds.
_FIRST_DAYS = 3 * DAY
#: Time without scores that is worth a sentence, seconds.
_SILENCE = HOUR


def describe_trend(series: TrendSeries) -> list[str]:
    """Return what has slowly changed, one sentence for each quantity.

    It is empty if nothing has, or if there are fewer than `LEAST_HOURS` hours.

    Example:
        >>> hours = np.arange(0, 30 * 24)
        >>> series = TrendSeries(
        ...     time=hours * 3600.0,
        ...     score=np.where(hours < 480, 5.0, 5.0 + (hours - 480) / 80),
        ...     baseline=np.full(720, 5.0),
        ...     level=np.full(720, -30.0),
        ...     bands=np.empty((720, 0)),
        ...     edges=np.empty((0, 2)),
        ...     reference=5.0,
        ...     spread=0.8,
        ...     calibrated=True,
        ... )
        >>> describe_trend(series)
        ['score rose by 3 over 9 days, since 1970-01-21 (calibration spread 0.8)']
    """
    if len(series.time) < LEAST_HOURS:
        return []
    sentences = [*_score(series), *_level(series)]
    return [sentence for sentence in sentences if sentence]


def no_data(*, ever: bool) -> str:
    """Return what is said of a machine without data now.

    Args:
        ever: whether it has had any.
    """
    return "no data" if ever else "no data yet"


def describe_silence(reader: StoreReader, machine: str, now: float) -> str | None:
    """Return for how long a machine has had no score, and why; ``None`` if that is less than an hour."""
    age = reader.score_age(machine, now)
    if age is None:
        return no_data(ever=False)
    if age < _SILENCE:
        return None
    open_gaps = [gap for gap in reader.gaps(machine, since=now - age) if gap.end is None]
    reason = f" ({open_gaps[-1].reason})" if open_gaps else ""
    return f"{no_data(ever=True)} for {span(age)}{reason}"


def span(seconds: float) -> str:
    """Return a time in words.

    Example:
        >>> span(3 * 3600), span(9.2 * 86400)
        ('3 h', '9 days')
    """
    return f"{max(1, round(seconds / HOUR))} h" if seconds < 2 * DAY else f"{round(seconds / DAY)} days"


def _score(series: TrendSeries) -> Iterable[str]:
    name = "calibration spread" if series.calibrated else "spread in the first day"
    spread = f"({name} {series.spread:.2g})"
    change = find_change(series.time, series.score, series.spread)
    if change:
        running_in = change.amount < 0 and change.start < series.time[0] + _FIRST_DAYS
        yield f"{'running-in: ' if running_in else ''}{_sentence('score', change)} {spread}"
    present = float(np.median(series.score[-_PRESENT:])) - series.reference
    # A change that has just been stated needs no second sentence unless the sum is another.
    stated = change is not None and abs(present - change.amount) <= series.spread
    if series.calibrated and abs(present) > series.spread and not stated:
        side = "above" if present > 0 else "below"
        yield f"score is {abs(present):.2g} {side} the level at calibration {spread}"


def _level(series: TrendSeries) -> Iterable[str]:
    change = find_change(series.time, series.level, LEAST_LEVEL)
    bands = [find_change(series.time, band, LEAST_BAND) for band in series.bands.T]
    if change:
        same = [b if b and b.amount * change.amount > 0 else None for b in bands]
        where = f", most in {_range(series, same)}" if any(same) else ""
        yield f"{_sentence('level', change, ' dB')}{where}"
        return
    largest = max((band for band in bands if band), key=lambda band: abs(band.amount), default=None)
    if largest:
        same = [b if b and b.amount * largest.amount > 0 else None for b in bands]
        yield _sentence(f"level in {_range(series, same)}", largest, " dB")


def _sentence(name: str, change: SlowChange, unit: str = "") -> str:
    verb = "rose" if change.amount > 0 else "fell"
    text = f"{name} {verb} by {abs(change.amount):.2g}{unit} over {span(change.end - change.start)}"
    if change.goes_on:
        return f"{text}, since {_date(change.start, change.last)}"
    return f"{text}, flattening since {_date(change.end, change.last)}"


def _range(series: TrendSeries, changes: list[SlowChange | None]) -> str:
    """Return the frequencies of the band that changed most, and of neighbours with half of that or more."""
    amounts = [abs(change.amount) if change else 0.0 for change in changes]
    low = high = int(np.argmax(amounts))
    least = amounts[low] / 2
    while low > 0 and amounts[low - 1] >= least:
        low -= 1
    while high + 1 < len(amounts) and amounts[high + 1] >= least:
        high += 1
    if not len(series.edges):
        return f"bands {low + 1} to {high + 1} of {len(amounts)}"
    return f"{_frequency(series.edges[low, 0])}–{_frequency(series.edges[high, 1])}"


def _frequency(hertz: float) -> str:
    return f"{hertz:.3g} Hz" if hertz < 1000 else f"{hertz / 1000:.2g} kHz"


def _date(time: float, now: float) -> str:
    """Return a local time, to the hour if it is near."""
    moment = datetime.fromtimestamp(time, UTC).astimezone()
    return moment.strftime("%Y-%m-%d" if now - time > 2 * DAY else "%Y-%m-%d %H:00")

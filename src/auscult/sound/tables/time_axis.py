"""The sample rate of a table by its column of times.

A column is one of times if its name says so, or if it increases by equal steps. Several columns can be one
time: hour, minute, second and microsecond, as in the data of PRONOSTIA (FEMTO-ST).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from auscult.errors import TableError
from auscult.sound.tables.table import Column, Table

_NAME = re.compile(
    r"(?:(?:relative|rel|absolute|abs|elapsed)[ _.-]?)?"
    r"(?:time|times|zeit|temps|t|timestamp|time[ _-]stamp|time[ _-]?(?:axis|vector)|x_value)"
)
_UNIT_IN_NAME = re.compile(r"(.*?)[ _]*(?:[\[(/]\s*([^\])]*?)\s*[\])]?|_(s|sec|ms|us|µs|ns))$")
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sek"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
}
#: Rows at both ends that have to increase by equal steps.
_ROWS = 64
#: Relative difference between steps that count as equal, besides the rounding of the values.
_EQUAL = 0.05
#: Hour, minute, second and microsecond: largest values, and seconds.
_CLOCK_LIMITS, _CLOCK_SECONDS = (23, 59, 59, 999_999), (3600.0, 60.0, 1.0, 1e-6)
#: Times that are rounded so much that the rate is less certain than this, relatively, state no rate.
_UNCERTAIN = 0.01


@dataclass(frozen=True)
class TimeAxis:
    """The columns that state the time of a row.

    Attributes:
        columns: the columns.
        factors: seconds in a unit of each.
        named: whether the name of the column says that it is a time.
    """

    columns: tuple[Column, ...]
    factors: tuple[float, ...]
    named: bool = False

    @property
    def name(self) -> str:
        """The name of the columns."""
        return " and ".join(repr(column.name) for column in self.columns)

    def seconds(self, values: np.ndarray) -> np.ndarray:
        """Return the (B,) times in seconds of (B, len(columns)) values."""
        return np.asarray(values @ np.array(self.factors))


def find_times(table: Table, length: int) -> list[TimeAxis]:
    """Return the columns of times, or of row numbers, among the columns with so many values."""
    columns = [column for column in table.columns if column.length == length]
    if (clock := _clock(table, columns)) is not None:
        return [clock]
    return [axis for column in columns if (axis := _axis(table, column, alone=len(columns) == 1))]


def _axis(table: Table, column: Column, *, alone: bool) -> TimeAxis | None:
    base, unit = _name_and_unit(column)
    factor = _SECONDS.get(unit.casefold(), None if unit else 1.0)
    named = bool(_NAME.fullmatch(base.casefold())) and factor is not None
    if named or (not alone and _increases_evenly(table, column)):
        return TimeAxis((column,), (factor or 1.0,), named)
    return None


def _name_and_unit(column: Column) -> tuple[str, str]:
    """The last part of the name without its unit, and the unit."""
    name = column.parts[-1].strip() if column.parts else ""
    unit = column.unit.strip().strip("[]()").strip()
    if match := _UNIT_IN_NAME.fullmatch(name):
        return match[1].strip(), unit or match[2] or match[3] or ""
    return name, unit


def _increases_evenly(table: Table, column: Column) -> bool:
    """Whether a column increases by equal steps at its start and at its end."""
    if column.length < 4:
        return False
    for values in table.ends([column], _ROWS):
        steps = np.diff(values[:, 0])
        median = float(np.median(steps))
        if not median > 0 or np.abs(steps - median).max() > _EQUAL * median + 2 * _rounding(values[:, 0]):
            return False
    return True


def _rounding(values: np.ndarray) -> float:
    """The smallest power of ten that (N,) values are multiples of, at least their precision as float64."""
    largest = float(np.abs(values).max(initial=0.0))
    for digits in range(12):
        scaled = values * 10.0**digits
        if np.all(np.abs(scaled - np.round(scaled)) < 1e-6 + 1e-12 * np.abs(scaled)):
            return 10.0**-digits if digits else 0.0
    return largest * 1e-12


def _clock(table: Table, columns: Sequence[Column]) -> TimeAxis | None:
    """Hour, minute, second and microsecond in the first four of at least five columns."""
    if len(columns) < 5 or [column.index for column in columns[:4]] != [0, 1, 2, 3]:
        return None
    for values in table.ends(columns[:4], _ROWS):
        if np.any(values < 0) or np.any(values > _CLOCK_LIMITS) or np.any(values != np.round(values)):
            return None
        if np.any(np.diff(values @ np.array(_CLOCK_SECONDS)) <= 0):
            return None
    return TimeAxis(tuple(columns[:4]), _CLOCK_SECONDS, named=True)


def rate_by_times(table: Table, axis: TimeAxis) -> float | None:
    """Return the sample rate in Hz by the first and the last time; ``None`` if the times do not state one.

    Times are rounded when they are written. Of the rates that are possible then, it is the roundest.
    """
    first, last = (axis.seconds(values) for values in table.ends(axis.columns, _ROWS))
    length = axis.columns[0].length
    span = float(last[-1] - first[0])
    if not span > 0 or length < 3:
        return None
    resolution = max(_resolution(first), _resolution(last))
    if resolution / span > _UNCERTAIN:
        return None
    low, high = ((length - 1) / (span + sign * resolution) for sign in (1, -1))
    return _roundest(low, high)


def _resolution(times: np.ndarray) -> float:
    """The unit that (N,) times are rounded to: the smallest step, if there are equal times."""
    steps = np.diff(times)
    positive = steps[steps > 0]
    if not len(positive):
        return float("inf")
    if len(positive) < len(steps):
        return float(positive.min())
    return _rounding(times - times[0])


def _roundest(low: float, high: float) -> float:
    """The number in a range with the fewest significant digits; the middle one of these."""
    middle = (low + high) / 2
    for digits in range(1, 15):
        unit = 10.0 ** (math.floor(math.log10(middle)) + 1 - digits)
        number = round(middle / unit) * unit
        if low <= number <= high:
            return number
    return middle


def check_times(
    table: Table, axis: TimeAxis, rate: float, blocks: Iterator[np.ndarray]
) -> Iterator[np.ndarray]:
    """Pass on blocks of (B, C) values while their times are checked: those of ``axis`` are the last columns.

    Raises:
        TableError: a time differs from the expected one by more than a sample and the rounding of times.
    """
    count = len(axis.columns)
    first, _ = (axis.seconds(values) for values in table.ends(axis.columns, _ROWS))
    allowed = max(1.0 / rate, _resolution(first)) * 1.01
    row = 0
    for block in blocks:
        times = axis.seconds(block[:, -count:])
        expected = first[0] + (row + np.arange(len(times))) / rate
        wrong = np.abs(times - expected) > allowed + 1e-9 * np.abs(expected)
        if wrong.any():
            index = int(np.argmax(wrong))
            raise TableError(
                table.path,
                f"line {table.line(row + index)}, column {axis.name}: the times are not evenly spaced: "
                f"{times[index] - first[0]:.6g} s after the first instead of "
                f"{expected[index] - first[0]:.6g} s. Samples are missing, or the times are rounded; if the "
                "samples are evenly spaced nevertheless, state the rate with `TableSettings(rate=HZ)`",
                table.line(row + index),
                axis.name,
            )
        row += len(block)
        yield block[:, :-count]

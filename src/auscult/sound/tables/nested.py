"""Columns in nested data, such as structs of MATLAB: arrays, and dictionaries and lists of them.

The name of a column is its path. A list of structs that have a name each, as in the data of Paderborn
University (``Y(7).Name = 'vibration_1'``), is a struct of these names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from auscult.errors import TableError
from auscult.sound.tables.table import ArrayColumn

#: Names of numbers that are the sample rate of what is beside or below them, in lower case.
RATE_NAMES = frozenset(
    {
        *("fs", "fsamp", "f_s", "sr", "samplerate", "sample_rate", "samplingrate", "sampling_rate"),
        *("samplefrequency", "sample_frequency", "samplingfrequency", "sampling_frequency"),
    }
)
#: The same of numbers that are the time between two samples, in seconds.
STEP_NAMES = frozenset({"dt", "delta_t", "wf_increment", "sampling_interval", "sample_interval"})
_NAME_KEYS, _DATA_KEYS = ("name", "label"), ("data", "values", "value")
_MAX_DEPTH = 8
_MIN_LENGTH = 2  # a single number is no signal


def columns_in(path: str, data: Any, *, separator: str = ".") -> list[ArrayColumn]:
    """Return the columns in nested data.

    Of an array of two dimensions the longer one is time. Of one of three dimensions the first one counts
    recordings, which are read one after the other.

    Args:
        path: the file, for errors.
        data: an array, or a mapping of names to data, or a sequence of data.
        separator: what stands between the parts of names.

    Raises:
        TableError: it is nested too deeply.
    """
    columns: list[ArrayColumn] = []
    for parts, array, rate in _arrays(path, data, (), None):
        for channel in _channels(array):
            name = (*parts, *channel.name) if parts else ()  # a single array has no names, only numbers
            index = len(columns)
            columns.append(
                ArrayColumn(index, name, channel.length, rate, "", separator, channel.note, read=channel.read)
            )
    return columns


def stated_rate(names: Mapping[str, Any]) -> float | None:
    """Return the sample rate in Hz that a number among named data states, or ``None``."""
    for name, value in names.items():
        number = _single_number(value)
        if number is None or not number > 0:
            continue
        if name.lower() in RATE_NAMES:
            return number
        if name.lower() in STEP_NAMES:
            return 1.0 / number
    return None


def _arrays(
    path: str, data: Any, parts: tuple[str, ...], rate: float | None
) -> Iterator[tuple[tuple[str, ...], Any, float | None]]:
    """The arrays of numbers in nested data, with their names and the rate that is stated for them."""
    if len(parts) > _MAX_DEPTH:
        raise TableError(path, f"nested more than {_MAX_DEPTH} levels deep ({'.'.join(parts)})")
    if isinstance(data, Mapping):
        here = stated_rate(data)
        for name, value in data.items():
            below = (*parts, str(name)) if name else parts  # no name: the array that attributes belong to
            yield from _arrays(path, value, below, here or rate)
        return
    names = getattr(getattr(data, "dtype", None), "names", None)
    if names:  # an array of records
        for name in names:
            yield from _arrays(path, data[name], (*parts, name), rate)
        return
    if _is_sequence(data):
        for i, item in enumerate(np.ravel(data) if isinstance(data, np.ndarray) else data):
            name, value = _named(item) or (str(i), item)
            yield from _arrays(path, value, (*parts, name), rate)
        return
    if hasattr(data, "dtype") and data.dtype.kind in "iuf" and max(data.shape, default=0) >= _MIN_LENGTH:
        yield parts, data, rate


def _is_sequence(data: Any) -> bool:
    return isinstance(data, list | tuple) or (isinstance(data, np.ndarray) and data.dtype == object)


def _named(item: Any) -> tuple[str, Any] | None:
    """Name and data of a struct that has both; ``None`` if it has not."""
    if not isinstance(item, Mapping):
        return None
    lower = {str(key).lower(): value for key, value in item.items()}
    name = next((lower[key] for key in _NAME_KEYS if isinstance(lower.get(key), str) and lower[key]), None)
    data = next((lower[key] for key in _DATA_KEYS if key in lower), None)
    return None if name is None or data is None else (name, data)


class _Channel(NamedTuple):
    """A channel of an array: what is added to the name of the array, and how its values are read."""

    name: tuple[str, ...]
    length: int
    note: str
    read: Callable[[int, int], np.ndarray]


def _channels(array: Any) -> Iterator[_Channel]:
    """The channels of an array in memory or on disk, of one to three dimensions; none of others."""
    match len(array.shape):
        case 1:
            yield _Channel((), array.shape[0], "", lambda start, stop: np.asarray(array[start:stop]))
        case 2:
            times_first = array.shape[0] >= array.shape[1]
            length, count = array.shape if times_first else array.shape[::-1]
            for i in range(count):
                read = partial(_read_vector, array, i, times_first)
                yield _Channel((str(i),) if count > 1 else (), length, "", read)
        case 3:
            times_last = array.shape[1] <= array.shape[2]
            recordings, each, count = array.shape[0], max(array.shape[1:]), min(array.shape[1:])
            note = (
                f"{recordings} recordings of {each} values each, read one after the other: cut them into "
                f"windows of {each} values with `window=SECONDS`"
            )
            for i in range(count):
                read = partial(_read_joined, array, i, times_last, each)
                yield _Channel((str(i),) if count > 1 else (), recordings * each, note, read)


def _read_vector(array: Any, index: int, times_first: bool, start: int, stop: int) -> np.ndarray:
    """Values of a column of an (L, C) array, or of a row of a (C, L) array."""
    return np.asarray(array[start:stop, index] if times_first else array[index, start:stop])


def _read_joined(array: Any, index: int, times_last: bool, each: int, start: int, stop: int) -> np.ndarray:
    """Values of a channel of an (N, C, L) or (N, L, C) array, whose N recordings follow each other."""
    first, last = start // each, -(-stop // each)
    rows = array[first:last, index, :] if times_last else array[first:last, :, index]
    return np.asarray(rows).reshape(-1)[start - first * each : stop - first * each]


def _single_number(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hasattr(value, "dtype") and value.dtype.kind in "iuf" and value.size == 1:
        return float(np.asarray(value).ravel()[0])
    return None

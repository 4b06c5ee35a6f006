"""Universal File Format of I-deas (``.uff``, ``.unv``), by pyuff: the time signals in it."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from auscult.errors import MissingExtraError, TableError
from auscult.sound.tables.table import ArrayColumn, ArrayTable

_FUNCTIONS = 58  # number of the data sets that hold functions
_TIME_SIGNALS = (0, 1)  # types of function: general or unknown, and time response
_EVEN = 1  # values at equal distances
_END = 256  # bytes at the end of the file that hold the end of the last data set


def open_uff(path: str) -> ArrayTable:
    """Open a file, and read its time signals: data sets 58 of function type 0 or 1.

    The name of a column is the node and the direction of the response, as in ``12+Z``.

    Raises:
        TableError: it is damaged, or has no time signals.
        MissingExtraError: pyuff is not installed.
    """
    try:
        import pyuff
    except ImportError as error:
        raise MissingExtraError(f"Reading {path}", "sensors") from error
    _check_end(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = pyuff.UFF(path)
            kinds = [int(kind) for kind in np.atleast_1d(file.get_set_types())]
            sets = [file.read_sets(i) for i, kind in enumerate(kinds) if kind == _FUNCTIONS]
    except Exception as error:  # pyuff raises errors of many types for damaged files
        raise TableError(
            path, f"cannot be read as Universal File Format: {error or type(error).__name__}"
        ) from error
    signals = [s for s in sets if s.get("func_type") in _TIME_SIGNALS and np.isrealobj(s.get("data"))]
    if not signals:
        raise TableError(
            path, f"holds no time signals: {len(sets)} functions of other types in {len(kinds)} data sets"
        )
    columns: list[ArrayColumn] = []
    for signal in signals:
        name, values = _name(signal, columns), np.asarray(signal["data"], np.float64).ravel()
        if len(values) != (declared := int(signal.get("num_pts") or len(values))):
            raise TableError(
                path, f"signal {name} has {len(values)} values instead of {declared}", column=name
            )
        step = signal.get("abscissa_inc") if signal.get("abscissa_spacing") == _EVEN else None
        unit = str(signal.get("ordinate_axis_units_lab") or "").strip()
        columns.append(_column(len(columns), name, values, 1.0 / step if step else None, unit))
        if step is None:
            columns.append(
                _column(len(columns), f"time of {name}", np.asarray(signal["x"]).ravel(), None, "s")
            )
    return ArrayTable(path, "UFF", columns)


def _check_end(path: str) -> None:
    """Raise an error if the last data set is not complete; pyuff would leave it out."""
    with open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _END))
        if not file.read().rstrip().endswith(b" -1"):
            raise TableError(path, "the last data set has no end (-1): the file is truncated")


def _column(index: int, name: str, values: np.ndarray, rate: float | None, unit: str) -> ArrayColumn:
    return ArrayColumn(
        index, (name,), len(values), rate, unit, read=lambda start, stop: np.asarray(values[start:stop])
    )


def _name(signal: dict[str, Any], columns: list[ArrayColumn]) -> str:
    """The name of a signal, different from those of the columns before."""
    directions = {1: "+X", -1: "-X", 2: "+Y", -2: "-Y", 3: "+Z", -3: "-Z"}
    name = f"{signal.get('rsp_node', '')}{directions.get(int(signal.get('rsp_dir') or 0), '')}"
    count = sum(column.parts[0].partition(" (")[0] == name for column in columns)
    return f"{name} ({count + 1})" if count else name

"""Conditions of queries, and rows as values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import OptionError, StoreError
from auscult.monitor.store.arrays import unpack_array
from auscult.monitor.store.records import Event

#: Query of events ``e`` of machines ``m``, with the columns in the order of `event_of`.
EVENTS = (
    "SELECT m.name, e.kind, e.start, e.end, e.peak, e.peak_time, e.score, e.threshold, e.state, e.model, "
    "e.explanation, e.id, e.map IS NOT NULL FROM events e JOIN machines m ON m.id = e.machine"
)

#: The events that have not ended, other than drifts, which may last for months; the most urgent one last.
OPEN_EVENTS = f"{EVENTS} WHERE e.end IS NULL AND e.kind <> 'drift' ORDER BY e.kind = 'alarm', e.id"


class Where:
    """Conditions of a query and their values; a condition without a value is left out."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, value: Any) -> None:
        """Add a condition with one placeholder, unless its value is ``None``."""
        if value is not None:
            self.conditions.append(condition)
            self.values.append(value)

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


def event_of(row: tuple) -> Event:
    """Make an event of a row of `EVENTS`."""
    *values, explanation, number, has_map = row
    return Event(*[*values, json.loads(explanation), number, bool(has_map)])


def array_of(path: Path, data: bytes, what: str) -> np.ndarray:
    """Return a stored array; `StoreError` with the path of the store if it is damaged."""
    try:
        return unpack_array(data)
    except ValueError as error:
        raise StoreError(path, f"{what} is damaged: {error}") from None


def only(rows: Iterable[tuple], otherwise: str) -> tuple:
    """Return the first row; if there is none, raise `OptionError` with a text."""
    for row in rows:
        return row
    raise OptionError(otherwise)

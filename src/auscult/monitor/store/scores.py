"""Scores as they arrive, about one a second for each machine, and their packing by minutes.

New scores are appended to one table in the order of arrival, which writes few pages a second. Once a minute
they are packed: for each machine and minute one summary, and one compressed array of all its scores. The
summaries are therefore complete from the beginning, and thinning only deletes the arrays.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from auscult.errors import OptionError
from auscult.monitor.store.arrays import pack_array, unpack_array
from auscult.monitor.store.checks import check_number, check_time
from auscult.monitor.store.records import ScoreRow
from auscult.monitor.store.summaries import Summaries, levels_of

MINUTE, HOUR = 60.0, 3600.0
#: Columns of a summary, in the order of `Summaries.from_rows`.
COLUMNS = "start, count, lowest, mean, highest, persistent, threshold, levels"
#: Seconds after the end of a minute until it is packed, since scores of machines arrive at different times.
_DELAY = 15.0
#: Most bands of a score.
MAX_LEVELS = 256


def insert_scores(
    connection: sqlite3.Connection, rows: Sequence[ScoreRow], ids: Mapping[str, int], now: float
) -> None:
    """Append scores, and remember the last one of each machine.

    Args:
        connection: within a transaction.
        rows: the scores.
        ids: number of each machine by name.
        now: current time, which is kept with the last ones: seconds since 1970.

    Raises:
        OptionError: a machine is unknown, or a time or score is not finite; no row is written.
    """
    values = [_values(row, ids) for row in rows]
    connection.executemany(
        "INSERT INTO recent_scores (machine, time, score, persistent, threshold, levels) "
        "VALUES (?,?,?,?,?,?)",
        values,
    )
    latest = {value[0]: (*value[:5], now) for value in values}
    connection.executemany("INSERT OR REPLACE INTO last_scores VALUES (?,?,?,?,?,?)", latest.values())


def pack_minutes(connection: sqlite3.Connection, newest: float) -> int:
    """Pack all scores but those of the current minute.

    Args:
        connection: within a transaction.
        newest: time of the last score. Scores of later times are packed too: the clock was set back.

    Returns:
        The number of packed scores.
    """
    edge = current_minute(newest)
    rows = connection.execute(
        "SELECT machine, time, score, persistent, threshold, levels FROM recent_scores "
        "WHERE time < ? OR time >= ? ORDER BY seq",
        (edge, edge + 2 * MINUTE),
    ).fetchall()
    if not rows:
        return 0
    *numbers, levels = zip(*rows, strict=True)
    machine, *values = (np.array(column, dtype=np.float64) for column in numbers)
    time, score, persistent, threshold = values
    scores = Summaries.from_scores(time, score, persistent, threshold, levels_of(levels))
    spans, keys = np.unique(np.stack([np.floor(scores.time / MINUTE), machine]), axis=1, return_inverse=True)
    keys = keys.reshape(-1)  # NumPy 2.0 keeps the axis
    _, minutes = scores.grouped(keys)
    order = np.argsort(keys, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)
    summaries = replace(minutes, time=spans[0] * MINUTE).to_rows()
    for machine_id, rows_of, row in zip(spans[1].astype(int), members, summaries, strict=True):
        cursor = connection.execute(
            f"INSERT INTO score_minutes (machine, {COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)",
            (int(machine_id), *row),
        )
        connection.execute(
            "INSERT INTO score_samples VALUES (?,?,?)",
            (cursor.lastrowid, row[0], _pack(scores, rows_of, row[0])),
        )
    connection.execute("DELETE FROM recent_scores WHERE time < ? OR time >= ?", (edge, edge + 2 * MINUTE))
    return len(rows)


def current_minute(newest: float) -> float:
    """Return the start of the first minute that is not packed yet."""
    return math.floor((newest - _DELAY) / MINUTE) * MINUTE


def unpack_samples(start: float, data: bytes) -> Summaries:
    """Return the scores of a packed minute.

    Raises:
        ValueError: the bytes are damaged.
    """
    time, score, persistent, threshold, *levels = unpack_array(data).astype(np.float64)
    bands = np.array(levels, np.float32).reshape(len(levels), len(time)).T
    return Summaries.from_scores(start + time, score, persistent, threshold, bands)


def _pack(scores: Summaries, rows: np.ndarray, start: float) -> bytes:
    """Pack scores as (4 + K, N): time from the start of the minute, score, persistent, threshold, levels.

    A row of equal values, such as thresholds, compresses to almost nothing.
    """
    columns = [scores.time[rows] - start, scores.mean[rows], scores.persistent[rows], scores.threshold[rows]]
    levels = scores.levels[rows]
    used = levels.shape[1] and not np.isnan(levels).all()
    return pack_array(np.vstack([*columns, levels.T] if used else columns))


def _values(row: ScoreRow, ids: Mapping[str, int]) -> tuple:
    if row.machine not in ids:
        raise OptionError(f"unknown machine {row.machine!r:.80}: add it to the store first")
    levels = None
    if row.levels is not None:
        array = np.asarray(row.levels)
        if array.ndim != 1 or array.dtype.kind not in "fiu" or len(array) > MAX_LEVELS:
            raise OptionError(
                f"levels must be up to {MAX_LEVELS} numbers, got an array of shape {array.shape}"
            )
        levels = array.astype("<f4").tobytes()
    return (
        ids[row.machine],
        check_time("time", row.time),
        check_number("score", row.score),
        _finite_or_none(row.persistent),
        _finite_or_none(row.threshold),
        levels,
    )


def _finite_or_none(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None

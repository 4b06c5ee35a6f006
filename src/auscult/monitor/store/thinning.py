"""Old scores become coarser: all of a day, then minutes, then hours, each with minimum, mean and maximum.

Rows expire in the order of their numbers, not of their times, since a clock may jump: of the oldest rows,
those are removed that lie before the first one whose time is between the limit and now. A row with a time in
the future waits for the rows that were written after it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import numpy as np

from auscult.monitor.store.scores import COLUMNS, HOUR
from auscult.monitor.store.summaries import Summaries

#: Most rows that one step removes, so that it takes a fraction of a second.
STEP = 5000


def last_expired(
    connection: sqlite3.Connection, table: str, number: str, time: str, limit: float, now: float
) -> int:
    """Return the number of the last row that has expired; 0 if none has.

    Args:
        connection: to read from.
        table, number, time: names of the table and of its columns of numbers and times; never from outside.
        limit: rows of earlier times expire.
        now: current time.
    """
    kept = connection.execute(
        f"SELECT {number} FROM {table} WHERE {time} >= ? AND {time} <= ? ORDER BY {number} LIMIT 1",
        (limit, now),
    ).fetchone()
    before, parameters = ("", ()) if kept is None else (f"{number} < ? AND", kept)
    expired = connection.execute(
        f"SELECT {number} FROM {table} WHERE {before} {time} < ? ORDER BY {number} DESC LIMIT 1",
        (*parameters, limit),
    ).fetchone()
    return int(expired[0]) if expired else 0


def drop_samples(connection: sqlite3.Connection, last: int | None = None) -> int:
    """Delete the oldest arrays of scores, whose minutes remain.

    Args:
        connection: within a transaction.
        last: number of the last one to delete; ``None`` for no limit.

    Returns:
        The number of deleted arrays; at most `STEP`.
    """
    return _delete_oldest(connection, "score_samples", "minute", last)


def drop_hours(connection: sqlite3.Connection, last: int | None = None) -> int:
    """Delete the oldest hours; as `drop_samples`."""
    return _delete_oldest(connection, "score_hours", "id", last)


def merge_minutes(connection: sqlite3.Connection, last: int | None = None) -> int:
    """Replace the oldest minutes by hours; as `drop_samples`."""
    rows = connection.execute(
        f"SELECT id, machine, {COLUMNS} FROM score_minutes WHERE ? IS NULL OR id <= ? ORDER BY id LIMIT ?",
        (last, last, STEP),
    ).fetchall()
    if not rows:
        return 0
    minutes = Summaries.from_rows([row[2:] for row in rows])
    spans, keys = np.unique(
        np.stack([[row[1] for row in rows], np.floor(minutes.time / HOUR)]), axis=1, return_inverse=True
    )
    _, hours = minutes.grouped(keys.reshape(-1))
    for machine, row in zip(
        spans[0].astype(int), replace(hours, time=spans[1] * HOUR).to_rows(), strict=True
    ):
        _add_hour(connection, int(machine), row)
    connection.execute("DELETE FROM score_samples WHERE minute <= ?", (rows[-1][0],))
    connection.execute("DELETE FROM score_minutes WHERE id <= ?", (rows[-1][0],))
    return len(rows)


def _add_hour(connection: sqlite3.Connection, machine: int, row: tuple) -> None:
    """Add a part of an hour to the rest of it, if that was merged earlier."""
    known = connection.execute(
        f"SELECT {COLUMNS} FROM score_hours WHERE machine = ? AND start = ?", (machine, row[0])
    ).fetchone()
    if known:
        _, both = Summaries.from_rows([known, row]).grouped(np.zeros(2))
        (row,) = both.to_rows()
    connection.execute(
        f"""INSERT INTO score_hours (machine, {COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)
        ON CONFLICT (machine, start) DO UPDATE SET count = excluded.count, lowest = excluded.lowest,
        mean = excluded.mean, highest = excluded.highest, persistent = excluded.persistent,
        threshold = excluded.threshold, levels = excluded.levels""",
        (machine, *row),
    )


def _delete_oldest(connection: sqlite3.Connection, table: str, number: str, last: int | None) -> int:
    return connection.execute(
        f"DELETE FROM {table} WHERE {number} IN "
        f"(SELECT {number} FROM {table} WHERE ? IS NULL OR {number} <= ? ORDER BY {number} LIMIT ?)",
        (last, last, STEP),
    ).rowcount

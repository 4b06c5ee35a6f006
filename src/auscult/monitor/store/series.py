"""Scores of a machine between two times, at the resolution of a chart."""

from __future__ import annotations

import numpy as np

from auscult.monitor.store.connection import ReadConnection
from auscult.monitor.store.scores import COLUMNS, HOUR, MINUTE, unpack_samples
from auscult.monitor.store.summaries import Summaries, concatenated

_RECENT = "time, 1, score, score, score, persistent, threshold, levels"


def read_series(
    connection: ReadConnection, machine: int, since: float, until: float, points: int
) -> Summaries:
    """Return at most so many summaries of the scores in [since, until), in the order of time.

    Single scores are read where the resolution needs them and they are still kept; otherwise minutes, and for
    older times hours. A minute or hour at the edge counts as a whole.

    Args:
        connection: to read from.
        machine: number of the machine.
        since, until: seconds since 1970 UTC.
        points: largest number of summaries.
    """
    single = (until - since) / points < MINUTE
    with connection.snapshot():
        parts = [
            _hours(connection, machine, since, until),
            *_minutes(connection, machine, since, until, single),
        ]
        recent = connection.rows(
            f"SELECT {_RECENT} FROM recent_scores WHERE machine = ? AND time >= ? AND time < ?",
            (machine, since, until),
        )
    scores = concatenated([*parts, Summaries.from_rows(recent)])
    keys = scores.time
    if len(keys) > points:
        bins = np.floor((scores.time - since) * (points / (until - since)))
        keys = np.clip(bins, 0, points - 1)
    return scores.grouped(keys)[1]


def _hours(connection: ReadConnection, machine: int, since: float, until: float) -> Summaries:
    rows = connection.rows(
        f"SELECT {COLUMNS} FROM score_hours WHERE machine = ? AND start > ? AND start < ?",
        (machine, since - HOUR, until),
    )
    return Summaries.from_rows(rows)


def _minutes(
    connection: ReadConnection, machine: int, since: float, until: float, single: bool
) -> list[Summaries]:
    """Return the summaries of minutes, or where they are kept the single scores of these."""
    if not single:
        rows = connection.rows(
            f"SELECT {COLUMNS} FROM score_minutes WHERE machine = ? AND start > ? AND start < ?",
            (machine, since - MINUTE, until),
        )
        return [Summaries.from_rows(rows)]
    columns = ", ".join(f"m.{name}" for name in COLUMNS.split(", "))
    rows = connection.rows(
        f"SELECT {columns}, s.samples FROM score_minutes m LEFT JOIN score_samples s ON s.minute = m.id "
        "WHERE m.machine = ? AND m.start > ? AND m.start < ?",
        (machine, since - MINUTE, until),
    )
    parts = [Summaries.from_rows([row[:-1] for row in rows if row[-1] is None])]
    parts += [unpack_samples(row[0], row[-1]).within(since, until) for row in rows if row[-1] is not None]
    return parts

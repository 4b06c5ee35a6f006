"""Recordings of a plant that were judged one by one, so that none is judged twice or lost.

A recording is marked in the transaction that writes its score and its event. Files that disappear are
remembered for a while, since a drive may be missing.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

from auscult.monitor.store.checks import (
    NAME_LENGTH,
    check_choice,
    check_path,
    check_text,
    check_time,
    optional_number,
    to_json,
)
from auscult.monitor.store.connection import ReadConnection
from auscult.monitor.store.judged_records import RESULTS, JudgedFile, Look

_COLUMNS = (
    "j.name, m.name, j.size, j.modified, j.digest, j.recorded, j.arrived, j.result, j.score, j.threshold, "
    "j.model, j.detail, j.event, j.id FROM judged_files j LEFT JOIN machines m ON m.id = j.machine"
)
#: Rows that are read at a time.
_PAGE = 10_000


def insert_judged(
    connection: sqlite3.Connection, files: Sequence[JudgedFile], ids: Mapping[str, int]
) -> None:
    """Add files, or replace what is known of those of the same names; they get new numbers."""
    connection.executemany(
        "INSERT OR REPLACE INTO judged_files (name, machine, size, modified, digest, recorded, arrived, "
        "result, score, threshold, model, detail, event) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        [
            (
                check_path("name", file.name),
                None if file.machine is None else ids[file.machine],
                int(file.size),
                int(file.modified),
                check_text("digest", file.digest, NAME_LENGTH),
                check_time("recorded", file.recorded),
                check_time("arrived", file.arrived),
                check_choice("result", file.result, RESULTS),
                optional_number("score", file.score),
                optional_number("threshold", file.threshold),
                check_text("model", file.model),
                to_json("detail", file.detail),
                file.event,
            )
            for file in files
        ],
    )


def rename_judged(connection: sqlite3.Connection, name: str, new_name: str, size: int, modified: int) -> None:
    """Remember a file under another name or time of modification, as the same recording."""
    if name != new_name:
        connection.execute("DELETE FROM judged_files WHERE name = ?", (check_path("name", new_name),))
    connection.execute(
        "UPDATE judged_files SET name = ?, size = ?, modified = ?, gone = NULL WHERE name = ?",
        (check_path("name", new_name), int(size), int(modified), check_path("name", name)),
    )


def mark_gone(connection: sqlite3.Connection, gone: Iterable[str], back: Iterable[str], time: float) -> None:
    """Note that files have disappeared, or are there again."""
    connection.executemany(
        "UPDATE judged_files SET gone = ? WHERE name = ? AND gone IS NULL",
        [(check_time("time", time), check_path("name", name)) for name in gone],
    )
    connection.executemany(
        "UPDATE judged_files SET gone = NULL WHERE name = ?", [(check_path("name", name),) for name in back]
    )


def forget_gone(connection: sqlite3.Connection, before: float, most: int) -> int:
    """Forget files that disappeared before a time; return their number."""
    return connection.execute(
        "DELETE FROM judged_files WHERE id IN (SELECT id FROM judged_files WHERE gone < ? LIMIT ?)",
        (before, most),
    ).rowcount


def put_look(connection: sqlite3.Connection, look: Look) -> None:
    """Note when a folder was looked at."""
    connection.execute(
        "INSERT OR REPLACE INTO looks VALUES (?,?,?)",
        (check_path("folder", look.folder), check_time("time", look.time), to_json("detail", look.detail)),
    )


def read_judged(connection: ReadConnection) -> Iterator[tuple[JudgedFile, bool]]:
    """Iterate over all files in the order of judgement, each with whether it has disappeared."""
    last = 0
    while rows := connection.rows(
        f"SELECT j.gone IS NOT NULL, {_COLUMNS} WHERE j.id > ? ORDER BY j.id LIMIT ?", (last, _PAGE)
    ):
        for gone, *row in rows:
            yield _file_of(row), bool(gone)
        last = rows[-1][-1]


def read_last_judged(connection: ReadConnection, machine: int, count: int) -> list[JudgedFile]:
    """Return the last files of a machine, the last one first."""
    rows = connection.rows(
        f"SELECT {_COLUMNS} WHERE j.machine = ? ORDER BY j.id DESC LIMIT ?", (machine, count)
    )
    return [_file_of(row) for row in rows]


def read_looks(connection: ReadConnection) -> list[Look]:
    """Return the last look at each folder, the last one first."""
    rows = connection.rows("SELECT folder, time, detail FROM looks ORDER BY time DESC")
    return [Look(os.fsdecode(folder), time, json.loads(detail)) for folder, time, detail in rows]


def _file_of(row: Sequence) -> JudgedFile:
    name, *values, detail, event, number = row
    return JudgedFile(*[os.fsdecode(name), *values, json.loads(detail), event, number])

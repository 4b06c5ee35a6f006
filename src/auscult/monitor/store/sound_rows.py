"""Statements that write the rows of sounds, whose files exist."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple

import numpy as np

from auscult.monitor.store.arrays import pack_array
from auscult.monitor.store.connection import new_id
from auscult.monitor.store.records import Sound


def insert_sound(connection: sqlite3.Connection, sound: Sound) -> int:
    """Add a sound and return its number; the one of ``sound`` is ignored."""
    return new_id(
        connection.execute(
            "INSERT INTO sounds (event, name, start, seconds, sample_rate, channels, scale, bytes, role) "
            "VALUES (?,?,?,?,?,?,?,?,?)",
            astuple(sound)[1:],
        )
    )


def insert_normal(connection: sqlite3.Connection, machine: int, sound: Sound, spectrum: np.ndarray) -> int:
    """Add a window of normal running and return its number."""
    return new_id(
        connection.execute(
            "INSERT INTO normals (machine, name, start, seconds, sample_rate, channels, scale, bytes, "
            "spectrum) VALUES (?,?,?,?,?,?,?,?,?)",
            (machine, *astuple(sound)[2:-1], pack_array(spectrum)),
        )
    )


def delete_old_normals(connection: sqlite3.Connection, machine: int, kept: int) -> list[tuple[int, str, int]]:
    """Delete all but the last windows of normal running; return number, name and size of the others."""
    rows = connection.execute(
        "SELECT id, name, bytes FROM normals WHERE machine = ? ORDER BY id DESC LIMIT -1 OFFSET ?",
        (machine, kept),
    ).fetchall()
    connection.executemany("DELETE FROM normals WHERE id = ?", [row[:1] for row in rows])
    return rows

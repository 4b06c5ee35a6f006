"""Which recordings of a folder were read as the stream of one machine, so that a restart continues there.

These have no result each: their scores and events are those of the stream. Recordings that are judged one by
one, each with a verdict, are in `judged`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable

from auscult.monitor.store.connection import Database

#: Size in bytes and time of the last modification in nanoseconds.
FileVersion = tuple[int, int]


class StreamedFiles:
    """The recordings of all machines that were read to the end.

    Args:
        database: of the store.
        machine_id: returns the number of a machine; `OptionError` for an unknown one.
    """

    def __init__(self, database: Database, machine_id: Callable[[str], int]) -> None:
        self._database, self._machine_id = database, machine_id

    def of(self, machine: str) -> dict[str, FileVersion]:
        """Return the version of each recording that was read, by path in the folder."""
        number = self._machine_id(machine)
        with self._database.transaction(durable=False) as connection:
            rows = connection.execute(
                "SELECT name, size, modified FROM recordings WHERE machine = ?", (number,)
            ).fetchall()
        return {os.fsdecode(name): (size, modified) for name, size, modified in rows}

    def put(self, machine: str, changes: Iterable[tuple[str, FileVersion | None]]) -> None:
        """Add recordings, replace the versions of known ones, and remove those without a version.

        Args:
            machine: name of the machine.
            changes: path in the folder and version, in the order of the changes.
        """
        number = self._machine_id(machine)
        last = dict(changes)
        # Names are bytes, since a file system has names that are not Unicode.
        known = [(number, os.fsencode(name), *version) for name, version in last.items() if version]
        removed = [(number, os.fsencode(name)) for name, version in last.items() if not version]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO recordings VALUES (?,?,?,?)", known)
            connection.executemany("DELETE FROM recordings WHERE machine = ? AND name = ?", removed)

        self._database.write(write, durable=False)

"""The version of a store, and how the tables of an earlier one are changed to the current ones.

Each step of `tables` is one transaction together with the version that it makes (``PRAGMA user_version``).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from auscult.errors import StoreError
from auscult.monitor.store.connection import Database, ReadConnection
from auscult.monitor.store.tables import STEPS

#: Marks a database as an event store (``PRAGMA application_id``): "ausc" in ASCII.
APPLICATION = 0x61757363

VERSION = len(STEPS)


def upgrade(database: Database, *, new: bool = True) -> int:
    """Create the tables, or change those of an earlier version.

    Args:
        database: of the store.
        new: whether the store may be a new one; it is not if there are sounds.

    Returns:
        The version before; 0 if the database was empty.

    Raises:
        StoreError: the database is of a newer version or not an event store, or it is empty and must not be.
    """
    with database.transaction() as connection:
        before = _version_of(connection, database.path)
    if not before and not new:
        raise StoreError(
            database.path,
            "the database is empty or missing, but there are sounds of its events: restore it from a backup, "
            "or move the folder away to begin a new one",
        )
    for version in range(before, VERSION):
        with database.transaction() as connection:
            for statement in STEPS[version]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={version + 1}")
    return before


def check_version(connection: ReadConnection) -> None:
    """Check that a store that is only read has the current version.

    Raises:
        StoreError: it has another one, or is not an event store.
    """
    ((application,),) = connection.rows("PRAGMA application_id")
    ((version,),) = connection.rows("PRAGMA user_version")
    if application != APPLICATION:
        raise StoreError(connection.path, "not an event store of auscult")
    if version > VERSION:
        raise _newer(connection.path, version)
    if version < VERSION:
        raise StoreError(
            connection.path,
            f"the store has version {version} and is upgraded to {VERSION} when it is opened for writing",
        )


def _version_of(connection: sqlite3.Connection, path: Path) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise StoreError(path, "not an event store of auscult")
    if version > VERSION:
        raise _newer(path, version)
    return int(version)


def _newer(path: Path, version: int) -> StoreError:
    return StoreError(
        path,
        f"the store has version {version}, and this version of auscult knows up to {VERSION}: update auscult",
    )

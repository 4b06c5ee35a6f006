"""Repair of a store at opening: what a killed process or an operator left behind."""

from __future__ import annotations

from auscult.errors import StoreError
from auscult.monitor.store.connection import Database
from auscult.monitor.store.records import AuditEntry
from auscult.monitor.store.sounds import SoundFiles
from auscult.monitor.store.writes import insert_audit


def repair_sounds(database: Database, sounds: SoundFiles, time: float, author: str) -> None:
    """Delete files that no row names and rows whose file is missing, with an entry in the audit log.

    Args:
        database: of the store.
        sounds: its sound files.
        time: current time, for the audit log.
        author: for the audit log.

    Raises:
        StoreError: the store cannot be read or written; no room is no error, the next opening tries again.
    """
    with database.transaction() as connection:
        events = dict(connection.execute("SELECT name, event FROM sounds").fetchall())
        normals = {name for (name,) in connection.execute("SELECT name FROM normals")}
    orphans, missing = sounds.repair(events.keys() | normals)
    if not orphans and not missing:
        return
    detail = {
        "deleted files": len(orphans),
        "events whose sound is missing": sorted({events[name] for name in missing if name in events}),
    }
    try:
        with database.transaction() as connection:
            for table in ("sounds", "normals"):
                connection.executemany(f"DELETE FROM {table} WHERE name = ?", [(name,) for name in missing])
            insert_audit(connection, AuditEntry(time, author, "repair", detail))
    except StoreError as error:
        if not error.full:
            raise

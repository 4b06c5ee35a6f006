"""Connections to the database of a store: write-ahead log, transactions, and errors as `StoreError`."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from auscult.errors import StoreError

NAME = "events.sqlite"
T = TypeVar("T")

#: Seconds that a statement waits for another connection.
_TIMEOUT = 5.0
#: Size of the write-ahead log at which it is copied into the database, in bytes and as part of the disk. If
#: the log fills a small disk, there is no room to copy it.
_LOG_BYTES, _LOG_PART = 4 << 20, 1 / 16
_PAGE_BYTES = 4096
#: With less free space than this, a failed write is due to a full disk.
_NO_ROOM = 256 << 10
#: Errors by what the database contains.
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class Database:
    """The connection that writes.

    Args:
        folder: of the store; the database is created if there is none.

    Raises:
        StoreError: the file is not a database, or cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._lock = threading.RLock()
        with store_errors(self.path):
            self._connection = sqlite3.connect(
                self.path, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            try:
                if not self._connection.execute("PRAGMA page_count").fetchone()[0]:
                    # Free pages can be returned to the disk; must be chosen before there is any table.
                    self._connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
                self._connection.execute("PRAGMA journal_mode=WAL")
                log = min(_LOG_BYTES, round(shutil.disk_usage(folder).total * _LOG_PART))
                self._connection.execute(f"PRAGMA wal_autocheckpoint={max(1, log // _PAGE_BYTES)}")
                self._connection.execute(f"PRAGMA journal_size_limit={log}")
                self._connection.execute("PRAGMA foreign_keys=ON")
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Commit what is written in the block, all of it or nothing.

        Args:
            durable: survive a power loss; otherwise it may undo the last seconds. A killed process never
                loses what was committed.

        Raises:
            StoreError: the database is damaged, or there is no room on the disk.
        """
        with self._lock, store_errors(self.path):
            connection = self._connection
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite itself ends it after some errors
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise

    def write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Commit a change, and return what it returns.

        Without room it is tried once more after the write-ahead log has been copied into the database.

        Args:
            change: writes to the connection; may be called twice.
            durable: as in `transaction`.

        Raises:
            StoreError: the database is damaged, or there is no room on the disk.
        """
        try:
            with self.transaction(durable=durable) as connection:
                return change(connection)
        except StoreError as error:
            if not error.full:
                raise
        self.shorten_log()
        with self.transaction(durable=durable) as connection:
            return change(connection)

    def used_bytes(self) -> int:
        """Return the size of the pages in use, without the write-ahead log."""
        with self._lock, store_errors(self.path):
            pages, free, size = (
                self._connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def return_free_pages(self) -> None:
        """Return pages that deleted rows have left to the disk."""
        with self._lock, store_errors(self.path):
            self._connection.execute("PRAGMA incremental_vacuum").fetchall()

    def shorten_log(self) -> None:
        """Copy the write-ahead log into the database and empty its file, as far as readers and room allow."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()


class ReadConnection:
    """A connection that only reads, for any number of threads.

    Args:
        folder: of the store.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._lock = threading.RLock()
        if not self.path.is_file():
            inside = sorted(path.parent for path in folder.glob(f"*/{NAME}"))
            hint = f"; there is one in {', '.join(map(str, inside))}" if inside else ""
            raise StoreError(folder, f"no event store here{hint}")
        with store_errors(self.path):
            self._open()

    def _open(self) -> None:
        self._immutable = False
        self._connection = self._connect("mode=ro")
        try:
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            # In a folder that cannot be written SQLite cannot create the files that readers share. They are
            # not needed as long as there is no log, since then there is no writer.
            self._connection.close()
            if self._has_log():
                raise
            self._immutable = True
            self._connection = self._connect("mode=ro&immutable=1")

    def _connect(self, options: str) -> sqlite3.Connection:
        uri = f"{self.path.resolve().as_uri()}?{options}"
        return sqlite3.connect(uri, uri=True, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)

    def _has_log(self) -> bool:
        return self.path.with_name(f"{NAME}-wal").exists()

    def _follow_writer(self) -> None:
        """Open the database again if a writer has come since it was opened as one that cannot change."""
        if self._immutable and self._has_log():
            self._connection.close()
            self._open()

    def rows(self, sql: str, parameters: tuple | dict = ()) -> list[tuple]:
        """Return all rows of a query.

        Raises:
            StoreError: the database is damaged or busy.
        """
        with self._lock, store_errors(self.path):
            if not self._connection.in_transaction:
                self._follow_writer()
            return self._connection.execute(sql, parameters).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read in the block what was committed before its first query, whatever is written meanwhile."""
        with self._lock:
            with store_errors(self.path):
                self._follow_writer()
                self._connection.execute("BEGIN")
            try:
                yield
            finally:
                with store_errors(self.path):
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Raise errors of SQLite and of the file system as `StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        full = code == "SQLITE_FULL" or (
            code.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and _no_room(path)
        )
        reason = "no room left on the disk" if full else f"{error} ({code})" if code else str(error)
        if code.startswith(_DAMAGED):
            reason += ": restore it from a backup, or move its folder away to begin a new store"
        raise StoreError(path, reason, full=full) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "no room left on the disk" if full else error.strerror or str(error)
        raise StoreError(path, reason, full=full) from error


def _no_room(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _NO_ROOM
    except OSError:
        return False


def new_id(cursor: sqlite3.Cursor) -> int:
    """Return the number of the row that was inserted."""
    assert cursor.lastrowid is not None
    return cursor.lastrowid

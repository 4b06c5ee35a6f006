"""Room on the disk: scores are dropped before it is full, so that events still fit."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from auscult.errors import StoreError
from auscult.monitor.store.connection import Database
from auscult.monitor.store.writes import set_condition

#: Free space, relative to the reserve, from which scores are stored again.
_RESUME = 1.25
#: Smallest reserve once a write has failed, bytes.
_SMALLEST = 256 << 10


class DiskSpace:
    """Whether there is room for scores and sound, with the condition ``disk full`` in the store.

    Args:
        database: of the store.
        reserve: free bytes below which there is no room for them.
        clock: seconds since 1970 UTC.

    Attributes:
        full: whether there is no room.
        dropped: number of scores dropped since the store was opened.
    """

    def __init__(self, database: Database, reserve: int, clock: Callable[[], float]) -> None:
        self._database, self._reserve, self._clock = database, reserve, clock
        with database.transaction() as connection:
            lasting = connection.execute(
                "SELECT start FROM health WHERE machine IS NULL AND condition = 'disk full' AND end IS NULL"
            ).fetchone()
        # A condition that an earlier process could not end lasts until the first check.
        self._since = lasting[0] if lasting else 0.0
        self._recorded = bool(lasting)
        self._dropped_before = 0
        self.full = bool(lasting)
        self.dropped = 0

    def check(self) -> bool:
        """Measure the free space, begin or end the condition, and return whether there is room."""
        free = shutil.disk_usage(self._database.path.parent).free
        if not self.full:
            if free >= self._reserve:
                return True
            self._begin()
        elif free >= max(self._reserve, _SMALLEST) * _RESUME:
            self._end()
        if self.full and not self._recorded:
            self._recorded = self._write(lasting=True, time=self._since)
        return not self.full

    def failed(self) -> None:
        """Record that a write found no room."""
        if not self.full:
            self._begin()

    def _begin(self) -> None:
        self.full, self._recorded = True, False
        self._since, self._dropped_before = self._clock(), self.dropped

    def _end(self) -> None:
        """End the condition; it lasts on if there is no room to write that."""
        detail = f"{self.dropped - self._dropped_before} scores were not stored"
        self._recorded = self._recorded or self._write(lasting=True, time=self._since)
        if self._recorded and self._write(lasting=False, time=self._clock(), detail=detail):
            self.full = False

    def _write(self, *, lasting: bool, time: float, detail: str = "") -> bool:
        """Write the condition, and return whether there was room for it."""
        try:
            self._database.write(
                lambda connection: set_condition(connection, None, "disk full", lasting, time, detail)
            )
        except StoreError as error:
            if not error.full:
                raise
            return False
        return True

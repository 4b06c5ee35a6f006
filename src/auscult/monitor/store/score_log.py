"""The stream of scores: written while there is room, and with them the work of each minute."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence

from auscult.errors import StoreError
from auscult.monitor.store.clock import RetentionClock
from auscult.monitor.store.connection import Database
from auscult.monitor.store.records import ScoreRow
from auscult.monitor.store.retention import Keeper
from auscult.monitor.store.scores import current_minute, insert_scores, pack_minutes
from auscult.monitor.store.space import DiskSpace
from auscult.monitor.store.writes import put_fact

#: Key of the time of the retention in the store.
CLOCK = "retention clock"


class ScoreLog:
    """Writes scores; once a minute of their times it packs them and enforces the retention.

    Args:
        database: of the store.
        space: whether there is room.
        keeper: enforces the retention.
        clock: the time for it, which is written with the scores.
        now: current time of the system, seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        space: DiskSpace,
        keeper: Keeper,
        clock: RetentionClock,
        now: Callable[[], float],
    ) -> None:
        self._database, self._space, self._keeper, self._clock = database, space, keeper, clock
        self._now = now
        self._edge = 0.0  # the first minute that is not packed

    def add(self, rows: Sequence[ScoreRow], ids: Mapping[str, int]) -> int:
        """Write scores, or count them as dropped if there is no room.

        Args:
            rows: at least one.
            ids: number of each machine by name.

        Returns:
            The number of scores written: all of them or 0.

        Raises:
            OptionError: a machine is unknown, or a value is invalid.
            StoreError: the store cannot be written for another reason than room.
        """
        written = len(rows) if self._space.check() and self._insert(rows, ids) else 0
        self._space.dropped += len(rows) - written
        self.follow(rows)
        return written

    def insert(
        self, connection: sqlite3.Connection, rows: Sequence[ScoreRow], ids: Mapping[str, int]
    ) -> None:
        """Write scores within a transaction; see `insert_scores`."""
        insert_scores(connection, rows, ids, self._now())

    def has_room(self, rows: Sequence[ScoreRow]) -> bool:
        """Return whether there is room for scores that others write; count them as dropped if not."""
        room = self._space.check()
        self._space.dropped += 0 if room else len(rows)
        return room

    def follow(self, rows: Sequence[ScoreRow]) -> None:
        """Do the work of each minute if the last one of scores is in another minute than before."""
        self._clock.observe({row.machine: row.time for row in rows})
        newest = rows[-1].time
        edge = current_minute(newest)
        if edge != self._edge:
            self._edge = edge
            self._each_minute(newest)

    def _insert(self, rows: Sequence[ScoreRow], ids: Mapping[str, int]) -> bool:
        try:
            self._database.write(lambda connection: self.insert(connection, rows, ids), durable=False)
        except StoreError as error:
            self._failed(error)
            return False
        return True

    def _each_minute(self, newest: float) -> None:
        """Pack the scores and enforce the retention; without room, the next minute tries again."""
        now = self._clock.now()

        def pack(connection: sqlite3.Connection) -> None:
            pack_minutes(connection, newest)
            put_fact(connection, CLOCK, self._clock.state)

        try:
            self._database.write(pack, durable=False)
            self._keeper.enforce(now)
        except StoreError as error:
            self._failed(error)

    def _failed(self, error: StoreError) -> None:
        """Go on without scores if there is no room; raise any other error."""
        if not error.full:
            raise error
        self._space.failed()


def read_clock(connection: sqlite3.Connection, now: float, steady: Callable[[], float]) -> RetentionClock:
    """Return the time of the retention, which goes on from when it was last written.

    Args:
        connection: to read from.
        now: time of the system, for a store without scores.
        steady: seconds of a clock that never jumps.
    """
    known = connection.execute("SELECT value FROM facts WHERE key = ?", (CLOCK,)).fetchone()
    (newest,) = connection.execute("SELECT max(time) FROM last_scores").fetchone()
    return RetentionClock(now if newest is None else newest, json.loads(known[0]) if known else None, steady)

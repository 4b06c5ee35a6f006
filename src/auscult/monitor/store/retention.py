"""How long a store keeps what, and how much room it takes.

Limits of age come first. If the store is still larger than its limit, the oldest sound of events is removed,
then that of normal running, then the oldest scores become coarser, and last the oldest events that have ended
are deleted.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

from auscult.errors import OptionError, StoreError
from auscult.monitor.store.connection import Database
from auscult.monitor.store.judged import forget_gone
from auscult.monitor.store.sounds import SoundFiles
from auscult.monitor.store.thinning import STEP, drop_hours, drop_samples, last_expired, merge_minutes

DAY = 86400.0
#: Most steps at a time, so that a call returns soon; the next one continues.
_STEPS = 40
#: Largest sound, as part of the size of the store.
_LARGEST_SOUND = 0.25
#: Largest limit, in days or bytes.
_LARGEST = 1e18
#: Tables whose rows expire with the events, with their columns of time.
_LOGS = {"gaps": "start", "health": "start", "audit": "time"}
#: Rows of `_LOGS` that last are kept.
_LASTING = {"gaps", "health"}


@dataclass(frozen=True)
class Retention:
    """How long a store keeps what, and how large it may be.

    Attributes:
        max_bytes: largest size of the database and the sound files. The write-ahead log takes some MB more.
        reserve_bytes: free space of the disk below which scores are dropped, so that events still fit.
        sample_days: days for which every score is kept.
        minute_days: days for which a summary of each minute is kept.
        hour_days: days for which a summary of each hour is kept.
        sound_days: days for which sound is kept.
        event_days: days for which events, gaps, conditions, notes and the audit log are kept.
        file_days: days for which a recording of a watched folder is remembered after it has disappeared. One
            that appears again later is judged again.

    Raises:
        OptionError: a value is not positive, or scores would be kept longer in detail than in summary.
    """

    max_bytes: int = 20 << 30
    reserve_bytes: int = 64 << 20
    sample_days: float = 1.0
    minute_days: float = 30.0
    hour_days: float = 3650.0
    sound_days: float = 365.0
    event_days: float = 3650.0
    file_days: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
                raise OptionError(f"{field.name} must be a number, got {value!r:.80}")
            if not (value > 0 or (field.name == "reserve_bytes" and value == 0)) or math.isnan(value):
                raise OptionError(f"{field.name} must be positive, got {value!r}")
        if not self.sample_days <= self.minute_days <= self.hour_days:
            raise OptionError("sample_days, minute_days and hour_days must increase in this order")


class Keeper:
    """Enforces the retention of a store.

    Args:
        database: of the store.
        sounds: its sound files.
        retention: the limits.
    """

    def __init__(self, database: Database, sounds: SoundFiles, retention: Retention) -> None:
        self._database, self._sounds, self._retention = database, sounds, retention
        with database.transaction() as connection:
            (self.sound_bytes,) = connection.execute(
                "SELECT (SELECT coalesce(sum(bytes), 0) FROM sounds) "
                "+ (SELECT coalesce(sum(bytes), 0) FROM normals)"
            ).fetchone()

    def used_bytes(self) -> int:
        """Return the size of the database and of the sound files."""
        return self._database.used_bytes() + self.sound_bytes

    def enforce(self, now: float) -> None:
        """Remove what is too old or too much.

        A call removes a limited number of rows; what is left over is removed by the next ones.

        Args:
            now: current time.

        Raises:
            StoreError: the store cannot be written.
        """
        self._enforce_age(now)
        self._shrink(self._retention.max_bytes, (*self._steps(), self._remove_events))

    def make_room(self, coming: int) -> None:
        """Remove the oldest sound and scores for sound of so many bytes, but no events.

        Raises:
            StoreError: there is no room for it within the limits, or the store cannot be written.
        """
        limit = self._retention.max_bytes - coming
        fits = coming <= self._retention.max_bytes * _LARGEST_SOUND
        if fits:
            self._shrink(limit, self._steps())
        if not fits or self.used_bytes() > limit:
            raise StoreError(
                self._sounds.folder,
                f"no room for a sound of {coming / 1e6:.1f} MB in a store of at most "
                f"{self._retention.max_bytes / 1e6:.0f} MB",
            )

    def delete_files(self, rows: Iterable[tuple[int, str, int]]) -> None:
        """Delete the files of deleted rows, each with number, name and size.

        If the process ends before, the next opening deletes them.
        """
        for _, name, size in rows:
            self.sound_bytes -= size
            self._sounds.remove(name)

    def _shrink(self, limit: int, steps: Sequence[Callable[[], int]]) -> None:
        removed = 0
        # Each time the first step is taken that has anything to remove.
        while removed < _STEPS and self.used_bytes() > limit and any(step() for step in steps):
            removed += 1
        if removed:
            self._database.return_free_pages()

    def _steps(self) -> tuple[Callable[[], int], ...]:
        return (
            self._remove_sound,
            self._remove_normal,
            lambda: self._scores(drop_samples),
            lambda: self._scores(merge_minutes),
            lambda: self._scores(drop_hours),
        )

    def _enforce_age(self, now: float) -> None:
        limits = self._retention
        with self._database.transaction(durable=False) as connection:
            for table, number, time, days, remove in (
                ("score_samples", "minute", "start", limits.sample_days, drop_samples),
                ("score_minutes", "id", "start", limits.minute_days, merge_minutes),
                ("score_hours", "id", "start", limits.hour_days, drop_hours),
            ):
                last = last_expired(connection, table, number, time, now - days * DAY, now)
                if last:
                    remove(connection, last)
            oldest = now - limits.event_days * DAY
            for table, time in _LOGS.items():
                if last := last_expired(connection, table, "id", time, oldest, now):
                    ended = "AND end IS NOT NULL" if table in _LASTING else ""
                    connection.execute(f"DELETE FROM {table} WHERE id <= ? {ended}", (last,))
            forget_gone(connection, now - limits.file_days * DAY, STEP)
            sound = last_expired(connection, "sounds", "id", "start", now - limits.sound_days * DAY, now)
            normal = last_expired(connection, "normals", "id", "start", now - limits.sound_days * DAY, now)
            event = last_expired(connection, "events", "id", "start", oldest, now)
        if sound:
            self._remove_sound(sound, STEP)
        if normal:
            self._remove_normal(normal, STEP)
        if event:
            self._remove_events(event)

    def _scores(self, remove: Callable[[sqlite3.Connection], int]) -> int:
        with self._database.transaction(durable=False) as connection:
            return remove(connection)

    def _remove_sound(self, last: int | None = None, most: int = 1) -> int:
        return self._remove_files("sounds", "? IS NULL OR id <= ?", (last, last, most))

    def _remove_normal(self, last: int | None = None, most: int = 1) -> int:
        return self._remove_files("normals", "? IS NULL OR id <= ?", (last, last, most))

    def _remove_files(self, table: str, condition: str, parameters: tuple) -> int:
        """Delete the oldest rows of sound with a condition, then their files."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"SELECT id, name, bytes FROM {table} WHERE {condition} ORDER BY id LIMIT ?", parameters
            ).fetchall()
            connection.executemany(f"DELETE FROM {table} WHERE id = ?", [row[:1] for row in rows])
        self.delete_files(rows)
        return len(rows)

    def _remove_events(self, last: int | None = None) -> int:
        """Delete the oldest events that have ended, with their sound and feedback."""
        with self._database.transaction() as connection:
            ids = connection.execute(
                "SELECT id FROM events WHERE end IS NOT NULL AND (? IS NULL OR id <= ?) ORDER BY id LIMIT ?",
                (last, last, STEP if last else 10),
            ).fetchall()
        for (event,) in ids:
            self._remove_files("sounds", "event = ?", (event, -1))
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM events WHERE id = ?", ids)
        return len(ids)

"""Queries for a page or the command line, at any time, also while another process writes."""

from __future__ import annotations

import json
import os
import time as clock
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import OptionError
from auscult.monitor.store.checks import (
    NAME_LENGTH,
    check_choice,
    check_count,
    check_id,
    check_text,
    check_time,
    optional_time,
)
from auscult.monitor.store.connection import ReadConnection
from auscult.monitor.store.judged import read_judged, read_last_judged, read_looks
from auscult.monitor.store.judged_records import JudgedFile, Look
from auscult.monitor.store.overview import MachineOverview, read_overview
from auscult.monitor.store.records import (
    KINDS,
    AuditEntry,
    Event,
    Feedback,
    Gap,
    Health,
    Kind,
    Machine,
    MachineState,
    Normal,
    Sound,
)
from auscult.monitor.store.rows import EVENTS, Where, array_of, event_of, only
from auscult.monitor.store.schema import check_version
from auscult.monitor.store.series import read_series
from auscult.monitor.store.sounds import SoundFiles
from auscult.monitor.store.states import MACHINE_COLUMNS, machine_of, read_states
from auscult.monitor.store.summaries import Summaries

#: Most rows of a page, and most points of a series.
MAX_ROWS, MAX_POINTS = 1000, 10_000

_SOUND = "id, event, name, start, seconds, sample_rate, channels, scale, bytes, role"


class StoreReader:
    """Reads a store. One object serves any number of threads.

    Every method raises `OptionError` for an argument that is out of range or names an unknown machine, and
    `StoreError` if the store cannot be read.

    Args:
        folder: of the store.

    Raises:
        StoreError: there is no store, or it is of another version.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._sounds = SoundFiles(Path(folder))
        self._connection = ReadConnection(Path(folder))
        try:
            check_version(self._connection)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> StoreReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def machines(self) -> list[Machine]:
        """Return all machines in the order of their names."""
        rows = self._connection.rows(f"SELECT {MACHINE_COLUMNS} FROM machines m ORDER BY m.name")
        return [machine_of(row) for row in rows]

    def overview(self, since: float) -> dict[str, MachineOverview]:
        """Return all machines by name with their last events, and the alarms since a time."""
        return read_overview(self._connection, check_time("since", since))

    def events(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        machine: str | None = None,
        kind: Kind | None = None,
        lasting: bool = False,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Event]:
        """Return events, those that arrived last first.

        Args:
            since, until: only those that overlap this time.
            machine: only of this one.
            kind: only of this kind.
            lasting: only those that have not ended.
            before: only those with smaller numbers; the last number of a page gives the next page.
            limit: most events, up to 1000.
        """
        where = Where()
        where.add("(e.end IS NULL OR e.end >= ?)", optional_time("since", since))
        where.add("e.start < ?", optional_time("until", until))
        where.add("e.machine = ?", self._machine(machine))
        where.add("e.kind = ?", None if kind is None else check_choice("kind", kind, KINDS))
        where.add("e.id < ?", None if before is None else check_id("before", before))
        if lasting:
            where.conditions.append("e.end IS NULL")
        limit = check_count("limit", limit, MAX_ROWS)
        rows = self._connection.rows(
            f"{EVENTS} {where} ORDER BY e.id DESC LIMIT ?",
            (*where.values, limit),
        )
        return [event_of(row) for row in rows]

    def event(self, number: int) -> Event:
        """Return one event."""
        rows = self._connection.rows(
            f"{EVENTS} WHERE e.id = ?",
            (check_id("number", number),),
        )
        return event_of(only(rows, f"no event has the number {number}"))

    def event_map(self, number: int) -> np.ndarray | None:
        """Return the float32 map of an event, or ``None`` if it has none."""
        rows = self._connection.rows("SELECT map FROM events WHERE id = ?", (check_id("number", number),))
        (data,) = only(rows, f"no event has the number {number}")
        return None if data is None else array_of(self._connection.path, data, f"the map of event {number}")

    def sounds(self, event: int) -> list[Sound]:
        """Return the sounds of an event, in the order of their numbers."""
        rows = self._connection.rows(
            f"SELECT {_SOUND} FROM sounds WHERE event = ? ORDER BY id", (check_id("event", event),)
        )
        return [Sound(*row) for row in rows]

    def read_sound(self, number: int) -> tuple[np.ndarray, int]:
        """Return the (N, channels) float32 samples of a sound and their rate in Hz."""
        sound = self._sound(number)
        return self._sounds.read(sound.name, sound.scale)

    def sound_path(self, number: int) -> Path:
        """Return the FLAC file of a sound."""
        return self._sounds.path(self._sound(number).name)

    def scores(self, machine: str, since: float, until: float, points: int = 1000) -> Summaries:
        """Return at most so many summaries of the scores of a machine in [since, until): `read_series`."""
        since, until = check_time("since", since), check_time("until", until)
        if not since < until:
            raise OptionError(f"since={since:g} must be before until={until:g}")
        number = self._machine(check_text("machine", machine, NAME_LENGTH))
        assert number is not None
        return read_series(self._connection, number, since, until, check_count("points", points, MAX_POINTS))

    def last_states(self) -> list[MachineState]:
        """Return the last score, the open event and the conditions of each machine, in the order of names."""
        return read_states(self._connection)

    def alarms_per_day(self, since: float, until: float, machine: str | None = None) -> dict[str, int]:
        """Return the number of alarms that started on each day in UTC that has any, as ``2026-01-31``."""
        where = Where()
        where.add("e.start >= ?", check_time("since", since))
        where.add("e.start < ?", check_time("until", until))
        where.add("e.machine = ?", self._machine(machine))
        where.add("e.kind = ?", "alarm")
        rows = self._connection.rows(
            f"SELECT date(e.start, 'unixepoch') AS day, count(*) FROM events e {where} GROUP BY day "
            "ORDER BY day",
            tuple(where.values),
        )
        return dict(rows)

    def alarm_counts(self, machine: str, after: int = 0) -> tuple[int, int]:
        """Return the number of alarms of a machine, and how many of them were last judged real.

        Args:
            machine: its name.
            after: only events with larger numbers.
        """
        ((alarms, real),) = self._connection.rows(
            """SELECT count(*), coalesce(sum(verdict = 'real'), 0) FROM (
                SELECT (
                    SELECT verdict FROM feedback f WHERE f.event = e.id AND verdict IS NOT NULL
                    ORDER BY f.id DESC LIMIT 1
                ) AS verdict
                FROM events e WHERE e.machine = ? AND e.id > ? AND e.kind = 'alarm'
            )""",
            (self._machine(check_text("machine", machine, NAME_LENGTH)), after),
        )
        return alarms, real

    def score_age(self, machine: str | None = None, now: float | None = None) -> float | None:
        """Return the seconds since the last score of a machine, or of any; ``None`` if there is none.

        It is 0 if the clock has been set back to before that score.
        """
        where = Where()
        where.add("machine = ?", self._machine(machine))
        ((last,),) = self._connection.rows(f"SELECT max(time) FROM last_scores {where}", tuple(where.values))
        now = clock.time() if now is None else check_time("now", now)
        return None if last is None else max(0.0, now - last)

    def gaps(self, machine: str, since: float | None = None, until: float | None = None) -> list[Gap]:
        """Return the last 1000 gaps of a machine that overlap a time, in the order of arrival."""
        where = Where()
        where.add("g.machine = ?", self._machine(check_text("machine", machine, NAME_LENGTH)))
        where.add("(g.end IS NULL OR g.end >= ?)", optional_time("since", since))
        where.add("g.start < ?", optional_time("until", until))
        rows = self._connection.rows(
            "SELECT m.name, g.start, g.end, g.reason FROM gaps g JOIN machines m ON m.id = g.machine "
            f"{where} ORDER BY g.id DESC LIMIT ?",
            (*where.values, MAX_ROWS),
        )
        return [Gap(*row) for row in reversed(rows)]

    def health(self, machine: str | None = None, *, lasting: bool = False, limit: int = 100) -> list[Health]:
        """Return conditions of a machine, or of all and of the monitor, those that arrived last first."""
        where = Where()
        where.add("h.machine = ?", self._machine(machine))
        if lasting:
            where.conditions.append("h.end IS NULL")
        rows = self._connection.rows(
            "SELECT m.name, h.condition, h.start, h.end, h.detail FROM health h "
            f"LEFT JOIN machines m ON m.id = h.machine {where} ORDER BY h.id DESC LIMIT ?",
            (*where.values, check_count("limit", limit, MAX_ROWS)),
        )
        return [Health(*row) for row in rows]

    def feedback(self, event: int) -> list[Feedback]:
        """Return the notes about an event in the order of arrival."""
        rows = self._connection.rows(
            "SELECT event, time, author, text, verdict, data FROM feedback WHERE event = ? ORDER BY id",
            (check_id("event", event),),
        )
        return [Feedback(*[*row[:-1], None if row[-1] is None else json.loads(row[-1])]) for row in rows]

    def audit(self, limit: int = 100) -> list[AuditEntry]:
        """Return the last entries of the audit log, the last one first."""
        rows = self._connection.rows(
            "SELECT time, author, action, detail FROM audit ORDER BY id DESC LIMIT ?",
            (check_count("limit", limit, MAX_ROWS),),
        )
        return [AuditEntry(*[*row[:-1], json.loads(row[-1])]) for row in rows]

    def state(self, machine: str, key: str) -> dict[str, Any] | None:
        """Return what a part of the monitor has kept of a machine; ``None`` if there is nothing."""
        rows = self._connection.rows(
            "SELECT value FROM states WHERE machine = ? AND key = ?",
            (self._machine(check_text("machine", machine, NAME_LENGTH)), check_text("key", key, NAME_LENGTH)),
        )
        return json.loads(rows[0][0]) if rows else None

    def normals(self, machine: str) -> list[Normal]:
        """Return the kept windows of normal running of a machine, in the order of arrival."""
        rows = self._connection.rows(
            "SELECT n.id, m.name, n.start, n.seconds, n.sample_rate, n.spectrum FROM normals n "
            "JOIN machines m ON m.id = n.machine WHERE n.machine = ? ORDER BY n.id",
            (self._machine(check_text("machine", machine, NAME_LENGTH)),),
        )
        path = self._connection.path
        return [Normal(*[*row[:-1], array_of(path, row[-1], f"normal window {row[0]}")]) for row in rows]

    def judged_files(self) -> Iterator[tuple[JudgedFile, bool]]:
        """Iterate over the recordings of watched folders in the order of judgement.

        Yields:
            Each recording, and whether its file has disappeared.
        """
        return read_judged(self._connection)

    def last_judged(self, machine: str, limit: int = 1) -> list[JudgedFile]:
        """Return the last recordings of a machine from a watched folder, the last one first."""
        number = self._machine(check_text("machine", machine, NAME_LENGTH))
        assert number is not None
        return read_last_judged(self._connection, number, check_count("limit", limit, MAX_ROWS))

    def looks(self) -> list[Look]:
        """Return when each watched folder was last looked at, the last one first."""
        return read_looks(self._connection)

    def _machine(self, name: str | None) -> int | None:
        if name is None:
            return None
        rows = self._connection.rows(
            "SELECT id FROM machines WHERE name = ?", (check_text("machine", name, NAME_LENGTH),)
        )
        return int(only(rows, f"unknown machine {name!r}")[0])

    def _sound(self, number: int) -> Sound:
        rows = self._connection.rows(
            f"SELECT {_SOUND} FROM sounds WHERE id = ?", (check_id("number", number),)
        )
        return Sound(*only(rows, f"no sound has the number {number}"))

"""The store of a monitor: everything that is written to it goes through one object."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import OptionError
from auscult.monitor.store import writes
from auscult.monitor.store.connection import Database, T, store_errors
from auscult.monitor.store.deliveries import Deliveries
from auscult.monitor.store.judged_writes import JudgedFiles
from auscult.monitor.store.listener import StoreListener
from auscult.monitor.store.lock import StoreLock
from auscult.monitor.store.reader import StoreReader
from auscult.monitor.store.records import AuditEntry, Condition, Event, Feedback, Gap, Machine, Role, ScoreRow
from auscult.monitor.store.repair import repair_sounds
from auscult.monitor.store.retention import Keeper, Retention
from auscult.monitor.store.schema import upgrade
from auscult.monitor.store.score_log import ScoreLog, read_clock
from auscult.monitor.store.sound_writes import SoundWriter
from auscult.monitor.store.sounds import SoundFiles
from auscult.monitor.store.space import DiskSpace
from auscult.monitor.store.streamed import StreamedFiles

#: Author of entries of the audit log that the store makes itself.
_STORE = "event store"


class EventStore:
    """Scores, events, sound and health of monitored machines, in one folder.

    What a method has written survives a kill of the process when it returns; events and sound also survive a
    power loss. One object serves any number of threads. Times are in seconds since 1970-01-01 UTC.

    If the disk has less free space than the reserve, scores and sounds are dropped, scores are counted, and
    the condition ``disk full`` lasts; events are still written as long as they fit. Everything is written
    again once there is room.

    Methods that write raise `OptionError` for invalid values, and `StoreError` if the store cannot be
    written, with ``full`` set if there is no room.

    Args:
        folder: created if it does not exist.
        retention: how long what is kept, and how much.
        clock: seconds since 1970 UTC.
        steady: seconds of a clock that never jumps.

    Attributes:
        read: the queries, see `StoreReader`.
        streamed: which recordings of a folder were read as the stream of a machine.
        deliveries: messages that wait to be sent.
        listeners: called with events and conditions after they are written, in the thread that writes them.
        judged: the results of recordings of a plant, each with a verdict of its own.

    Raises:
        StoreError: another process writes this store, it is of a newer version, or it cannot be written.

    Example:
        >>> from tempfile import mkdtemp
        >>> with EventStore(mkdtemp()) as store:
        ...     store.put_machine(Machine("fan", "a1b2", "microphone 1", {}, since=0.0))
        ...     number = store.add_event(Event("fan", "alarm", start=10.0, peak=3.2))
        ...     store.read.event(number).peak
        3.2
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        retention: Retention | None = None,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = Path(folder)
        retention = retention or Retention()
        self._clock = clock
        self._lock = threading.RLock()
        with ExitStack() as opened:
            with store_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
            opened.callback(StoreLock(self.folder).release)
            self._database = Database(self.folder)
            opened.callback(self._database.close)
            self._sounds = SoundFiles(self.folder)
            upgrade(self._database, new=not self._sounds.has_files())
            repair_sounds(self._database, self._sounds, clock(), _STORE)
            self._space = DiskSpace(self._database, retention.reserve_bytes, clock)
            self._keeper = Keeper(self._database, self._sounds, retention)
            self._sound_writer = SoundWriter(
                self.folder, self._database, self._sounds, self._keeper, self._space
            )
            self.listeners: list[StoreListener] = []
            self.deliveries = Deliveries(self._database)
            self.streamed = StreamedFiles(self._database, self._machine)
            self.read = StoreReader(self.folder)
            opened.callback(self.read.close)
            with self._database.transaction() as connection:
                self._ids = dict(connection.execute("SELECT name, id FROM machines").fetchall())
                self._retention_clock = read_clock(connection, clock(), steady)
            self._scores = ScoreLog(self._database, self._space, self._keeper, self._retention_clock, clock)
            self.judged = JudgedFiles(
                self._database, self._scores, self._sound_writer, self._ids, self._lock, self.listeners
            )
            self._close = opened.pop_all()

    def __enter__(self) -> EventStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store and release the lock."""
        with self._lock:
            self._close.close()

    @property
    def full(self) -> bool:
        """Whether scores are dropped for lack of room."""
        return self._space.full

    @property
    def dropped_scores(self) -> int:
        """Scores dropped for lack of room since the store was opened."""
        return self._space.dropped

    def enforce_retention(self) -> None:
        """Remove what is too old or too much, as happens once a minute while scores arrive."""
        with self._lock:
            self._keeper.enforce(self._retention_clock.now())

    def used_bytes(self) -> int:
        """Return the size of the database and of the sound files."""
        return self._keeper.used_bytes()

    def put_machine(self, machine: Machine, author: str = _STORE) -> None:
        """Add a machine, or replace what is known of the one of this name.

        Args:
            machine: the machine.
            author: who did it, for the audit log.
        """
        entry = AuditEntry(
            self._clock(), author, "machine", {"machine": machine.name, "model": machine.model}
        )

        def put(connection: sqlite3.Connection) -> int:
            writes.insert_audit(connection, entry)
            return writes.put_machine(connection, machine)

        self._ids[machine.name] = self._write(put)

    def add_scores(self, rows: Iterable[ScoreRow]) -> int:
        """Add scores, best those of all machines of about a second at once.

        Returns:
            The number of scores written: all of them, or 0 for lack of room.
        """
        rows = list(rows)
        if not rows:
            return 0
        with self._lock:
            return self._scores.add(rows, self._ids)

    def add_event(self, event: Event, score_map: np.ndarray | None = None) -> int:
        """Add an event.

        Args:
            event: without a number.
            score_map: up to four axes, rounded to float32.

        Returns:
            The number of the event.
        """
        machine = self._machine(event.machine)
        number = self._write(lambda connection: writes.insert_event(connection, event, machine, score_map))
        for listener in self.listeners:
            listener.event(number, event, added=True)
        return number

    def update_event(self, number: int, event: Event, score_map: np.ndarray | None = None) -> None:
        """Replace what may change of an event: all but machine, kind and start.

        Args:
            number: of the event.
            event: the new values.
            score_map: as in `add_event`; ``None`` keeps the map.
        """
        self._write(lambda connection: writes.update_event(connection, number, event, score_map))
        for listener in self.listeners:
            listener.event(number, event, added=False)

    def add_sound(
        self, event: int, samples: np.ndarray, sample_rate: int, start: float, role: Role = "event"
    ) -> int:
        """Write the sound around an event as FLAC of 24 bits.

        Args:
            event: number of the event.
            samples: (N,) or (N, channels) floating point.
            sample_rate: in Hz.
            start: time of the first sample, usually some seconds before the event.
            role: ``event``; ``peak`` for the window with the peak; ``normal`` for a sound to compare it with.

        Returns:
            The number of the sound.
        """
        with self._lock:
            return self._sound_writer.add(event, samples, sample_rate, start, role)

    def add_normal(
        self, machine: str, samples: np.ndarray, sample_rate: int, start: float, spectrum: np.ndarray
    ) -> int:
        """Write a window of normal running; the oldest of the machine is deleted if there are too many.

        Args:
            machine: name of the machine.
            samples: (N,) or (N, channels) floating point.
            sample_rate: in Hz.
            start: time of the first sample.
            spectrum: (n_mels,) mean log-mel of the window, dB.

        Returns:
            The number of the window.
        """
        number = self._machine(machine)
        with self._lock:
            return self._sound_writer.add_normal(number, samples, sample_rate, start, spectrum)

    def add_nearest_normal(self, event: int, spectrum: np.ndarray) -> int | None:
        """Give an event the kept window of normal running whose spectrum is the nearest, for comparison.

        Args:
            event: number of the event.
            spectrum: (n_mels,) mean log-mel at the event, dB.

        Returns:
            The number of the sound; ``None`` if no normal running of the machine is kept.
        """
        with self._lock:
            return self._sound_writer.add_nearest_normal(event, spectrum)

    def put_state(self, machine: str, key: str, data: Mapping[str, Any]) -> None:
        """Keep what a part of the monitor has to know of a machine after a restart.

        Args:
            machine: name of the machine.
            key: which part; a name of up to 200 characters.
            data: JSON-compatible; replaces what was kept before.
        """
        number = self._machine(machine)
        self._write(lambda connection: writes.put_state(connection, number, key, data), durable=False)

    def add_gap(self, gap: Gap) -> int:
        """Add time without scores, and return its number."""
        machine = self._machine(gap.machine)
        return self._write(lambda connection: writes.insert_gap(connection, gap, machine))

    def end_gap(self, number: int, end: float, reason: str | None = None) -> None:
        """Set the end of a gap, and its reason if that is known only now."""
        self._write(lambda connection: writes.end_gap(connection, number, end, reason))

    def end_gaps(self, machine: str, time: float) -> None:
        """Set the end of all gaps of a machine that last."""
        number = self._machine(machine)
        self._write(lambda connection: writes.end_gaps(connection, number, time))

    def set_condition(
        self, machine: str | None, condition: Condition, lasting: bool, time: float, detail: str = ""
    ) -> bool:
        """Begin or end a condition of a machine, or of the monitor if that is ``None``, or tell its detail.

        Returns:
            Whether it began or ended.
        """
        number = None if machine is None else self._machine(machine)
        changed = self._write(
            lambda connection: writes.set_condition(connection, number, condition, lasting, time, detail)
        )
        for listener in self.listeners if changed else ():
            listener.condition(machine, condition, lasting, time, detail)
        return changed

    def add_feedback(self, feedback: Feedback) -> int:
        """Add a note about an event, and return its number."""
        return self._write(lambda connection: writes.insert_feedback(connection, feedback))

    def add_audit(self, entry: AuditEntry) -> int:
        """Add an entry to the audit log, and return its number."""
        return self._write(lambda connection: writes.insert_audit(connection, entry))

    def _machine(self, name: str) -> int:
        if name not in self._ids:
            raise OptionError(f"unknown machine {name!r:.80}: add it to the store first")
        return self._ids[name]

    def _write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        with self._lock:
            return self._database.write(change, durable=durable)

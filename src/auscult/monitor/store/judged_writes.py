"""Writes the results of recordings of watched folders."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from auscult.errors import OptionError, StoreError
from auscult.monitor.store import judged, sound_rows, writes
from auscult.monitor.store.connection import Database
from auscult.monitor.store.judged_records import JudgedFile, Look
from auscult.monitor.store.listener import StoreListener
from auscult.monitor.store.records import Event, Role, ScoreRow, Sound
from auscult.monitor.store.score_log import ScoreLog
from auscult.monitor.store.sound_writes import SoundWriter


class EventSound(NamedTuple):
    """A sound of an event; see `EventStore.add_sound`."""

    samples: np.ndarray
    sample_rate: int
    start: float
    role: Role = "event"


@dataclass(frozen=True)
class EventChange:
    """An event that begins, or that is replaced if it has a number.

    Attributes:
        event: the event.
        score_map: its map; ``None`` keeps the one that it has.
        of_last: whether the last recording that is written with it belongs to it.
        sounds: sounds that are added to it, if there is room.
    """

    event: Event
    score_map: np.ndarray | None = None
    of_last: bool = False
    sounds: Sequence[EventSound] = ()


class JudgedFiles:
    """Writes what is known of the recordings of watched folders.

    Methods raise `OptionError` for invalid values, and `StoreError` if the store cannot be written.

    Args:
        database: of the store.
        scores: its scores.
        sounds: writes its sounds.
        ids: number of each machine by name; the store adds to it.
        lock: of the store.
        listeners: of the store; notified of the events.
    """

    def __init__(
        self,
        database: Database,
        scores: ScoreLog,
        sounds: SoundWriter,
        ids: Mapping[str, int],
        lock: threading.RLock,
        listeners: Sequence[StoreListener],
    ) -> None:
        self._database, self._scores, self._sounds = database, scores, sounds
        self._ids, self._lock, self._listeners = ids, lock, listeners

    def add(
        self,
        files: Sequence[JudgedFile],
        scores: Sequence[ScoreRow] = (),
        events: Sequence[EventChange] = (),
    ) -> list[int]:
        """Write the results of recordings, all of them or nothing.

        Without room for scores these are dropped, as in `EventStore.add_scores`, but not the rest.

        Args:
            files: the recordings, at least one.
            scores: their scores.
            events: events that begin, or that are replaced.

        Returns:
            The numbers of the events.
        """
        names = {file.machine for file in files if file.machine is not None}
        for name in names | {change.event.machine for change in events}:
            if name not in self._ids:
                raise OptionError(f"unknown machine {name!r:.80}: add it to the store first")
        with self._lock:
            room = self._scores.has_room(scores)
            sounds = [self._sound_files(change) for change in events]

            def write(connection: sqlite3.Connection) -> list[int]:
                numbers = [self._put_event(connection, change) for change in events]
                last = files[-1]
                for change, number, of_event in zip(events, numbers, sounds, strict=True):
                    last = replace(last, event=number) if change.of_last else last
                    for sound in of_event:
                        sound_rows.insert_sound(connection, replace(sound, event=number))
                if room and scores:
                    self._scores.insert(connection, scores, self._ids)
                judged.insert_judged(connection, [*files[:-1], last], self._ids)
                return numbers

            written = [sound for of_event in sounds for sound in of_event]
            try:
                numbers = self._database.write(write)
            except BaseException:
                self._sounds.discard(written)
                raise
            self._sounds.written(written)
            if scores:
                self._scores.follow(scores)
        for change, number in zip(events, numbers, strict=True):
            for listener in self._listeners:
                listener.event(number, change.event, added=change.event.id is None)
        return numbers

    def rename(self, name: str, new_name: str, size: int, modified: int) -> None:
        """Remember a recording under another name or time of modification."""
        self._write(lambda connection: judged.rename_judged(connection, name, new_name, size, modified))

    def mark_gone(self, gone: Iterable[str], back: Iterable[str], time: float) -> None:
        """Note that files have disappeared, or are there again.

        Those that disappeared are forgotten after `Retention.file_days`.
        """
        gone, back = list(gone), list(back)
        self._write(lambda connection: judged.mark_gone(connection, gone, back, time))

    def put_look(self, look: Look) -> None:
        """Note when a folder was last looked at; after a power loss this may be an earlier time."""
        with self._lock:
            self._database.write(lambda connection: judged.put_look(connection, look), durable=False)

    def _sound_files(self, change: EventChange) -> list[Sound]:
        """Write the sounds of an event; one for which there is no room is left out."""
        sounds = []
        for sound in change.sounds:
            try:
                sounds.append(self._sounds.write_file(*sound))
            except StoreError:
                break
        return sounds

    def _put_event(self, connection: sqlite3.Connection, change: EventChange) -> int:
        event = change.event
        if event.id is None:
            return writes.insert_event(connection, event, self._ids[event.machine], change.score_map)
        writes.update_event(connection, event.id, event, change.score_map)
        return event.id

    def _write(self, change: Callable[[sqlite3.Connection], None]) -> None:
        with self._lock:
            self._database.write(change)

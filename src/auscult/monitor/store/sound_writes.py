"""Writes sound: the file first and then its row, so that a row never lacks its file.

A process that is killed between the two leaves a file without a row, which the next opening deletes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from auscult.errors import OptionError, StoreError
from auscult.monitor.store import sound_rows, writes
from auscult.monitor.store.checks import check_choice, check_id, check_time
from auscult.monitor.store.connection import Database
from auscult.monitor.store.records import ROLES, Role, Sound
from auscult.monitor.store.retention import Keeper
from auscult.monitor.store.rows import array_of
from auscult.monitor.store.sounds import SoundFiles, encode
from auscult.monitor.store.space import DiskSpace

#: Windows of normal running that are kept for each machine.
KEPT_NORMALS = 24


class SoundWriter:
    """Writes the sound of events and windows of normal running, within the limits of the store.

    Args:
        folder: of the store.
        database: of the store.
        sounds: its sound files.
        keeper: makes room.
        space: tells whether the disk has room.
    """

    def __init__(
        self, folder: Path, database: Database, sounds: SoundFiles, keeper: Keeper, space: DiskSpace
    ) -> None:
        self._folder, self._database, self._sounds = folder, database, sounds
        self._keeper, self._space = keeper, space

    def add(self, event: int, samples: np.ndarray, sample_rate: int, start: float, role: Role) -> int:
        """Write a sound of an event and return its number; see `EventStore.add_sound`."""
        check_choice("role", role, ROLES)
        sound, data = _encoded(samples, sample_rate, start)
        return self._add_to_event(replace(sound, event=check_id("event", event), role=role), data)

    def add_normal(
        self, machine: int, samples: np.ndarray, sample_rate: int, start: float, spectrum: np.ndarray
    ) -> int:
        """Write a window of normal running and return its number; see `EventStore.add_normal`."""
        spectrum = np.asarray(spectrum)
        if spectrum.ndim != 1 or not np.all(np.isfinite(spectrum)):
            raise OptionError(f"a spectrum must be (n_mels,) finite numbers, got {spectrum.shape}")
        sound, data = _encoded(samples, sample_rate, start)
        replaced: list[tuple[int, str, int]] = []

        def insert(connection: sqlite3.Connection, name: str) -> int:
            number = sound_rows.insert_normal(connection, machine, replace(sound, name=name), spectrum)
            replaced[:] = sound_rows.delete_old_normals(connection, machine, KEPT_NORMALS)
            return number

        number = self._write(data, insert)
        self._keeper.delete_files(replaced)
        return number

    def add_nearest_normal(self, event: int, spectrum: np.ndarray) -> int | None:
        """Copy the nearest normal window to an event; see `EventStore.add_nearest_normal`."""
        with self._database.transaction() as connection:
            normals = connection.execute(
                "SELECT name, start, seconds, sample_rate, channels, scale, bytes, spectrum FROM normals "
                "WHERE machine = (SELECT machine FROM events WHERE id = ?) ORDER BY id",
                (check_id("event", event),),
            ).fetchall()
        known = [(array_of(self._folder, row[-1], "a normal spectrum"), row[:-1]) for row in normals]
        distances = sorted(
            (float(np.linalg.norm(other - spectrum)), index)
            for index, (other, _) in enumerate(known)
            if other.shape == np.shape(spectrum)
        )
        for _, index in distances:
            name, start, seconds, rate, channels, scale, size = known[index][1]
            try:
                data = self._sounds.read_bytes(name)
            except StoreError:  # someone has deleted the file: the next one will do
                continue
            sound = Sound(0, event, "", start, seconds, rate, channels, scale, size, "normal")
            return self._add_to_event(sound, data)
        return None

    def write_file(self, samples: np.ndarray, sample_rate: int, start: float, role: Role) -> Sound:
        """Write the file of a sound whose row, with its event, is written by the caller later.

        `written` or `discard` must be called then.
        """
        check_choice("role", role, ROLES)
        sound, data = _encoded(samples, sample_rate, start)
        return replace(sound, name=self._write_file(data), role=role)

    def written(self, sounds: Iterable[Sound]) -> None:
        """Count sounds of `write_file` whose rows were written."""
        self._keeper.sound_bytes += sum(sound.bytes for sound in sounds)

    def discard(self, sounds: Iterable[Sound]) -> None:
        """Delete the files of sounds of `write_file` whose rows were not written."""
        for sound in sounds:
            self._sounds.remove(sound.name)

    def _add_to_event(self, sound: Sound, data: bytes) -> int:
        def insert(connection: sqlite3.Connection, name: str) -> int:
            return sound_rows.insert_sound(connection, replace(sound, name=name))

        with self._database.transaction() as connection:
            writes.check_event(connection, sound.event)
        return self._write(data, insert)

    def _write(self, data: bytes, insert: Callable[[sqlite3.Connection, str], int]) -> int:
        """Write a file, then the row that names it."""
        name = self._write_file(data)
        try:
            number = self._database.write(lambda connection: insert(connection, name))
        except BaseException:
            self._sounds.remove(name)
            raise
        self._keeper.sound_bytes += len(data)
        return number

    def _write_file(self, data: bytes) -> str:
        """Write a file if there is room for it, and return its name."""
        if not self._space.check():
            raise StoreError(self._folder, "no room left on the disk for sound", full=True)
        self._keeper.make_room(len(data))
        return self._sounds.write(data)


def _encoded(samples: np.ndarray, sample_rate: int, start: float) -> tuple[Sound, bytes]:
    """Return samples as the content of a file, with what its row says; event and name are still missing."""
    start, samples = check_time("start", start), np.asarray(samples)
    data, scale = encode(samples, sample_rate)
    channels = samples.shape[1] if samples.ndim == 2 else 1
    seconds = len(samples) / sample_rate
    return Sound(0, 0, "", start, seconds, int(sample_rate), channels, scale, len(data)), data

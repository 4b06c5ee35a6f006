"""When a folder was looked at, by this process and by those before: from that follows when files arrived."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from auscult.errors import StoreError
from auscult.monitor.store import EventStore, Look
from auscult.monitor.watch.settings import WatchSettings
from auscult.monitor.watch.times import arrival
from auscult.sound.live.folder_files import SettledFile

#: Seconds between notes in the store that the folder is looked at.
NOTE_SECONDS = 10.0


class Looks:
    """Follows the looks at one folder.

    Args:
        store: where they are noted.
        folder: the folder that is watched.
        models: path of the models, for who reads the notes.
        settings: of the watch.

    Raises:
        StoreError: the store cannot be read.
    """

    def __init__(self, store: EventStore, folder: str, models: str, settings: WatchSettings) -> None:
        self._store, self._settings = store, settings
        self._folder, self._models = os.path.abspath(folder), os.path.abspath(models)
        looks = [look for look in store.read.looks() if look.folder == self._folder]
        self._before = looks[0].time if looks else float("-inf")  # of an earlier process
        self._began = 0.0  # the beginning of the last look
        self._first: float | None = None  # the end of the first look
        self._settling_since: float | None = None  # the end of the look from which files have time to settle
        self._noted = -NOTE_SECONDS

    def begin(self) -> None:
        """Note that a look begins."""
        self._began = time.monotonic()

    def end(self) -> None:
        """Note that a look has ended, which could list the folder."""
        now = time.monotonic()
        self._first = now if self._first is None else self._first
        self._settling_since = now if self._settling_since is None else self._settling_since

    def begin_settling(self) -> None:
        """Give files that the next look sees for the first time the time to settle."""
        self._settling_since = None

    @property
    def settled(self) -> bool:
        """Whether files that do not change had the time to settle: others are being written."""
        since = self._settling_since
        return since is not None and self._began - since >= self._settings.settle

    def arrival(self, file: SettledFile) -> float:
        """Return when a file that the last look has seen was completed here, seconds since 1970."""
        now, first_seen = time.time(), self._began - file.seconds
        present_since = self._before
        if self._first is not None and first_seen > self._first:
            present_since = now - (time.monotonic() - first_seen) - self._settings.poll
        return arrival(file.version.modified / 1e9, present_since, now)

    def write(self, *, running: bool) -> None:
        """Write now and then that the folder was looked at, for the next process and for who asks.

        Args:
            running: whether the watch goes on; its end is always written.

        Raises:
            StoreError: the store cannot be written, for another reason than room.
        """
        if running and time.monotonic() - self._noted < NOTE_SECONDS:
            return
        self._noted = time.monotonic()
        detail = {"models": self._models, "expected": self._settings.expected, "running": running}
        note = Look(self._folder, time.time(), detail)
        unless_full(lambda: self._store.judged.put_look(note))


def unless_full(write: Callable[[], None]) -> None:
    """Write what a later look repeats if there is no room for it."""
    try:
        write()
    except StoreError as error:
        if not error.full:
            raise

"""How far the recordings of a watched folder were judged, written to the store after their scores."""

from __future__ import annotations

from typing import Any

from auscult.monitor.store import EventStore
from auscult.sound.live import Delivered, PartlyRead, Source, WatchedFolder

#: Key of the state with the recording that was judged in part.
_KEY = "recording"


class FolderProgress:
    """Follows one machine whose source is a watched folder; for other sources nothing is kept.

    A recording counts as judged once its last block was scored and these scores were written. If the process
    is killed in between, what it judged in the last second is judged again.

    Args:
        store: the store, which knows the machine.
        machine: its name.
    """

    def __init__(self, store: EventStore, machine: str) -> None:
        self._store, self._machine = store, machine
        self._source: WatchedFolder | None = None
        self._delivered: Delivered | None = None  # up to the item that was scored last
        self._scored: Delivered | None = None  # the same, of which all scores are known to the engine
        self._saved = Delivered(0, None)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments with which the source continues where the last monitor ended."""
        state = self._store.read.state(self._machine, _KEY)
        partly = PartlyRead(**state) if state else None
        self._saved = Delivered(0, partly)
        return {"state": self._store.streamed.of(self._machine), "partly": partly}

    def reached(self, source: Source) -> Delivered | None:
        """Return what a source has delivered with the item that it yielded last."""
        if not isinstance(source, WatchedFolder):
            return None
        self._source = source
        return source.delivered

    def scored(self, delivered: Delivered | None) -> None:
        """Note that an item was scored, with what `reached` returned for it."""
        self._delivered = delivered or self._delivered

    def publish(self) -> None:
        """Note that the scores of all items that were scored will be written next."""
        self._scored = self._delivered

    def pending(self) -> Delivered | None:
        """Return what `save` has to write, once all scores are written that are known now."""
        return None if self._scored == self._saved else self._scored

    def save(self, delivered: Delivered) -> None:
        """Write how far the recordings were judged.

        Raises:
            StoreError: the store cannot be written.
        """
        assert self._source is not None
        changes = self._source.changes[self._saved.changes : delivered.changes]
        if changes:
            self._store.streamed.put(self._machine, changes)
        if delivered.partly:
            self._store.put_state(self._machine, _KEY, delivered.partly._asdict())
        self._saved = delivered

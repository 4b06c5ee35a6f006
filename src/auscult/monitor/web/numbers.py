"""Numbers of machines in the store, by which clients name them."""

from __future__ import annotations

import time

from auscult.monitor.store import StoreReader
from auscult.monitor.web.params import NotThere


class MachineNumbers:
    """Names by number and numbers by name, which the store never changes, for any number of threads.

    Args:
        reader: of the store.
    """

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def name(self, number: int) -> str:
        """Return the name of the machine with a number.

        Raises:
            NotThere: there is none.
            StoreError: the store cannot be read.
        """
        if number not in self._names:
            self._read()
        if number not in self._names:
            raise NotThere(f"no machine has the number {number}")
        return self._names[number]

    def number(self, name: str) -> int:
        """Return the number of the machine with a name; errors as of `name`."""
        if name not in self._numbers:
            self._read()
        if name not in self._numbers:
            raise NotThere(f"no machine has the name {name!r:.80}")
        return self._numbers[name]

    def _read(self) -> None:
        numbers = {name: known.id for name, known in self._reader.overview(time.time()).items()}
        self._names = {number: name for name, number in numbers.items()}
        self._numbers = numbers

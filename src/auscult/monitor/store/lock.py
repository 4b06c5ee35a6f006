"""One process writes a store at a time.

The lock is one of the operating system on a file, so that it ends with its holder, however that ends. The
file also names the process, for the message to the next one.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from auscult.errors import StoreError
from auscult.runtime.locks import is_locked, try_lock, unlock

NAME = "store.lock"
#: Attempts to get the lock, and seconds between them.
_TRIES, _PAUSE = 3, 0.02


class StoreLock:
    """Holds the lock of a store until it is released or the process ends.

    Args:
        folder: of the store.

    Raises:
        StoreError: another process holds the lock, which the message names, or the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        try:
            # Not "a+b", whose writes always go to the end.
            self._file: IO[bytes] = os.fdopen(
                os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0
            )
        except OSError as error:
            raise StoreError(folder, f"cannot be locked: {error.strerror}") from None
        if not _try_several_times(self._file):
            holder = _holder(self._file)
            self._file.close()
            who = "this process" if holder == os.getpid() else f"process {holder or 'unknown'}"
            raise StoreError(folder, f"already open for writing in {who}: end that one, or open read-only")
        with suppress(OSError):  # a full disk: the lock holds without a name
            self._file.truncate(0)
            self._file.seek(0)
            # The first byte is the one that is locked on Windows, where others cannot read it.
            self._file.write(f"\n{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let other processes write the store."""
        if not self._file.closed:
            unlock(self._file)
            self._file.close()


def writer_of(folder: Path) -> int | None:
    """Return the number of the process that writes a store; ``None`` if none does, 0 if it is unknown."""
    try:
        with open(folder / NAME, "rb") as file:
            return (_holder(file) or 0) if is_locked(file) else None
    except OSError:
        return None


def _try_several_times(file: IO[bytes]) -> bool:
    """Try to lock a file, which `writer_of` holds for a moment."""
    for _ in range(_TRIES):
        if try_lock(file):
            return True
        time.sleep(_PAUSE)
    return False


def _holder(file: IO[bytes]) -> int | None:
    """Return the process id that a lock file names, if it has been written already."""
    file.seek(1)
    text = file.read(32).strip()
    return int(text) if text.isdigit() else None

"""A lock between processes, held until it is released or the process ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO


@contextmanager
def file_lock(path: str | os.PathLike[str], *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold an exclusive lock, after waiting until no other process holds it.

    Args:
        path: a file that is created for the lock and stays, since removing it would let two processes lock
            different files of the same name.
        waiting: called once if another process holds the lock.

    Raises:
        OSError: the file cannot be created, or the file system does not support locks.
    """
    with open(path, "ab") as file:
        if not try_lock(file):
            if waiting:
                waiting()
            _lock(file)
        try:
            yield
        finally:
            unlock(file)


if sys.platform == "win32":
    import msvcrt
    import time

    def try_lock(file: IO[bytes]) -> bool:
        """Lock an open file exclusively; ``False`` if another process, or another opening, holds the lock."""
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def is_locked(file: IO[bytes]) -> bool:
        """Return whether another process, or another opening, holds the lock of a file."""
        free = try_lock(file)
        if free:
            unlock(file)
        return not free

    def _lock(file: IO[bytes]) -> None:
        while not try_lock(file):
            time.sleep(0.5)

    def unlock(file: IO[bytes]) -> None:
        """Release the lock of `try_lock`."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def try_lock(file: IO[bytes]) -> bool:
        """Lock an open file exclusively; ``False`` if another process, or another opening, holds the lock."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_locked(file: IO[bytes]) -> bool:
        """Return whether another process, or another opening, holds the lock of a file."""
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
        return False

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def unlock(file: IO[bytes]) -> None:
        """Release the lock of `try_lock`."""
        fcntl.flock(file, fcntl.LOCK_UN)

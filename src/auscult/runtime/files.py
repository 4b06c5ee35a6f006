"""Atomic file writes: a file exists completely or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

#: Suffix of the name of an unfinished file.
PART = ".part"


def write_atomically(
    path: str | os.PathLike[str], data: bytes | bytearray | memoryview, *, sync: bool = True
) -> None:
    """Write a file atomically.

    If the process is killed, the old or the new file remains, never a partial one. The data is written to a
    temporary file in the same folder, synced to disk, and renamed to ``path``. Its permissions follow the
    umask, as with `open`.

    Args:
        path: the file to write or replace.
        data: its new content.
        sync: sync the data to disk before renaming. ``False`` is much faster, but a power loss may leave a
            partial file at ``path``.

    Raises:
        OSError: the folder does not exist or is not writable; the old file is unchanged.
    """
    path = Path(path)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}{PART}"
    # Not tempfile.mkstemp, which creates the file with mode 0600 whatever the umask is.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

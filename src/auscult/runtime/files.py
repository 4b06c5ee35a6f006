"""Atomic file writes: a file exists completely or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

#: Suffix of the name of an unfinished file.
PART = ".part"


def write_atomically(path: str | os.PathLike[str], data: bytes | bytearray, *, sync: bool = True) -> None:
    """Write a file atomically.

    If the process is killed, the old or the new file remains, never a partial one. The data is written to a
    temporary file in the same folder, synced to disk, and renamed to ``path``.

    Args:
        path: the file to write or replace.
        data: its new content.
        sync: sync the data to disk before renaming. ``False`` is much faster, but a power loss may leave a
            partial file at ``path``.

    Raises:
        OSError: the folder does not exist or is not writable; the old file is unchanged.
    """
    path = Path(path)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp creates the file with mode 0600
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

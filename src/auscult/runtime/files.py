"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

#: How the name of a file ends that is not finished yet.
PART = ".part"


def write_atomically(path: str | os.PathLike[str], data: bytes | bytearray, *, sync: bool = True) -> None:
    """Writes a file so that a kill leaves the old one or the new one, never half of it.

    The bytes go to a temporary file in the same folder, are synced to disk, and then take the name.

    Args:
        sync: not to sync is much faster, and a loss of power may leave half a file under the name.

    Raises:
        OSError: the folder does not exist or cannot be written; the old file stands as it was.
    """
    path = Path(path)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp lets nobody else read
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

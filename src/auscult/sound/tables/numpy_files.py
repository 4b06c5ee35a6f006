"""Tables in NumPy's formats ``.npy`` and ``.npz``."""

from __future__ import annotations

import zipfile
import zlib
from tokenize import TokenError
from typing import Any

import numpy as np

from auscult.errors import TableError
from auscult.sound.tables.nested import columns_in, stated_rate
from auscult.sound.tables.table import ArrayTable

#: What reading a damaged file raises.
_DAMAGED = (
    *(ValueError, EOFError, OSError, KeyError, MemoryError, SyntaxError, TokenError),
    *(zipfile.BadZipFile, zlib.error),
)
#: Largest header of an array, bytes.
_MAX_HEADER = 10_000


def open_npy(path: str) -> ArrayTable:
    """Open an array; it is read from the file as needed, and no memory is allocated by its header.

    Raises:
        TableError: it is damaged, or holds Python objects.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGED as error:
        raise TableError(path, f"cannot be read as a NumPy array: {_reason(error)}") from error
    return ArrayTable(path, "NPY", columns_in(path, array))


def open_npz(path: str) -> ArrayTable:
    """Open a file of several arrays, and read those of numbers.

    Raises:
        TableError: it is damaged, or an array is not as long as its header says.
    """
    arrays: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                array = _entry(archive, entry)
                if array is not None:
                    arrays[entry.filename.removesuffix(".npy")] = array
    except (*_DAMAGED, RuntimeError, NotImplementedError) as error:  # encrypted, or an unknown compression
        raise TableError(path, f"cannot be read as NumPy arrays: {_reason(error)}") from error
    return ArrayTable(path, "NPZ", columns_in(path, arrays), rate=stated_rate(arrays))


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray | None:
    """Read an array of numbers; ``None`` for an entry that is something else."""
    if not entry.filename.endswith(".npy"):
        return None
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=_MAX_HEADER)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file, max_header_size=_MAX_HEADER)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.hasobject or (dtype.kind not in "iuf" and dtype.names is None):
            return None
        if size > entry.file_size:  # checked before memory is allocated
            raise ValueError(f"{entry.filename} is shorter than its header says")
    with archive.open(entry) as file:
        return np.lib.format.read_array(file, allow_pickle=False, max_header_size=_MAX_HEADER)


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return "it holds Python objects" if "allow_pickle" in text else text.splitlines()[0]

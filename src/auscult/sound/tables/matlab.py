"""MATLAB files of version 4 to 7.2; those of version 7.3 are HDF5, see ``hdf5``."""

from __future__ import annotations

import warnings
import zlib
from typing import Any

import numpy as np

from auscult.errors import TableError
from auscult.sound.tables.nested import columns_in, stated_rate
from auscult.sound.tables.table import ArrayTable


def open_mat(path: str) -> ArrayTable:
    """Open a MATLAB file; structs, cells and lists of structs are searched for arrays of numbers.

    Raises:
        TableError: it is damaged.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about objects of MATLAB, which are no signals
            content = loadmat(path, simplify_cells=True)
    except (
        MatReadError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        OSError,
        EOFError,
        MemoryError,
    ) as error:
        raise TableError(path, f"cannot be read as a MATLAB file: {error or type(error).__name__}") from error
    except (zlib.error, NotImplementedError, UnicodeDecodeError, OverflowError, AttributeError) as error:
        raise TableError(path, f"the MATLAB file is damaged: {error}") from error
    data = {name: _plain(value) for name, value in content.items() if not name.startswith("__")}
    return ArrayTable(path, "MAT", columns_in(path, data), rate=stated_rate(data))


def _plain(value: Any) -> Any:
    """Sparse matrices as arrays are no signals, and left out."""
    return value if isinstance(value, np.ndarray | dict | list | tuple | int | float | str) else None

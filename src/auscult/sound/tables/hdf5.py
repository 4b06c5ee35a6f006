"""HDF5 files, and MATLAB files of version 7.3, by h5py."""

from __future__ import annotations

from typing import Any

import numpy as np

from auscult.errors import MissingExtraError, TableError
from auscult.sound.tables.nested import columns_in, stated_rate
from auscult.sound.tables.table import ArrayTable

#: Most elements of a list, and characters of a text.
_MAX_ITEMS = 1000
#: The group in which MATLAB stores the elements of cells and lists of structs.
_REFERENCES = "#refs#"
_MATLAB_HEADER = 512  # bytes before the HDF5 data in files of MATLAB


def open_hdf5(path: str) -> ArrayTable:
    """Open an HDF5 file; its values are read as needed.

    A sample rate may be a number in the file, or an attribute of the file, of a group or of an array. Data
    that the file only refers to, in other files, are left out.

    Raises:
        TableError: it is damaged.
        MissingExtraError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(f"Reading {path}", "sensors") from error
    try:
        file = h5py.File(path, "r")
    except (OSError, ValueError) as error:
        raise TableError(path, f"cannot be read as HDF5: {error}") from error
    try:
        data = _Contents(h5py, file).of(file)
        separator = "." if file.userblock_size == _MATLAB_HEADER else "/"
        columns = columns_in(path, data, separator=separator)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        file.close()
        raise TableError(path, f"the HDF5 file is damaged: {error}") from error
    except TableError:
        file.close()
        raise
    return ArrayTable(path, "HDF5", columns, rate=stated_rate(data), close=file.close)


class _Contents:
    """Turns groups into nested data, each group once, since groups may contain themselves."""

    def __init__(self, h5py: Any, file: Any) -> None:
        self._h5py, self._file = h5py, file
        self._seen: set[int] = set()

    def of(self, group: Any) -> dict[str, Any]:
        """The content of a group: numbers that state a rate, groups, arrays and texts by name."""
        address = self._h5py.h5o.get_info(group.id).addr
        if address in self._seen:
            return {}
        self._seen.add(address)
        content = _rates(group)
        for name in group:
            link = group.get(name, getlink=True)
            item = group.get(name) if isinstance(link, self._h5py.HardLink | self._h5py.SoftLink) else None
            if name != _REFERENCES and item is not None:
                content[name] = self._item(item)
        return content

    def _item(self, item: Any) -> Any:
        if isinstance(item, self._h5py.Group):
            return _list_of_structs(self.of(item))
        if not isinstance(item, self._h5py.Dataset) or item.external or item.is_virtual:
            return None
        if item.dtype == self._h5py.ref_dtype:
            references = np.ravel(item[()]) if item.size <= _MAX_ITEMS else ()
            return [self._item(self._file[reference]) for reference in references if reference]
        if item.attrs.get("MATLAB_class") == b"char" and item.dtype.kind == "u" and item.size <= _MAX_ITEMS:
            return "".join(map(chr, np.ravel(item[()].T)))
        rates = _rates(item)
        return {**rates, "": item} if rates else item


def _rates(item: Any) -> dict[str, Any]:
    """The attributes that state a sample rate."""
    return {name: value for name, value in item.attrs.items() if stated_rate({name: value})}


def _list_of_structs(group: dict[str, Any]) -> Any:
    """A list of structs: MATLAB stores it as a struct of lists of equal length."""
    values = list(group.values())
    if not values or not all(isinstance(v, list) for v in values) or len({len(v) for v in values}) != 1:
        return group
    return [dict(zip(group, entries, strict=True)) for entries in zip(*values, strict=True)]

"""Which files are tables, and of which format: by their first bytes and their extension."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Mapping
from typing import Literal

from auscult.sound.tables.text_table import holds_table

Kind = Literal["text", "npy", "npz", "mat", "hdf5", "parquet", "feather", "tdms", "uff"]

#: Extension in lower case to format.
EXTENSIONS: Mapping[str, Kind] = {
    ".csv": "text",
    ".tsv": "text",
    ".tab": "text",
    ".txt": "text",
    ".dat": "text",
    ".asc": "text",
    ".lvm": "text",
    ".prn": "text",
    ".npy": "npy",
    ".npz": "npz",
    ".mat": "mat",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".tdms": "tdms",
    ".uff": "uff",
    ".unv": "uff",
}
#: Text files of these extensions are always taken for tables, others only if they hold tables of numbers.
_ALWAYS_TABLES = frozenset({".csv", ".tsv", ".tab"})
_MAGIC: Mapping[bytes, Kind] = {
    b"\x93NUMPY": "npy",
    b"MATLAB 5.0 MAT-file": "mat",
    b"MATLAB 7.3 MAT-file": "hdf5",
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"PAR1": "parquet",
    b"ARROW1": "feather",
    b"FEA1": "feather",
    b"TDSm": "tdms",
    b"    -1\n": "uff",
    b"    -1\r\n": "uff",
}
#: In the first bytes of files of MATLAB that libsndfile wrote: of version 5, and of version 4.
_OF_LIBSNDFILE_5, _OF_LIBSNDFILE_4 = b"written by libsndfile", b"samplerate\0"
_HEAD = 4096  # bytes


def extension_of(path: str) -> str:
    """Return the extension in lower case, that below ``.gz`` of a compressed file."""
    root, extension = os.path.splitext(path.lower())
    return os.path.splitext(root)[1] if extension == ".gz" else extension


def is_table(path: str) -> bool:
    """Whether a file is read as a table, and not as audio."""
    return table_kind(path) is not None


def table_kind(path: str) -> Kind | None:
    """Return the format of a table; ``None`` for audio, and for what cannot be read.

    A text file is one if it holds a table of numbers. Files ``.csv`` and ``.tsv`` are whatever they hold, so
    that it is reported what is wrong with them.
    """
    head = _head(path)
    if not head:
        return None
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return None if kind == "mat" and _OF_LIBSNDFILE_5 in head[:128] else kind
    by_extension = EXTENSIONS.get(extension_of(path))
    match by_extension:
        case "npz":
            return "npz"
        case "mat":  # of version 4: libsndfile opens those of others too, and takes any number for a rate
            return None if _OF_LIBSNDFILE_4 in head[:64] else "mat"
        case "text" | None if by_extension or _is_unknown(path):
            is_numbers = extension_of(path) in _ALWAYS_TABLES or holds_table(path)
            return "text" if _is_text(head) and is_numbers else None
    return by_extension


def _head(path: str) -> bytes:
    """The first bytes, those of the content if it is compressed; empty if the file cannot be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path) as compressed:
                return compressed.read(_HEAD)
    except (OSError, EOFError, zlib.error, ValueError):
        return b""
    return head


def _is_text(head: bytes) -> bool:
    return b"\0" not in head or head.startswith((b"\xff\xfe", b"\xfe\xff"))


def _is_unknown(path: str) -> bool:
    """Whether the name has no extension, or only digits as one, as in ``2004.02.12.10.32.39``."""
    extension = extension_of(path)
    return not extension or extension[1:].isdecimal()

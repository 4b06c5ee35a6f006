"""Text files of numbers: CSV, TSV and others, perhaps compressed by gzip.

Separator, decimal sign and header are found out from the beginning of the file. The file is read block by
block. Every line of data must have the same number of cells, and a number in every column that is read.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from auscult.errors import NonFiniteAudio, TableError
from auscult.sound.tables.table import BLOCK, Column, Table
from auscult.sound.tables.text_dialect import Dialect, find_dialect

#: Characters from the start of a file by which its dialect is found out.
HEAD = 65_536
_GZIP = b"\x1f\x8b"
_PEEK = 4096  # bytes by which the encoding is found out
_CHUNK = 1 << 20  # characters that are counted at a time
_TAIL = 256  # lines at the end that are kept while lines are counted


def read_head(path: str) -> list[str]:
    """Return the complete lines at the start of a text file.

    Raises:
        TableError: it is not text, or a damaged gzip file.
    """
    with open_text(path) as file:
        text = file.read(HEAD)
        if "\0" in text:
            raise TableError(path, "is no text, or in an encoding other than UTF-8 and UTF-16")
        complete = len(text) < HEAD or not file.read(1)
    lines = text.split("\n")
    return lines if complete else lines[:-1]


@contextmanager
def open_text(path: str) -> Iterator[io.TextIOWrapper]:
    """Open a text file, compressed or not, with line ends of any system.

    The encoding is UTF-8, UTF-16 with a byte order mark, or Windows-1252, whose letters are in headers only.

    Raises (also while it is read):
        TableError: the compressed file is damaged.
    """
    with open(path, "rb") as raw:
        is_gzip = raw.read(2) == _GZIP
        raw.seek(0)
        binary: Any = gzip.open(raw) if is_gzip else raw  # noqa: SIM115 - closed with it
        try:
            with io.TextIOWrapper(binary, _encoding(binary.peek(_PEEK)), errors="replace") as text:
                yield text
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise TableError(path, f"the gzip file is damaged or incomplete: {error}") from error


def _encoding(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


@dataclass(frozen=True)
class _Extent:
    """Where the data end.

    Attributes:
        rows: number of lines of data.
        tail: the last lines.
    """

    rows: int
    tail: tuple[str, ...]


class TextTable(Table):
    """A text file of numbers.

    Args:
        path: the file.

    Raises:
        TableError: it holds no table of numbers.
    """

    format = "CSV"

    def __init__(self, path: str) -> None:
        self.path = path
        head = read_head(path)
        dialect = find_dialect(head)
        if dialect is None:
            raise TableError(
                path,
                "no table of numbers in it: each line must hold the same number of cells, separated by "
                "semicolons, tabs, commas or spaces",
            )
        self.dialect: Dialect = dialect
        if dialect.damaged is not None:
            cells = dialect.split(head[dialect.damaged])
            bad = next((cell for cell in cells if not dialect.is_number(cell)), "")
            number = dialect.damaged + 1
            raise TableError(path, f"line {number}: {bad[:40]!r} is not a number", number)
        self._extent = _extent(path, dialect)
        units = dialect.units or ("",) * dialect.cells
        self.columns = [
            Column(
                i,
                (dialect.names[i],) if dialect.names and dialect.names[i] else (),
                self._extent.rows,
                unit=units[i],
            )
            for i in dialect.numeric
        ]

    def blocks(self, columns: Sequence[Column]) -> Iterator[np.ndarray]:
        with open_text(self.path) as file:
            for _ in islice(file, self.dialect.first):
                pass
            row = 0
            while row < self._extent.rows:
                lines = list(islice(file, min(BLOCK, self._extent.rows - row)))
                if not lines:
                    return
                yield self._parse(lines, columns, row)
                row += len(lines)

    def ends(self, columns: Sequence[Column], count: int) -> tuple[np.ndarray, np.ndarray]:
        with open_text(self.path) as file:
            start = self.dialect.first
            first = list(islice(file, start, start + min(count, self._extent.rows)))
        last = list(self._extent.tail)[-min(count, self._extent.rows) :]
        return self._parse(first, columns, 0), self._parse(last, columns, self._extent.rows - len(last))

    def line(self, row: int) -> int:
        return self.dialect.first + row + 1

    def _parse(self, lines: list[str], columns: Sequence[Column], row: int) -> np.ndarray:
        """(B, len(columns)) the values in some lines, of which the first one has the index ``row``."""
        dialect = self.dialect
        if dialect.separator is not None and not dialect.quoted:
            counts = {line.count(dialect.separator) for line in lines}
            if counts != {dialect.cells - 1}:
                self._raise_for_bad_line(lines, columns, row)
        text = lines if dialect.decimal == "." else [line.replace(",", ".") for line in lines]
        try:
            values = np.loadtxt(
                text,
                delimiter=dialect.separator,
                comments=None,
                quotechar='"',
                usecols=[column.index for column in columns],
                ndmin=2,
            )
        except ValueError:
            values = np.empty((0, 0))
        if len(values) != len(lines):
            self._raise_for_bad_line(lines, columns, row)
        finite = np.isfinite(values)
        if not finite.all():
            i, j = np.argwhere(~finite)[0]
            raise NonFiniteAudio(
                self.path,
                f"line {self.line(row + int(i))}, column {columns[j].name!r}: the value is {values[i, j]}",
            )
        return values

    def _raise_for_bad_line(self, lines: Sequence[str], columns: Sequence[Column], row: int) -> None:
        """Raise the error for the first line that is not like the others."""
        dialect = self.dialect
        for i, line in enumerate(lines):
            number, cells = self.line(row + i), dialect.split(line)
            if not line.strip():
                raise TableError(self.path, f"line {number} is empty", number)
            if len(cells) != dialect.cells:
                raise TableError(
                    self.path,
                    f"line {number} has {len(cells)} cells instead of {dialect.cells}: the file is damaged "
                    "or was cut off",
                    number,
                )
            for column in columns:
                cell = cells[column.index]
                if not dialect.is_number(cell):
                    what = f"{cell[:40]!r} is not a number" if cell else "the cell is empty"
                    raise TableError(
                        self.path, f"line {number}, column {column.name!r}: {what}", number, column.name
                    )
        raise TableError(
            self.path,
            f"lines {self.line(row)} to {self.line(row + len(lines) - 1)} cannot be read as numbers",
            self.line(row),
        )


def _extent(path: str, dialect: Dialect) -> _Extent:
    """Count the lines of data: all from the first to the last that is not empty."""
    ends, last_text, start = 0, 0, 0  # line ends so far; index of the last line that is not empty
    tail: deque[str] = deque(maxlen=_TAIL)
    rest = ""
    with open_text(path) as file:
        while chunk := file.read(_CHUNK):
            lines = (rest + chunk).split("\n")
            rest = lines.pop()
            start, ends = ends, ends + len(lines)
            filled = next((i for i in range(len(lines) - 1, -1, -1) if lines[i].strip()), None)
            if filled is not None:
                last_text = start + filled
                tail.extend(lines[max(0, filled + 1 - _TAIL) : filled + 1])
    if rest.strip():
        last_text = ends
        tail.append(rest)
    rows = last_text - dialect.first + 1
    return _Extent(rows, tuple(tail)[-rows:])


def holds_table(path: str) -> bool:
    """Whether a text file begins like a table of numbers."""
    try:
        return find_dialect(read_head(path)) is not None
    except (TableError, OSError):
        return False

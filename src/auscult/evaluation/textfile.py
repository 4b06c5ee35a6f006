"""Small CSV files: read with any line ending, written atomically."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path

from auscult.errors import EvaluationError
from auscult.runtime.csv_lines import csv_line
from auscult.runtime.files import write_atomically


def read_rows(path: str | PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """Yields the rows of a CSV file as (line number, fields without surrounding spaces).

    A byte-order mark, line ends LF, CRLF or CR, and quotes are accepted. Empty lines are skipped.

    Raises:
        EvaluationError: no such file, not UTF-8 text, or unbalanced quotes.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EvaluationError(f"{os.fspath(path)}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{os.fspath(path)}: not a UTF-8 text file") from error
    rows = csv.reader(io.StringIO(text), skipinitialspace=True, strict=True)
    try:
        for row in rows:
            fields = [field.strip() for field in row]
            if any(fields):
                yield rows.line_num, fields
    except csv.Error as error:
        raise EvaluationError(f"{os.fspath(path)}: line {rows.line_num}: {error}") from error


def write_rows(path: str | PathLike[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV file atomically.

    Raises:
        EvaluationError: the folder is missing or cannot be written to.
    """
    try:
        write_atomically(path, "".join(map(csv_line, rows)).encode())
    except OSError as error:
        raise EvaluationError(f"{os.fspath(path)}: cannot be written: {error.strerror or error}") from error

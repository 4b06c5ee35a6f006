"""CSV lines that every version of Python and every reader splits into the same cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable


def csv_line(cells: Iterable[object], *, delimiter: str = ",") -> str:
    """Return one line of CSV, which ends in a line feed.

    Cells that contain a delimiter, a quote, a line feed or a carriage return are quoted.
    """
    buffer = io.StringIO()
    # Before Python 3.11.9, csv quotes a carriage return only if the line end contains one.
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerow(list(cells))
    return buffer.getvalue().removesuffix("\r\n") + "\n"

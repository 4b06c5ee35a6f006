"""The forms of the results of ``auscult score``: CSV, JSON lines, and a table for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from auscult.cli import text

if TYPE_CHECKING:
    from auscult.decision import Threshold

Form = Literal["csv", "json", "text"]

_VERDICTS = {True: "ANOMALY", False: "normal", None: "no verdict"}
_CSV_VERDICTS = {True: "true", False: "false", None: ""}


@dataclass
class Tally:
    """What was found, counted row by row."""

    judged: int = 0
    anomalies: int = 0
    failures: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Counts one row."""
        failed = "error" in row
        self.failures += failed
        self.judged += not failed
        self.anomalies += not failed and row["anomalous"] is True

    def told(self, limit: Threshold, what: str) -> str:
        """``3 recordings, 1 anomalous, 1 unreadable; threshold …``."""
        parts = [text.count(self.judged, what)]
        parts.append("no verdicts" if limit.value is None else f"{self.anomalies} anomalous")
        if self.failures:
            parts.append(f"{self.failures} unreadable")
        return f"{', '.join(parts)}; threshold {text.describe_threshold(limit)}"


def columns(*, windows: bool) -> list[str]:
    """Of CSV."""
    times = ["start", "end"] if windows else []
    return ["path", *times, "score", "threshold", "anomalous", "nearest", "warnings", "error"]


def header(form: Form, *, windows: bool) -> str:
    """The line before the first result; nothing for JSON."""
    return _csv_line(columns(windows=windows)) if form == "csv" else ""


def line(row: dict[str, Any], form: Form, *, windows: bool) -> str:
    """One result as a line of CSV or JSON, its end included."""
    if form == "json":
        return json.dumps(row, allow_nan=False) + "\n"
    cells = dict(row)
    if "warnings" in row:
        cells["warnings"] = "; ".join(row["warnings"])
        cells["anomalous"] = _CSV_VERDICTS[row["anomalous"]]
    return _csv_line([cells.get(name, "") for name in columns(windows=windows)])


def row_of(line: str, form: Form, *, windows: bool) -> dict[str, Any]:
    """What a line of `line` says of path, verdict and error.

    Raises:
        ValueError: it is none.
    """
    if form == "json":
        row = json.loads(line)
        if not isinstance(row, dict) or not isinstance(row.get("path"), str):
            raise ValueError("no path")
        return row
    (cells,) = csv.reader(io.StringIO(line, newline=""))
    row = dict(zip(columns(windows=windows), cells, strict=True))
    verdicts = {word: verdict for verdict, word in _CSV_VERDICTS.items()}
    if row["error"]:
        return {"path": row["path"], "error": row["error"]}
    return {"path": row["path"], "anomalous": verdicts[row["anomalous"]]}


def printer(form: Form, width: int, *, windows: bool) -> Callable[[dict[str, Any]], None]:
    """Prints each row as it comes, the header at once.

    Args:
        width: of the longest path.
    """
    if form != "text":
        click.echo(header(form, windows=windows), nl=False)
        return lambda row: click.echo(line(row, form, windows=windows), nl=False)
    times = f"{'seconds':>17}  " if windows else ""
    click.echo(f"{'recording':<{width}}  {times}{'score':>10}  {'threshold':>10}  verdict")

    def told(row: dict[str, Any]) -> None:
        span = f"{row['start']:.1f}–{row['end']:.1f}" if "start" in row else ""
        at = f"{span:>17}  " if windows else ""
        if "error" in row:
            result = f"{text.NONE:>10}  {text.NONE:>10}  unreadable"
        else:
            values = f"{text.figure(row['score']):>10}  {text.figure(row['threshold']):>10}"
            result = f"{values}  {_VERDICTS[row['anomalous']]}"
        click.echo(f"{row['path']:<{width}}  {at}{result}")

    return told


def _csv_line(cells: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()

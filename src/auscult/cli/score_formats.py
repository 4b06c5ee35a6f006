"""Output formats of ``auscult score``: CSV, JSON lines, and a text table."""

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

Format = Literal["csv", "json", "text"]

_VERDICTS = {True: "ANOMALY", False: "normal", None: "no verdict"}
_CSV_VERDICTS = {True: "true", False: "false", None: ""}


@dataclass
class Tally:
    """Counts of scored, anomalous and unreadable recordings (or windows)."""

    judged: int = 0
    anomalies: int = 0
    failures: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Count one row."""
        failed = "error" in row
        self.failures += failed
        self.judged += not failed
        self.anomalies += not failed and row["anomalous"] is True

    def summary(self, threshold: Threshold, noun: str) -> str:
        """``3 recordings, 1 anomalous, 1 unreadable; threshold …``, counted in ``noun``."""
        parts = [text.count(self.judged, noun)]
        parts.append("no verdicts" if threshold.value is None else f"{self.anomalies} anomalous")
        if self.failures:
            parts.append(f"{self.failures} unreadable")
        return f"{', '.join(parts)}; threshold {text.describe_threshold(threshold)}"


def columns(*, windows: bool) -> list[str]:
    """The CSV columns."""
    times = ["start", "end"] if windows else []
    return ["path", *times, "score", "threshold", "anomalous", "nearest", "warnings", "error"]


def format_header(output_format: Format, *, windows: bool) -> str:
    """The line before the first result; empty for JSON."""
    return _csv_line(columns(windows=windows)) if output_format == "csv" else ""


def format_row(row: dict[str, Any], output_format: Format, *, windows: bool) -> str:
    """One result as a line of CSV or JSON, including the line end."""
    if output_format == "json":
        return json.dumps(row, allow_nan=False) + "\n"
    cells = dict(row)
    if "warnings" in row:
        cells["warnings"] = "; ".join(row["warnings"])
        cells["anomalous"] = _CSV_VERDICTS[row["anomalous"]]
    return _csv_line([cells.get(name, "") for name in columns(windows=windows)])


def parse_row(line: str, output_format: Format, *, windows: bool) -> dict[str, Any]:
    """Parse path, verdict and error from a line that `format_row` wrote.

    Raises:
        ValueError: the line is not a result.
    """
    if output_format == "json":
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


def row_printer(output_format: Format, width: int, *, windows: bool) -> Callable[[dict[str, Any]], None]:
    """Print the header, and return a function that prints one row.

    Args:
        width: length of the longest path.
    """
    if output_format != "text":
        click.echo(format_header(output_format, windows=windows), nl=False)
        return lambda row: click.echo(format_row(row, output_format, windows=windows), nl=False)
    times = f"{'seconds':>17}  " if windows else ""
    click.echo(f"{'recording':<{width}}  {times}{'score':>10}  {'threshold':>10}  verdict")

    def print_row(row: dict[str, Any]) -> None:
        span = f"{row['start']:.1f}–{row['end']:.1f}" if "start" in row else ""
        times = f"{span:>17}  " if windows else ""
        if "error" in row:
            result = f"{text.NONE:>10}  {text.NONE:>10}  unreadable"
        else:
            values = f"{text.figure(row['score']):>10}  {text.figure(row['threshold']):>10}"
            result = f"{values}  {_VERDICTS[row['anomalous']]}"
        click.echo(f"{row['path']:<{width}}  {times}{result}")

    return print_row


def _csv_line(cells: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()

"""Output formats of ``auscult score``: CSV, CSV for spreadsheets, JSON lines, and a text table."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import click

from auscult.cli import text
from auscult.errors import OptionError
from auscult.runtime.csv_lines import csv_line

if TYPE_CHECKING:
    from auscult.decision import Threshold

#: ``excel`` is CSV as spreadsheets of most of Europe read it: semicolons and decimal commas, after a byte
#: order mark.
Format = Literal["csv", "excel", "json", "text"]

_VERDICTS = ("normal", "anomaly", "sensor", None)
_CSV_VERDICTS = {True: "true", False: "false", None: ""}
_SUFFIXES: dict[str, Format] = {".csv": "csv", ".jsonl": "json", ".json": "json"}
_BYTE_ORDER_MARK = "\ufeff"


def format_from_name(path: str) -> Format:
    """The format given by the suffix of a file name.

    Raises:
        OptionError: the suffix is unknown.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _SUFFIXES:
        raise OptionError(
            f"--output {path}: the file name must end in .csv or .jsonl, or --csv or --json must be given"
        )
    return _SUFFIXES[suffix]


@dataclass
class Tally:
    """Counts of recordings (or windows): scored, anomalous, with a sensor fault, with a state, unreadable."""

    judged: int = 0
    anomalies: int = 0
    sensor: int = 0
    states: int = 0
    failures: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Count one row."""
        failed = "error" in row
        self.failures += failed
        self.judged += not failed
        self.anomalies += not failed and row["verdict"] == "anomaly"
        self.sensor += not failed and row["verdict"] == "sensor"
        self.states += not failed and bool(row.get("state"))

    def summary(self, threshold: Threshold, noun: str) -> str:
        """``3 recordings, 1 anomalous, 1 unreadable; threshold …``, counted in ``noun``."""
        parts = [text.count(self.judged, noun)]
        parts.append("no verdicts" if threshold.value is None else f"{self.anomalies} anomalous")
        if self.sensor:
            parts.append(f"{self.sensor} with a sensor fault")
        if self.states:
            parts.append(f"{self.states} unlike every normal recording")
        if self.failures:
            parts.append(f"{self.failures} unreadable")
        return f"{', '.join(parts)}; threshold {text.describe_threshold(threshold)}"


@dataclass(frozen=True)
class Layout:
    """The format of the results, and which fields they have.

    Attributes:
        format: the format.
        windows: whether there is a row for each window.
        channels: whether there is a row for each channel.
        axes: whether the model judges several channels together; a row then names that of its score.
    """

    format: Format
    windows: bool = False
    channels: bool = False
    axes: bool = False

    @property
    def columns(self) -> list[str]:
        """The fields of a row, in order: those of version 0.1.0 first, so that readers can count columns."""
        parts = [*(["channel"] if self.channels else []), *(["start", "end"] if self.windows else [])]
        first = ["score", "threshold", "anomalous", "nearest", "warnings", "error"]
        added = ["verdict", "p_value", "nearest_start", "nearest_end", "findings", "state", "time", "size"]
        return ["path", *parts, *first, *added, *(["axis"] if self.axes else [])]

    @property
    def rows_per_recording(self) -> bool:
        """Whether a recording may have more than one row."""
        return self.windows or self.channels

    def header(self) -> str:
        """The line before the first result; empty for JSON."""
        if self.format == "json":
            return ""
        mark = _BYTE_ORDER_MARK if self.format == "excel" else ""
        return mark + csv_line(self.columns, delimiter=self._delimiter)

    def line(self, row: dict[str, Any]) -> str:
        """One result as a line of CSV or JSON, including the line end."""
        if self.format == "json":
            return json.dumps(row, allow_nan=False) + "\n"
        cells = dict(row)
        if "warnings" in row:
            cells["warnings"] = "; ".join(row["warnings"])
            cells["anomalous"] = _CSV_VERDICTS[row["anomalous"]]
            cells["findings"] = "; ".join(finding["kind"] for finding in row["findings"])
            cells["nearest_start"], cells["nearest_end"] = row["nearest_window"] or ("", "")
        if self.format == "excel":
            cells = {name: _spreadsheet_cell(name, value) for name, value in cells.items()}
        return csv_line((cells.get(name, "") for name in self.columns), delimiter=self._delimiter)

    def parse(self, line: str) -> dict[str, Any]:
        """Parse path, verdict, state, error, time and size from a line that `line` wrote.

        Raises:
            ValueError: the line is not a result.
        """
        if self.format == "json":
            row = json.loads(line)
            if not isinstance(row, dict) or not isinstance(row.get("path"), str):
                raise ValueError("no path")
            if "error" not in row and row.get("verdict", "") not in _VERDICTS:
                raise ValueError("no verdict")
            return row
        (cells,) = csv.reader(io.StringIO(line, newline=""), delimiter=self._delimiter)
        row = dict(zip(self.columns, cells, strict=True))
        result = {"path": row["path"], "time": row["time"], "size": row["size"]}
        if row["error"]:
            return {**result, "error": row["error"]}
        if row["verdict"] not in ("", *_VERDICTS):
            raise ValueError("no verdict")
        return {**result, "verdict": row["verdict"], "state": row["state"]}

    @property
    def _delimiter(self) -> str:
        return ";" if self.format == "excel" else ","


def row_printer(layout: Layout, width: int) -> Callable[[dict[str, Any]], None]:
    """Print the header, and return a function that prints one row.

    Args:
        layout: format and fields.
        width: length of the longest path.
    """
    if layout.format != "text":
        click.echo(layout.header(), nl=False)
        return lambda row: click.echo(layout.line(row), nl=False)
    channels = f"{'channel':>7}  " if layout.channels else ""
    times = f"{'seconds':>17}  " if layout.windows else ""
    click.echo(f"{'recording':<{width}}  {channels}{times}{'score':>10}  {'threshold':>10}  verdict")

    def print_row(row: dict[str, Any]) -> None:
        channel = f"{row.get('channel', ''):>7}  " if layout.channels else ""
        span = f"{row['start']:.1f}–{row['end']:.1f}" if "start" in row else ""
        times = f"{span:>17}  " if layout.windows else ""
        if "error" in row:
            result = f"{text.NONE:>10}  {text.NONE:>10}  unreadable"
        else:
            values = f"{text.figure(row['score']):>10}  {text.figure(row['threshold']):>10}"
            axis = f" (channel {row['axis']})" if layout.axes and row["verdict"] != "normal" else ""
            result = f"{values}  {text.verdict(row['verdict'], row['findings'], row['state'])}{axis}"
        click.echo(f"{text.printable(row['path']):<{width}}  {channel}{times}{result}")

    return print_row


def _spreadsheet_cell(name: str, value: Any) -> Any:
    """A number with a decimal comma, and a time without offset, which spreadsheets do not know."""
    if isinstance(value, float):
        return repr(value).replace(".", ",")
    if name == "time":
        return datetime.fromisoformat(value).replace(tzinfo=None).isoformat(" ", "seconds")
    return value

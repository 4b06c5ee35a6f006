"""What ``auscult watch`` prints: a line for each recording, and for what happens to machines and models."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from typing import Any

import click

from auscult.cli import text
from auscult.cli.flags import messages_with_flags
from auscult.cli.score import mostly_anomalous
from auscult.cli.score_formats import Tally
from auscult.cli.score_rows import row_of
from auscult.cli.score_stamp import FileStamp
from auscult.decision.alarms.wording import duration
from auscult.model import Score
from auscult.monitor.watch import (
    Backlog,
    Counts,
    FolderProblem,
    JudgedRecording,
    ModelChange,
    NoRoom,
    Overdue,
    Removed,
    Report,
)
from auscult.monitor.watch.arrivals import MIN_INTERVALS

#: Seconds between lines about a backlog.
_PROGRESS_SECONDS = 10.0
#: Recordings of a machine after which it is checked whether most are anomalous.
_CHECKED_AFTER = 8


class WatchOutput:
    """Prints reports: recordings and machines on standard output, the rest on standard error.

    Args:
        folder: that is watched.
        as_json: one JSON object per line.
        quiet: no progress.
    """

    def __init__(self, folder: str, *, as_json: bool, quiet: bool) -> None:
        self._folder, self._json, self._quiet = folder, as_json, quiet
        self._width = 0  # of the names of machines
        self._started = False
        self._next_progress: float | None = None
        self._tallies: dict[str, Tally] = {}
        self._warned: set[tuple[str, str]] = set()
        self._no_room = False

    def start(
        self, machines: Iterable[str], store: os.PathLike[str], without_interval: Collection[str]
    ) -> None:
        """Print what is watched.

        Args:
            machines: their names.
            store: folder of the event store.
            without_interval: machines of which it is not known yet how often recordings arrive.
        """
        names = list(machines)
        self._width = max(map(len, map(text.printable, names)), default=0)
        self._started = True
        if not self._quiet:
            text.note(
                f"{self._folder}: recordings of {text.count(len(names), 'machine')}; results are kept in "
                f"{os.fspath(store)}"
            )
            if without_interval:
                text.note(
                    f"{_some(without_interval)}: a recording that stays away is not reported yet, since "
                    f"fewer than {MIN_INTERVALS + 1} tell how often they arrive: state it with --expect"
                )

    def report(self, report: Report) -> None:
        """Print a report."""
        if isinstance(report, JudgedRecording):
            self._no_room = False
            self._recording(report)
        elif isinstance(report, Overdue):
            self._overdue(report)
        elif isinstance(report, Backlog):
            self._progress(report)
        elif isinstance(report, ModelChange):
            self._model(report)
        elif isinstance(report, FolderProblem):
            problem = f"Error: {report.folder}: cannot be listed: {report.reason}"
            text.note(problem if report.reason else f"{report.folder}: can be listed again")
        elif isinstance(report, Removed):
            text.note(f"Note: {report.name}: removed before it was judged")
        elif isinstance(report, NoRoom) and not self._no_room:
            self._no_room = True
            text.note(f"Error: {report.reason}: waiting until there is room")

    def finish(self, counts: Counts) -> None:
        """Print a summary."""
        if self._quiet:
            return
        parts = [text.count(counts.judged, "recording"), f"{counts.anomaly:,} anomalous"]
        for number, what in (
            (counts.sensor, "with a sensor fault"),
            (counts.no_verdict, "without a verdict"),
            (counts.unusable, "unusable"),
            (counts.refused, "of no known machine"),
            (counts.removed, "removed before they were judged"),
            (counts.changing, "still being written"),
        ):
            if number:
                parts.append(f"{number:,} {what}")
        text.note(", ".join(parts))

    def _recording(self, report: JudgedRecording) -> None:
        file, score = report.file, report.score
        if score is None:
            if self._json:
                path = os.path.join(self._folder, file.name)
                row: dict[str, Any] = {"path": path, "machine": file.machine, "result": file.result}
                stamp = FileStamp(file.size, file.modified // 1000)
                self._print({**row, "error": file.detail["reason"], "time": stamp.time, "size": file.size})
            else:
                what, reason = file.result.upper(), file.detail["reason"]
                self._line(file.arrived, file.machine or text.NONE, f"{what}: {file.name}: {reason}")
            return
        assert file.machine is not None
        stamp, warnings = FileStamp(file.size, file.modified // 1000), messages_with_flags(report.findings)
        row = {**row_of(score, stamp, warnings), "machine": file.machine, "event": file.event}
        if self._json:
            self._print(row)
        else:
            verdict = text.verdict(row["verdict"], row["findings"], row["state"])
            event = f", event {file.event}" if file.event is not None else ""
            self._line(file.recorded, file.machine, f"{verdict}{event}: {file.name}", score)
        for warning in row["warnings"]:
            self._warn_once(file.machine, warning, file.name)
        tally = self._tallies.setdefault(file.machine, Tally())
        tally.add(row)
        if tally.judged >= _CHECKED_AFTER and mostly_anomalous(tally):
            self._warn_once(
                file.machine,
                f"{tally.anomalies:,} of {tally.judged:,} recordings are anomalous: if the machine runs "
                "normally, they are unlike those that its model was fitted on",
            )

    def _warn_once(self, machine: str, message: str, name: str = "") -> None:
        """Print the first warning of each kind of a machine; all are in the JSON output."""
        from auscult.runtime.number_ranges import without_numbers

        key = machine, without_numbers(message)
        if key not in self._warned and not self._json:
            self._warned.add(key)
            text.warn(f"{machine}: {message}{f' ({name})' if name else ''}")

    def _overdue(self, report: Overdue) -> None:
        if self._json:
            self._print({"machine": report.machine, "overdue": report.overdue, "last": report.last})
            return
        if not report.overdue:
            what = "recordings arrive again"
        elif report.last is None:
            what = "NO RECORDINGS yet"
        else:
            what = f"NO RECORDINGS since {text.local_time(report.last)}"
        limit = f" (expected within {duration(report.limit)})" if report.overdue and report.limit else ""
        self._line(time.time(), report.machine, f"{what}{limit}")

    def _model(self, change: ModelChange) -> None:
        if change.kind == "unusable":
            text.note(f"Error: {change.machine}: the model cannot be used: {change.detail}")
        elif self._started and not self._quiet:
            self._width = max(self._width, len(text.printable(change.machine)))
            text.note(f"{change.machine}: {_MODEL_CHANGES[change.kind]}")

    def _progress(self, backlog: Backlog) -> None:
        """Print now and then how much is left, if that takes long."""
        now = time.monotonic()
        if not backlog.waiting or self._next_progress is None:
            self._next_progress = now + _PROGRESS_SECONDS if backlog.waiting else None
        elif now >= self._next_progress:
            self._next_progress = now + _PROGRESS_SECONDS
            if not self._quiet:
                text.note(f"{backlog.judged:,} judged, {backlog.waiting:,} waiting")

    def _line(self, moment: float, machine: str, what: str, score: Score | None = None) -> None:
        values = (score.score, score.threshold) if score else (None, None)
        figures = "  ".join(f"{text.figure(value):>10}" for value in values)
        name = f"{text.printable(machine):<{self._width}}"
        click.echo(f"{text.local_time(moment)}  {name}  {figures}  {text.printable(what)}")

    @staticmethod
    def _print(row: dict[str, Any]) -> None:
        text.print_json(row)


def _some(names: Collection[str], most: int = 5) -> str:
    """Name machines, the first ones if there are many."""
    shown = ", ".join(list(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


_MODEL_CHANGES = {"new": "a new model", "changed": "the model has changed", "gone": "the model was removed"}

"""What ``auscult monitor`` prints."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.commands import FAILED

if TYPE_CHECKING:
    from auscult.monitor.service.engine import Engine
    from auscult.monitor.stream.changes import Change

#: Seconds between lines about the state of all machines.
_STATUS_SECONDS = 60.0


class MonitorOutput:
    """Prints alarms, conditions and gaps as they come, and now and then the state of all machines."""

    def __init__(self, engine: Engine, *, as_json: bool, quiet: bool) -> None:
        self.engine, self.as_json, self.quiet = engine, as_json, quiet
        self._next_status = time.monotonic() + _STATUS_SECONDS
        self._failed: set[str] = set()
        self._reasons: dict[str, str] = {}  # of machines without sound, as printed

    def start(self, sources: Mapping[str, str], store: os.PathLike[str]) -> None:
        """Print what is monitored.

        Args:
            sources: of each machine, for people.
            store: folder of the event store.
        """
        from auscult.decision.alarms.wording import describe_verification

        for name, source in sources.items():
            policy = self.engine.policy(name)
            alarms = (
                describe_verification(policy)
                if policy
                else "scores only: set alarms with auscult calibrate MODEL NORMALS --budget 1/week"
            )
            if not self.quiet:
                text.note(f"{name}: {source}; {alarms}")
        if not self.quiet:
            text.note(f"events are kept in {os.fspath(store)}; Ctrl-C ends")

    def change(self, name: str, change: Change) -> None:
        """Print a change of a machine, as a listener of the engine."""
        from auscult.decision.alarms.wording import duration
        from auscult.monitor.stream.changes import AlarmChange, BaselineChange, Gap, Judgement, StateChange

        if isinstance(change, (Judgement, BaselineChange)):
            return  # scores are in the line about all machines, and a drift is an event of the store
        if isinstance(change, AlarmChange):
            if change.kind == "peak":
                return
            episode = change.episode
            peak = text.figure(episode.peak)
            if change.kind == "started":
                moment = episode.start
                what = f"ALARM started, sustained score {peak}, threshold {text.figure(change.threshold)}"
            else:
                moment = episode.end
                lasted = duration(episode.end - episode.start)
                what = f"ALARM ended after {lasted}, highest sustained score {peak}"
            record: dict[str, Any] = {"alarm": change.kind, "peak": episode.peak, "start": episode.start}
        elif isinstance(change, Gap):
            moment, what = change.end, f"gap of {change.end - change.start:.1f} s: {change.reason}"
            record = {"gap": change.end - change.start, "reason": change.reason}
        else:
            assert isinstance(change, StateChange)
            moment = change.time
            condition = change.condition
            what = f"SENSOR {condition.kind}: {condition.detail}" if condition else f"machine {change.state}"
            record = {"state": change.state, "condition": condition.kind if condition else None}
        if self.as_json:
            text.print_json({"machine": name, "time": moment, **record})
        else:
            click.echo(f"{text.local_time(moment)}  {text.printable(name)}  {text.printable(what)}")

    def tick(self) -> None:
        """Print what is no change of a machine.

        This is why one is not monitored or has no sound at all, and now and then the state of all.
        """
        status = self.engine.status()
        self._print_errors(status)
        if self.quiet or self.as_json:
            return
        for entry in status:
            name, reason = entry["machine"], entry["interruption"]
            waits = entry["state"] is None and reason and not reason.startswith("connecting")
            if waits and reason != self._reasons.get(name):
                self._reasons[name] = reason
                text.note(f"{text.printable(name)}: no sound: {text.printable(reason)}")
        if time.monotonic() >= self._next_status:
            self._next_status = time.monotonic() + _STATUS_SECONDS
            text.note(status_line(status))

    def finish(self) -> int:
        """Print how it ended, and return the exit code."""
        status = self.engine.status()
        if not self.as_json and not self.quiet:
            text.note(status_line(status))
        self._print_errors(status)
        return FAILED if self._failed else 0

    def _print_errors(self, status: list[dict[str, Any]]) -> None:
        """Print each machine that cannot be monitored, once."""
        for entry in status:
            if entry["error"] and entry["machine"] not in self._failed:
                self._failed.add(entry["machine"])
                text.note(f"Error: {entry['machine']}: {entry['error']}")


def status_line(status: list[dict[str, Any]]) -> str:
    """Return the state of all machines in one line."""
    parts = []
    for entry in status:
        condition = f", sensor {entry['condition']}" if entry["condition"] else ""
        score = f", score {text.figure(entry['score'])}" if entry["score"] is not None else ""
        state = "ended" if entry["ended"] else entry["state"] or "no sound yet"
        parts.append(f"{entry['machine']}: {state}{score}{condition}, {text.count(entry['alarms'], 'alarm')}")
    return "; ".join(parts)

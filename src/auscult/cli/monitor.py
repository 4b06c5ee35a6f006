"""``auscult monitor``: listen to machines continuously, and print and store alarms."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.commands import FAILED
from auscult.cli.options import json_option, quiet_option
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.monitor.config import MonitorConfig
    from auscult.monitor.engine import Engine
    from auscult.monitor.machine import Change

#: Seconds between lines about the state of all machines.
_STATUS_SECONDS = 60.0


@click.command("monitor", short_help="Listen to machines continuously and raise alarms.")
@click.argument("model", required=False, type=click.Path())
@click.option(
    "--source",
    metavar="SOURCE",
    help="mic, mic:NAME, a recording or a folder to replay, watch:FOLDER that a recorder fills, a URL for "
    "ffmpeg such as rtsp://…, or - for raw samples.  [default: mic]",
)
@click.option("--config", metavar="FILE", type=click.Path(), help="Several machines: a TOML file.")
@click.option("--store", metavar="FOLDER", type=click.Path(), help="Event store.  [default: monitor]")
@click.option("--name", metavar="NAME", help="Name of the machine.  [default: the name of MODEL]")
@click.option(
    "--speed",
    metavar="X",
    default="1",
    show_default=True,
    help="Speed of a recording that is replayed; max: as fast as possible.",
)
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    help="Time between scores.  [default: as calibrated, or 1]",
)
@click.option("--rate", metavar="HZ", type=int, help="Sample rate of raw samples, or required of a source.")
@click.option("--channels", metavar="N", type=click.IntRange(1), help="Channels of raw samples.")
@json_option
@quiet_option
def command(
    model: str | None,
    source: str | None,
    config: str | None,
    store: str | None,
    name: str | None,
    speed: str,
    every: float | None,
    rate: int | None,
    channels: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Listen to machines continuously, and raise alarms.

    MODEL is scored on windows of the source, one about each second. Alarms follow the rule that `auscult
    calibrate` stored in the model; without one there are scores only. Scores, alarms, sound and health are
    kept in the event store. Ctrl-C ends it. Exits with code 1 if a machine could not be monitored.
    """
    from auscult.monitor.config import read_config
    from auscult.monitor.engine import Engine
    from auscult.monitor.store import EventStore

    if (model is None) == (config is None):
        raise OptionError("give either MODEL or --config FILE")
    if config is not None:
        own = {"--source": source, "--name": name, "--every": every, "--rate": rate}
        if others := [option for option, value in own.items() if value]:
            raise OptionError(f"{others[0]} cannot be combined with --config: set it in {config}")
        settings = read_config(config)
    else:
        assert model is not None
        settings = _single(model, source or "mic", name, _speed(speed), every, rate, channels)
    machines = [machine.watched() for machine in settings.machines]
    with EventStore(store or settings.store) as events:
        engine = Engine(machines, events)
        output = _Output(engine, as_json=as_json, quiet=quiet)
        engine.listeners.append(output.change)
        previous = [signal.signal(s, lambda *_: engine.stop()) for s in (signal.SIGINT, signal.SIGTERM)]
        try:
            output.start(settings, events.folder)
            engine.run()
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), previous, strict=True):
                signal.signal(number, handler)
        return output.finish()


def _single(
    model: str,
    source: str,
    name: str | None,
    speed: float,
    period: float | None,
    rate: int | None,
    channels: int | None,
) -> MonitorConfig:
    """The configuration of one machine."""
    from auscult.monitor.config import DEFAULT_STORE, MachineConfig, MonitorConfig

    options = {key: value for key, value in (("sample_rate", rate), ("channels", channels)) if value}
    stem = os.path.basename(model).removesuffix(".auscult")
    machine = MachineConfig(name or stem, model, source, options, speed=speed, period=period)
    return MonitorConfig(DEFAULT_STORE, (machine,))


def _speed(speed: str) -> float:
    if speed == "max":
        return float("inf")
    try:
        value = float(speed)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise OptionError(f"--speed {speed}: give a positive number, or max")
    return value


class _Output:
    """Prints alarms, conditions and gaps as they come, and now and then the state of all machines."""

    def __init__(self, engine: Engine, *, as_json: bool, quiet: bool) -> None:
        self.engine, self.as_json, self.quiet = engine, as_json, quiet
        self._next_status = time.monotonic() + _STATUS_SECONDS

    def start(self, settings: MonitorConfig, store: os.PathLike[str]) -> None:
        from auscult.decision.alarms.wording import describe_verification

        for machine in settings.machines:
            policy = self.engine.policy(machine.name)
            alarms = (
                describe_verification(policy)
                if policy
                else (
                    f"scores only: set alarms with auscult calibrate {machine.model} NORMALS --budget 1/week"
                )
            )
            if not self.quiet:
                text.note(f"{machine.name}: {machine.source}; {alarms}")
        if not self.quiet:
            text.note(f"events are kept in {os.fspath(store)}; Ctrl-C ends")

    def change(self, name: str, change: Change) -> None:
        from auscult.monitor.machine import AlarmChange, Gap, Judgement, StateChange

        if isinstance(change, Judgement):
            if not self.quiet and not self.as_json and time.monotonic() >= self._next_status:
                self._next_status = time.monotonic() + _STATUS_SECONDS
                text.note(_status_line(self.engine.status()))
            return
        if isinstance(change, AlarmChange):
            if change.kind == "peak":
                return
            episode = change.episode
            moment = episode.start if change.kind == "started" else episode.end
            what = f"ALARM {change.kind}, persistent score {text.figure(episode.peak)}"
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

    def finish(self) -> int:
        status = self.engine.status()
        if not self.as_json and not self.quiet:
            text.note(_status_line(status))
        failed = [entry for entry in status if entry["error"]]
        for entry in failed:
            text.note(f"Error: {entry['machine']}: {entry['error']}")
        return FAILED if failed else 0


def _status_line(status: list[dict[str, Any]]) -> str:
    parts = []
    for entry in status:
        condition = f", sensor {entry['condition']}" if entry["condition"] else ""
        score = f", score {text.figure(entry['score'])}" if entry["score"] is not None else ""
        state = entry["state"] or "no sound yet"
        parts.append(f"{entry['machine']}: {state}{score}{condition}, {text.count(entry['alarms'], 'alarm')}")
    return "; ".join(parts)

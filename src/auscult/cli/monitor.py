"""``auscult monitor``: listen to machines continuously, and print and store alarms."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from auscult.cli.monitor_learn import LearnFlags, learn_options, run_learning
from auscult.cli.monitor_page import PageFlags, page_options
from auscult.cli.monitor_run import run_monitor
from auscult.cli.monitor_simulate import run_simulation
from auscult.cli.options import Number, json_option, quiet_option
from auscult.cli.store_path import StorePath
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.monitor.settings.config import MonitorConfig


@click.command("monitor", short_help="Listen to machines continuously and raise alarms.")
@click.argument("model", required=False, type=click.Path())
@click.option(
    "--source",
    metavar="SOURCE",
    help="mic, mic:NAME, a recording or a folder to replay, watch:FOLDER that a recorder fills, a URL for "
    "ffmpeg such as rtsp://…, or - for raw samples.  [default: mic]",
)
@click.option("--config", metavar="FILE", type=click.Path(), help="Several machines: a TOML file.")
@click.option(
    "--simulate",
    is_flag=True,
    help="Simulated machines, to try the monitor without hardware; --store is monitor-simulated by default.",
)
@click.option(
    "--machines",
    metavar="N|NAMES",
    default="3",
    show_default=True,
    help="With --simulate: their number, or names as in auscult simulate.",
)
@learn_options
@click.option("--store", metavar="FOLDER", type=StorePath(), help="Event store.  [default: monitor]")
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
    type=Number(0, min_open=True),
    help="Time between scores.  [default: as calibrated, or 1]",
)
@click.option(
    "--rate",
    metavar="HZ",
    type=click.IntRange(1),
    help="Sample rate of raw samples, or required of a source.",
)
@click.option("--channels", metavar="N", type=click.IntRange(1), help="Channels of raw samples.")
@page_options
@json_option
@quiet_option
def command(
    model: str | None,
    source: str | None,
    config: str | None,
    simulate: bool,
    machines: str,
    learning: LearnFlags,
    store: str | None,
    name: str | None,
    speed: str,
    every: float | None,
    rate: int | None,
    channels: int | None,
    page: PageFlags,
    as_json: bool,
    quiet: bool,
) -> int:
    """Listen to machines continuously, and raise alarms.

    MODEL is scored on windows of the source, one about each second. Alarms follow the rule that `auscult
    calibrate` stored in the model; without one there are scores only. Scores, alarms, sound and health are
    kept in the event store, and shown on a page at 127.0.0.1:8765. Ctrl-C ends it. Exits with code 1 if a
    machine could not be monitored.
    """
    from auscult.monitor.settings.config import DEFAULT_STORE, read_config

    if (model is not None) + (config is not None) + simulate + (learning.learn is not None) != 1:
        raise OptionError("give either MODEL, --config FILE, --learn NAME, or --simulate")
    own = {"--source": source, "--name": name, "--every": every, "--rate": rate, "--channels": channels}
    stated = next((option for option, value in own.items() if value), None)
    if simulate:
        if stated:
            raise OptionError(f"{stated} cannot be combined with --simulate")
        return run_simulation(machines, store, _speed(speed), page=page, as_json=as_json, quiet=quiet)
    options = {key: value for key, value in (("sample_rate", rate), ("channels", channels)) if value}
    if learning.learn is not None:
        if name:
            raise OptionError("--name cannot be combined with --learn: it is the name that follows --learn")
        return run_learning(
            learning,
            source or "mic",
            store or DEFAULT_STORE,
            _speed(speed),
            every=every,
            options=options,
            page=page,
            as_json=as_json,
            quiet=quiet,
        )
    if config is not None:
        if stated:
            raise OptionError(f"{stated} cannot be combined with --config: set it in {config}")
        if speed != "1":
            raise OptionError("--speed cannot be combined with --config: replay one recording with its MODEL")
        settings = read_config(config)
    else:
        assert model is not None
        settings = _single(model, source or "mic", name, _speed(speed), every, options)
    watched = settings.watched()
    sources = {machine.name: machine.source for machine in watched}  # without passwords, unlike the settings
    return run_monitor(
        watched,
        store or settings.store,
        sources=sources,
        page=page,
        page_settings=settings.page,
        retention=settings.retention,
        webhook=settings.webhook,
        as_json=as_json,
        quiet=quiet,
    )


def _single(
    model: str,
    source: str,
    name: str | None,
    speed: float,
    period: float | None,
    options: Mapping[str, int],
) -> MonitorConfig:
    """The configuration of one machine."""
    from auscult.monitor.settings.config import DEFAULT_STORE, MachineConfig, MonitorConfig

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

"""``auscult watch``: judge the recordings of a plant as recorders drop them into a folder."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from auscult.cli.options import Seconds, quiet_option
from auscult.cli.store_path import StorePath
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.monitor.watch import Counts

ANOMALY_DETECTED, SOME_UNREADABLE, SENSOR_FAULT = 3, 4, 5
#: Name of the event store in the folder of the models.
STORE = "watch"


@click.command("watch", short_help="Judge recordings as recorders drop them into a folder.")
@click.argument("models", metavar="MODELS", type=click.Path())
@click.option(
    "--folder", metavar="FOLDER", required=True, type=click.Path(), help="The folder that recorders fill."
)
@click.option(
    "--store",
    metavar="STORE",
    type=StorePath(),
    help="Event store.  [default: watch in the folder of MODELS]",
)
@click.option(
    "--assign",
    "pairs",
    multiple=True,
    metavar="PATTERN=MACHINE",
    help="State which recordings are of a machine. PATTERN is a path in FOLDER, or the name of a folder or "
    "file; * and ? are wildcards. May be repeated.",
)
@click.option(
    "--expect",
    type=Seconds(min=0, min_open=True),
    metavar="S",
    help="Report a machine without a recording for S seconds (90, 10m, 1h, 2d).  [default: twice the usual "
    "time]",
)
@click.option(
    "--settle",
    type=Seconds(min=0, min_open=True),
    default=5.0,
    show_default=True,
    metavar="S",
    help="A recording is complete if its file has not changed for S seconds.",
)
@click.option(
    "--false-alarms",
    metavar="RATE",
    help="Accepted false-alarm rate of a recording, e.g. 1% or 0.01.  [default: 5%]",
)
@click.option(
    "--webhook",
    metavar="FILE",
    type=click.Path(),
    help="Send events as the section [webhook] of this TOML file says; it may be that of a monitor.",
)
@click.option("--once", is_flag=True, help="Judge what is there, and end; for cron.")
@click.option(
    "--fail-on-anomaly",
    is_flag=True,
    help="With --once, exit with code 3 if any recording is anomalous, otherwise 5 if any has a sensor "
    "fault.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@quiet_option
def command(
    models: str,
    folder: str,
    store: str | None,
    pairs: tuple[str, ...],
    expect: float | None,
    settle: float,
    false_alarms: str | None,
    webhook: str | None,
    once: bool,
    fail_on_anomaly: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Judge recordings as recorders drop them into a folder.

    MODELS is a folder with a model file for each machine, as `auscult fit` writes it. A recording belongs to
    the machine that one of its folders or its file name names. MODELS may also be one model file, for
    recordings of one machine. Each recording is judged once, as by `auscult score`, when its file is
    complete. Results are kept in the event store; `auscult status` shows them. Ctrl-C ends it.
    """
    from auscult.cli.watch_output import WatchOutput
    from auscult.monitor.settings.config import read_webhook
    from auscult.monitor.store import EventStore
    from auscult.monitor.watch import FolderWatch, ModelFolder, WatchSettings
    from auscult.monitor.webhook.sender import sending

    if fail_on_anomaly and not once:
        raise OptionError("--fail-on-anomaly requires --once")
    settings = WatchSettings(_assigned(pairs), expect, settle)
    model_folder = ModelFolder(models, false_alarms)
    messages = None if webhook is None else read_webhook(webhook)
    with EventStore(store or default_store(models)) as events, sending(events, messages):
        output = WatchOutput(folder, as_json=as_json, quiet=quiet)
        watch = FolderWatch(model_folder, folder, events, settings, output.report)
        output.start(model_folder.digests, events.folder, watch.without_interval)
        previous = [signal.signal(s, lambda *_: watch.stop()) for s in (signal.SIGINT, signal.SIGTERM)]
        try:
            watch.run(once=once)
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), previous, strict=True):
                signal.signal(number, handler)
        output.finish(watch.counts)
        return _exit_code(watch.counts, fail_on_anomaly=fail_on_anomaly) if once else 0


def default_store(models: str) -> str:
    """Return the folder of the event store for a folder of models, or for a model file."""
    return os.path.join(models if os.path.isdir(models) else os.path.dirname(models), STORE)


def _assigned(pairs: Sequence[str]) -> dict[str, str]:
    assigned = {}
    for pair in pairs:
        pattern, _, machine = pair.rpartition("=")
        if not pattern or not machine:
            raise OptionError(f"--assign {pair}: write PATTERN=MACHINE, e.g. 'recorder7/*=fan'")
        assigned[pattern] = machine
    return assigned


def _exit_code(counts: Counts, *, fail_on_anomaly: bool) -> int:
    if fail_on_anomaly and counts.anomaly:
        return ANOMALY_DETECTED
    if fail_on_anomaly and counts.sensor:
        return SENSOR_FAULT
    return SOME_UNREADABLE if counts.unusable or counts.refused else 0

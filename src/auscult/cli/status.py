"""``auscult status``: the state of every machine of a watch or a monitor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.flags import messages_with_flags
from auscult.cli.options import json_option
from auscult.cli.store_path import DATABASE, StorePath
from auscult.errors import StoreError

if TYPE_CHECKING:
    from auscult.monitor.status import MachineStatus, PlantStatus

ALARM, UNKNOWN = 3, 5
_HEADER = (
    "machine", "state", "last score", "age", "score", "threshold", "alarms today", "policy", "trend",
)  # fmt: skip


@click.command("status", short_help="Show the state of every machine.")
@click.argument("folder", metavar="MODELS|STORE", type=StorePath())
@click.option(
    "--store",
    metavar="STORE",
    type=StorePath(),
    help="Event store of auscult watch for these models.  [default: the folder watch beside them]",
)
@json_option
def command(folder: str, store: str | None, as_json: bool) -> int:
    """Show the state of every machine.

    Takes the folder of models of `auscult watch`, or the event store of `auscult monitor`; either may be
    running. Exits with code 3 if a machine has an alarm, otherwise with 5 if one has no data or a sensor
    fault, or if the monitor or its disk is in trouble.
    """
    from auscult.monitor.status import plant_status

    folder, names = _store_and_machines(folder, store)
    status = plant_status(folder, names)
    if as_json:
        text.print_json(status.to_json())
    else:
        rows = [_row(machine) for machine in status.machines]
        click.echo(text.table(_HEADER, rows, names=3) if rows else "no machines")
        reasons = [f"{one.name}: {reason}" for one in status.machines for reason in one.conditions]
        reasons += [
            f"{one.name}: {note}" for one in status.machines for note in messages_with_flags(one.notices)
        ]
        for line in ("", *map(text.printable, reasons), _process(status)):
            click.echo(line)
    attention = {machine.attention for machine in status.machines}
    if "alarm" in attention:
        return ALARM
    return UNKNOWN if "unknown" in attention or status.conditions else 0


def _store_and_machines(folder: str, store: str | None) -> tuple[str, list[str]]:
    """The folder of the store, and the names of machines that have models."""
    from auscult.cli.watch import default_store
    from auscult.monitor.watch.model_folder import machines_in

    if store is None and os.path.isfile(os.path.join(folder, DATABASE)):
        return folder, []
    names = machines_in(folder)
    if not names:
        raise StoreError(folder, "neither an event store nor a folder with model files")
    return store or default_store(folder), names


def _row(machine: MachineStatus) -> list[str]:
    from auscult.decision.alarms.wording import duration

    return [
        machine.name,
        machine.state,
        text.NONE if machine.time is None else text.local_time(machine.time),
        text.NONE if machine.age is None else duration(machine.age),
        text.figure(machine.score),
        text.figure(machine.threshold),
        str(machine.alarms_today),
        machine.policy or text.NONE,
        "; ".join(machine.trend) or text.NONE,
    ]


def _process(status: PlantStatus) -> str:
    conditions = f"; {', '.join(status.conditions)}" if status.conditions else ""
    written = f", last active {text.local_time(status.written)}" if status.written else ""
    if not status.running:
        return f"not running{written}{conditions}"
    return f"running (process {status.process}){written}{conditions}"

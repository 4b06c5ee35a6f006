"""``auscult events``: list what a monitor has stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.options import json_option
from auscult.cli.since import moment
from auscult.cli.store_path import StorePath

if TYPE_CHECKING:
    from auscult.monitor.store import Event

_PAGE = 1000


@click.command("events", short_help="List the alarms of a monitor.")
@click.argument("store", type=StorePath())
@click.option("--machine", metavar="NAME", help="Only those of this machine.")
@click.option(
    "--since",
    metavar="TIME",
    help="Only those after a time: 2026-11-28T06:00, or a duration ago like 12h, 7d.",
)
@click.option(
    "--limit", metavar="N", type=click.IntRange(1), default=100, show_default=True, help="At most N."
)
@json_option
def command(store: str, machine: str | None, since: str | None, limit: int, as_json: bool) -> None:
    """List the alarms of a monitor, the last ones first.

    STORE is the folder of its event store. The monitor may be running.
    """
    from auscult.monitor.store import StoreReader

    with StoreReader(store) as reader:
        after = None if since is None else moment(since)
        events: list[Event] = []
        while len(events) < limit:
            page = reader.events(
                since=after,
                machine=machine,
                before=events[-1].id if events else None,
                limit=min(_PAGE, limit - len(events)),
            )
            if not page:
                break
            events += page
        notes = {event.id: len(reader.feedback(event.id)) for event in events if event.id is not None}
    if as_json:
        text.print_json([{**_to_json(event), "notes": notes[event.id or 0]} for event in events])
    elif not events:
        click.echo("no events")
    else:
        header = ["event", "machine", "kind", "start", "duration", "peak", "threshold", "policy"]
        click.echo(text.table(header, [_row(event) for event in events], names=4))


def _to_json(event: Event) -> dict[str, Any]:
    data = dict(vars(event))
    return {**data, "explanation": dict(event.explanation)}


def _row(event: Event) -> list[str]:
    from auscult.decision.alarms.wording import duration

    lasting = "lasts" if event.end is None else duration(max(event.end - event.start, 0.0))
    start = text.local_time(event.start)
    numbers = [text.figure(event.peak), text.figure(event.threshold)]
    return [str(event.id), event.machine, event.kind, start, lasting, *numbers, event.state]

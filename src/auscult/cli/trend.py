"""``auscult trend``: what has slowly changed of the machines of a monitor, and their days."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.options import json_option
from auscult.cli.since import moment
from auscult.cli.store_path import StorePath
from auscult.errors import OptionError
from auscult.runtime.suggestions import did_you_mean

if TYPE_CHECKING:
    from auscult.monitor.store import StoreReader


@click.command("trend", short_help="Show what has slowly changed, day by day.")
@click.argument("store", type=StorePath())
@click.argument("machine", required=False)
@click.option(
    "--since",
    metavar="TIME",
    default="30d",
    show_default=True,
    help="Only days after a time: 2026-11-28T06:00, or a duration ago like 7d.",
)
@json_option
def command(store: str, machine: str | None, since: str, as_json: bool) -> None:
    """Show what has slowly changed, day by day.

    STORE is the folder of the event store of a monitor, which may be running; MACHINE is one of its machines,
    or all if left out. The sentences are about the last year.
    """
    from auscult.monitor.store import StoreReader

    after = moment(since)
    with StoreReader(store) as reader:
        names = [known.name for known in reader.machines()]
        if machine is not None and machine not in names:
            raise OptionError(f"{store}: no machine {machine!r}{did_you_mean(machine, names)}")
        trends = [_trend(reader, name, after) for name in ([machine] if machine else names)]
    if as_json:
        text.print_json(trends)
    else:
        click.echo("\n\n".join(map(_as_text, trends)) or "no machines")


def _trend(reader: StoreReader, machine: str, since: float) -> dict[str, Any]:
    from auscult.monitor.trend import read_trend
    from auscult.monitor.trend.daily import by_day
    from auscult.monitor.trend.keeper import trend_sentences

    now = time.time()
    series = read_trend(reader, machine, min(since, now), now)
    known = series.to_json()
    return {
        "machine": machine,
        "text": trend_sentences(reader, machine, now),
        **{name: known[name] for name in ("reference", "spread", "calibrated")},
        "days": [day.to_json() for day in by_day(series)],
    }


def _as_text(trend: dict[str, Any]) -> str:
    words = "; ".join(trend["text"]) or "nothing has slowly changed"
    lines = [text.printable(f"{trend['machine']}: {words}")]
    if trend["days"]:
        header = ["day", "hours", "score", "baseline", "level"]
        lines.append(text.table(header, [_row(day) for day in trend["days"]]))
    return "\n".join(lines)


def _row(day: dict[str, Any]) -> list[str]:
    level = text.NONE if day["level"] is None else f"{day['level']:.1f} dB"
    return [day["date"], str(day["hours"]), text.figure(day["score"]), text.figure(day["baseline"]), level]

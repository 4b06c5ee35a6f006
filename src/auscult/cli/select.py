"""``auscult select``: which detector for this machine, as far as normal recordings alone can tell."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.options import (
    first_channel_option,
    group_by_option,
    grouped,
    json_option,
    names_from,
    quiet_option,
    settings_from,
    training_options,
)
from auscult.cli.progress import shown_progress

if TYPE_CHECKING:
    from auscult.api.select import Selection

SOME_LEFT_OUT = 4


@click.command("select", short_help="Rank detectors for a machine, from normal recordings alone.")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--detectors",
    metavar="NAMES",
    help="Only these, like pooled_gaussian,spectral_memory.  [default: all that can be fitted here but auto]",
)
@click.option(
    "--pseudo-anomalies",
    type=click.IntRange(min=1),
    default=24,
    show_default=True,
    metavar="N",
    help="Pseudo-anomalies (altered normal recordings) of each kind.",
)
@training_options
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=13711,
    show_default=True,
    metavar="N",
    help="Decides everything random.",
)
@first_channel_option
@group_by_option
@json_option
@quiet_option
def command(
    folders: tuple[str, ...],
    detectors: str | None,
    pseudo_anomalies: int,
    pairs: tuple[str, ...],
    epochs: int | None,
    device: str | None,
    seed: int,
    channel: int,
    group_by: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Rank detectors for a machine, from normal recordings alone.

    Normal recordings are altered in eight ways, and each detector has to tell them from those left as they
    are; none fold_models a recording that it learnt from. It is a hint for those who want one detector, not a
    measurement: no anomaly is heard. Networks learn six times each: --epochs shortens that. DIR as for fit.
    Exits with code 4 if a named detector did not come to an end.
    """
    from auscult.api.select import select
    from auscult.cli.fit import training_clips

    settings = settings_from(pairs, epochs=epochs, device=device)
    named = names_from(detectors)
    clips = grouped(training_clips(folders), group_by)
    with shown_progress(quiet=quiet) as progress:
        selection = select(
            clips,
            named,
            pseudo_anomalies=pseudo_anomalies,
            seed=seed,
            channel=channel,
            progress=progress,
            **settings,
        )
    if as_json:
        text.print_json(asdict(selection))
    else:
        for warning in selection.warnings:
            text.warn(warning)
        again = [*folders, *(["--group-by", group_by] if group_by else [])]
        click.echo(_as_text(selection, shlex.join(again)))
    return SOME_LEFT_OUT if named and selection.left_out else 0


def _as_text(selection: Selection, learnt_from: str) -> str:
    best, *_ = selection.candidates
    rows = [
        (
            f"{c.detector}:{c.score}",
            f"{100 * c.auc:.1f}",
            "–".join(f"{100 * edge:.1f}" for edge in c.interval),
            f"{100 * c.first:.0f} %",
            f"{c.seconds:.1f}",
        )
        for c in selection.candidates
    ]
    normals, kinds = text.count(selection.clips, "normal recording"), len(best.by_kind)
    lines = [
        f"{kinds * selection.pseudo_anomalies} altered recordings told from {normals}: area under the curve in %,",
        "50 is chance; how often it comes first with the clips drawn anew; seconds that the detector took",
        "",
        text.table(("detector:score", "area", "95 % interval", "first", "seconds"), rows),
        "",
    ]
    for name, why in selection.left_out.items():
        lines += textwrap.wrap(f"{name} is left out: {why}", 98, subsequent_indent="  ")
    if selection.left_out:
        lines.append("")
    lines.append(
        f"Next:  auscult fit {learnt_from} --detector {best.detector} --set score={best.score} -o MODEL"
    )
    return "\n".join(lines)

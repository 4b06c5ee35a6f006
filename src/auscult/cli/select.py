"""``auscult select``: rank detectors for a machine using normal recordings only."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.options import (
    apply_group_by,
    condition_option,
    conditions_from,
    group_by_option,
    json_option,
    names_from,
    quiet_option,
    settings_from,
    table_options,
    training_channel_option,
    training_options,
)
from auscult.cli.progress import show_progress

if TYPE_CHECKING:
    from auscult.api.select import Selection
    from auscult.sound.tables import TableSettings

SOME_LEFT_OUT = 4


@click.command("select", short_help="Rank detectors for a machine using normal recordings only.")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--detectors",
    metavar="NAMES",
    help="Detectors to compare, e.g. pooled_gaussian,spectral_memory.  [default: all that can be fitted "
    "here, except auto]",
)
@click.option(
    "--pseudo-anomalies",
    type=click.IntRange(min=1),
    default=24,
    show_default=True,
    metavar="N",
    help="Number of pseudo-anomalies (modified normal recordings) of each of the eight kinds.",
)
@training_options
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=13711,
    show_default=True,
    metavar="N",
    help="Seed of all random numbers.",
)
@training_channel_option
@group_by_option
@table_options
@condition_option
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
    tables: TableSettings,
    conditions: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> int:
    """Rank detectors for a machine using normal recordings only.

    Each detector is cross-fitted, and ranked by how well its scores separate pseudo-anomalies (normal
    recordings modified in eight ways) from unmodified recordings. No real anomaly is involved, so the
    ranking is a hint and not a measurement. Networks are trained six times; --epochs
    shortens that. DIR is the same as for fit. Exits with code 4 if a detector in --detectors could not be
    evaluated.
    """
    from auscult.api.select import select
    from auscult.cli.fit import training_clips

    settings = settings_from(pairs, epochs=epochs, device=device)
    names = names_from(detectors)
    clips = training_clips(folders, conditions=conditions_from(conditions), tables=tables)
    clips = apply_group_by(clips, group_by)
    with show_progress(quiet=quiet) as progress:
        selection = select(
            clips,
            names,
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
        arguments = [*folders, *(["--group-by", group_by] if group_by else [])]
        arguments += [argument for pair in conditions for argument in ("--condition", pair)]
        click.echo(_as_text(selection, shlex.join(arguments)))
    return SOME_LEFT_OUT if names and selection.left_out else 0


def _as_text(selection: Selection, fit_arguments: str) -> str:
    best, *_ = selection.candidates
    rows = [
        (
            f"{c.detector}:{c.score}",
            f"{100 * c.auc:.1f}",
            "–".join(f"{100 * bound:.1f}" for bound in c.interval),
            f"{100 * c.first:.0f} %",
            f"{c.seconds:.1f}",
        )
        for c in selection.candidates
    ]
    normals = text.count(selection.clips, "normal recording")
    anomalies = f"{len(best.by_kind) * selection.pseudo_anomalies:,} pseudo-anomalies"
    lines = [
        f"AUC: {anomalies} against {normals}, in % (50 is chance)",
        "first: how often the candidate ranks first in bootstrap samples; seconds: time to fit and score",
        "",
        text.table(("detector:score", "AUC", "95 % interval", "first", "seconds"), rows),
        "",
    ]
    for name, reason in selection.left_out.items():
        lines += textwrap.wrap(f"{name} left out: {reason}", 98, subsequent_indent="  ")
    if selection.left_out:
        lines.append("")
    lines.append(
        f"Next:  auscult fit {fit_arguments} --detector {best.detector} --set score={best.score} -o MODEL"
    )
    return "\n".join(lines)

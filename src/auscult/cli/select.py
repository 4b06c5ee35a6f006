"""``auscult select``: which detector for this machine, as far as normal recordings alone can tell."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.options import (
    first_channel_option,
    json_option,
    names_from,
    quiet_option,
    settings_from,
    training_options,
)
from auscult.cli.progress import shown_progress

if TYPE_CHECKING:
    from auscult.selecting import Selection

SOME_LEFT_OUT = 4


@click.command("select", short_help="Rank detectors for a machine, from normal recordings alone.")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--detectors",
    metavar="NAMES",
    help="Only these, like pooled_gaussian,spectral_memory.  [default: all that can be fitted here]",
)
@click.option(
    "--altered",
    type=click.IntRange(min=1),
    default=24,
    show_default=True,
    metavar="N",
    help="Altered recordings of each kind to tell from normal ones.",
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
@json_option
@quiet_option
def command(
    folders: tuple[str, ...],
    detectors: str | None,
    altered: int,
    pairs: tuple[str, ...],
    epochs: int | None,
    device: str | None,
    seed: int,
    channel: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Rank detectors for a machine, from normal recordings alone.

    Normal recordings are altered in eight ways, and each detector has to tell them from those left as they
    are; none judges a recording that it learnt from. It is a hint for those who want one detector, not a
    measurement: no anomaly is heard. DIR as for fit. Exits with code 4 if a named detector did not come to
    an end.
    """
    from auscult.cli.fit import training_clips
    from auscult.selecting import select

    settings = settings_from(pairs, epochs=epochs, device=device)
    named = names_from(detectors) if detectors is not None else None
    clips = training_clips(folders)
    with shown_progress(quiet=quiet) as progress:
        selection = select(
            clips, named, altered=altered, seed=seed, channel=channel, progress=progress, **settings
        )
    if as_json:
        text.print_json(asdict(selection))
    else:
        for warning in selection.warnings:
            text.warn(warning)
        click.echo(_as_text(selection))
    return SOME_LEFT_OUT if named and selection.left_out else 0


def _as_text(selection: Selection) -> str:
    best, *_ = selection.candidates
    width = max(len(f"{c.detector}:{c.score}") for c in selection.candidates) + 2
    lines = [
        f"Altered normals told from {text.count(selection.clips, 'normal recording')}: area under the curve "
        "in %,\n95 % interval, and how often each comes first when the clips are drawn anew",
        "",
    ]
    lines += [
        f"  {f'{c.detector}:{c.score}':<{width}}{100 * c.auc:5.1f}  "
        f"[{100 * c.interval[0]:5.1f}, {100 * c.interval[1]:5.1f}]  {100 * c.first:4.0f} %"
        for c in selection.candidates
    ]
    lines += [f"  {name}: not tried, {why}" for name, why in selection.left_out.items()]
    lines += [
        "",
        f"Next:  auscult fit DIR --detector {best.detector} --set score={best.score} -o MODEL",
    ]
    return "\n".join(lines)

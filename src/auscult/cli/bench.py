"""``auscult bench``: detectors compared on many machines, in one table."""

from __future__ import annotations

from pathlib import Path
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
    workers_options,
)
from auscult.cli.progress import shown_progress
from auscult.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from auscult.detectors import Progress

FAILED, SOME_FAILED = 1, 4
_MOST_SEEDS = 1000  # by number; more is a seed that lacks its comma


@click.command("bench", short_help="Compare detectors on many machines in one table.")
@click.argument("root", metavar="ROOT", type=click.Path())
@click.option(
    "--detectors",
    default="auto,autoencoder,gamma_vae",
    show_default=True,
    metavar="NAMES",
    help="Which detectors, each with all its presets; gamma_vae@report is one preset alone; all is every "
    "detector as it comes, but those for which something is missing.",
)
@click.option(
    "--seeds",
    default="1",
    show_default=True,
    metavar="N|LIST",
    help="How many seeds, 3 for 0, 1 and 2; or which, with commas: 13711,1 or 13711, for one.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder for the results; a bench that was stopped goes on where it was.",
)
@click.option("--machines", metavar="NAMES", help="Some machines only, separated by commas.")
@click.option(
    "--alone",
    is_flag=True,
    help="Fit each machine without hearing the others, also where a detector could learn from them.",
)
@click.option(
    "--scores",
    "others",
    multiple=True,
    metavar="NAME=DIR",
    help="Another system's score files, for the same table; may be repeated.",
)
@training_options
@first_channel_option
@workers_options
@json_option
@quiet_option
def command(
    root: str,
    detectors: str,
    seeds: str,
    output: str,
    machines: str | None,
    alone: bool,
    others: tuple[str, ...],
    pairs: tuple[str, ...],
    epochs: int | None,
    device: str | None,
    channel: int,
    jobs: int,
    cluster: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Fit and score detectors on every machine in ROOT, and compare them in one table.

    ROOT is a DCASE data root, or any folder of machine folders with train/ and test/. The table has the
    score that decides for each detector, the ranking below it all scores. Settings are for those
    detectors that have them.
    """
    chosen_seeds, other_folders = _seeds(seeds), _other_folders(others)
    settings = settings_from(pairs, epochs=epochs, device=device)

    from auscult.benchmark import run_bench
    from auscult.runtime.parallel import workers

    with shown_progress(quiet=quiet) as progress, workers(jobs, cluster):
        result = run_bench(
            root,
            detectors=names_from(detectors) or [],
            seeds=chosen_seeds,
            output=Path(output),
            machines=names_from(machines),
            alone=alone,
            score_folders=other_folders,
            settings=settings,
            channel=channel,
            progress=progress,
        )
        page = _report(output, progress) if result.results else None
    if as_json:
        text.print_json(
            {
                "output": output,
                "report": page,
                "results": [vars(row) for row in result.results],
                "differences": [difference.to_json() for difference in result.differences],
                "ranking": [system.to_json() for system in result.ranking],
                "costs": [cost.to_json() for cost in result.costs],
                "failures": result.failures,
                "notes": result.notes,
            }
        )
    else:
        click.echo(result.text)
        click.echo(f"\nresults.csv, results.json and scores/ are in {output}")
        if page is not None:
            click.echo(f"report: {page}")
    for failure in result.failures:
        text.note(
            f"Error: {failure['machine']} {failure['detector']} seed {failure['seed']}: {failure['error']}"
        )
    if result.failures:
        return SOME_FAILED if result.results else FAILED
    return 0


def _report(output: str, progress: Progress | None) -> str | None:
    """Writes the page with pictures, where what draws them is installed."""
    from auscult.report.bench_report import write_bench_report

    try:
        return str(write_bench_report(output, progress=progress))
    except MissingExtraError as error:
        text.warn(f"no report.html: {error}")
        return None


def _seeds(written: str) -> list[int]:
    """``"3"`` is 0, 1, 2; with a comma the seeds themselves: ``"13711,1"``, ``"13711,"``."""
    try:
        if "," not in written:
            seeds = list(range(int(written))) if int(written) <= _MOST_SEEDS else []
        else:
            seeds = [int(seed) for seed in written.split(",") if seed.strip()]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0:
        raise OptionError(
            f"--seeds {written}: write how many, as 3 for 0, 1 and 2, or which, with commas, as 13711,1"
        )
    return list(dict.fromkeys(seeds))


def _other_folders(pairs: tuple[str, ...]) -> dict[str, str]:
    folders = {}
    for pair in pairs:
        name, equals, folder = pair.partition("=")
        if not equals or not name or not folder:
            raise OptionError(f"--scores {pair}: write NAME=DIR, as theirs=downloads/their_scores")
        folders[name] = folder
    return folders

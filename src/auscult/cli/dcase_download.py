"""``auscult dcase download``: download the data of a year from Zenodo."""

from __future__ import annotations

import sys
from typing import Literal

import click

from auscult.cli import text
from auscult.cli.options import json_option, names_from, quiet_option
from auscult.cli.progress import show_progress
from auscult.errors import OptionError

FAILED = 1


@click.command("download", short_help="Download the data of a year from Zenodo.")
@click.argument("year", type=int)
@click.option(
    "--to",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder for the data of all years.",
)
@click.option("--machines", metavar="NAMES", help="Download only these machines, separated by commas.")
@click.option(
    "--part",
    type=click.Choice(["dev", "eval", "all"]),
    default="dev",
    show_default=True,
    help="Development data, evaluation data, or both.",
)
@click.option(
    "--no-labels",
    is_flag=True,
    help="Do not fetch the ground truth of evaluation data, which the organisers have published.",
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--base-url",
    default="https://zenodo.org",
    show_default=True,
    metavar="URL",
    help="Address of Zenodo or a mirror.",
)
@click.option(
    "--labels-url",
    default="https://raw.githubusercontent.com",
    show_default=True,
    metavar="URL",
    help="Address of GitHub's files or a mirror, for the ground truth.",
)
@json_option
@quiet_option
def command(
    year: int,
    to: str,
    machines: str | None,
    part: Literal["dev", "eval", "all"],
    no_labels: bool,
    yes: bool,
    base_url: str,
    labels_url: str,
    as_json: bool,
    quiet: bool,
) -> int:
    """Download the DCASE Task 2 data of a YEAR, 2020 to 2026, from Zenodo.

    Shows size, free disk space and licence first. An interrupted download continues where it stopped;
    existing files are not downloaded again. The ground truth of evaluation data comes from the repositories
    of the official evaluators, which have licences of their own. `auscult dcase evaluate` reads it, and a
    table in each machine folder labels the test clips for `auscult bench`.
    """
    from auscult.dcase.download import execute_plan
    from auscult.dcase.download_plan import plan_download

    plan = plan_download(
        year,
        to,
        machines=names_from(machines),
        part=part,
        base_url=base_url,
        labels=not no_labels,
        labels_url=labels_url,
    )
    text.note(str(plan))
    if not yes and plan.to_fetch:
        if not sys.stdin.isatty():
            raise OptionError("not running interactively: pass --yes to confirm the download")
        if not click.confirm("Download?", err=True, default=True):
            text.note("Nothing was downloaded.")
            return FAILED
    with show_progress(quiet=quiet, in_bytes=True) as progress:
        folders = execute_plan(plan, progress=progress)
    if as_json:
        text.print_json(
            {
                "year": year,
                "folders": folders,
                "licences": list(plan.licences),
                "ground_truth": plan.labels_folder if plan.labels else None,
            }
        )
    else:
        click.echo("\n".join([*folders, *([f"Ground truth: {plan.labels_folder}"] if plan.labels else [])]))
    return 0

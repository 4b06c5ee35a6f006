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
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--base-url",
    default="https://zenodo.org",
    show_default=True,
    metavar="URL",
    help="Address of Zenodo or a mirror.",
)
@json_option
@quiet_option
def command(
    year: int,
    to: str,
    machines: str | None,
    part: Literal["dev", "eval", "all"],
    yes: bool,
    base_url: str,
    as_json: bool,
    quiet: bool,
) -> int:
    """Download the DCASE Task 2 data of a YEAR, 2020 to 2026, from Zenodo.

    Shows size, free disk space and licence first. An interrupted download continues where it stopped;
    existing files are not downloaded again.
    """
    from auscult.dcase.download import execute_plan
    from auscult.dcase.download_plan import plan_download

    plan = plan_download(year, to, machines=names_from(machines), part=part, base_url=base_url)
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
        text.print_json({"year": year, "folders": folders, "licences": list(plan.licences)})
    else:
        click.echo("\n".join(folders))
    return 0

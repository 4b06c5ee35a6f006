"""``auscult dcase download``: a year's data from Zenodo."""

from __future__ import annotations

import sys
from typing import Literal

import click

from auscult.cli import text
from auscult.cli.options import json_option, names_from, quiet_option
from auscult.cli.progress import shown_progress
from auscult.errors import OptionError

FAILED = 1


@click.command("download", short_help="Fetch a year's data from Zenodo.")
@click.argument("year", type=int)
@click.option(
    "--to", required=True, metavar="DIR", type=click.Path(file_okay=False), help="Folder of all years' data."
)
@click.option("--machines", metavar="NAMES", help="Some machines only, separated by commas.")
@click.option(
    "--part",
    type=click.Choice(["dev", "eval", "all"]),
    default="dev",
    show_default=True,
    help="Development data, evaluation data, or both.",
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask before fetching.")
@click.option(
    "--base-url", default="https://zenodo.org", show_default=True, metavar="URL", help="Zenodo, or a mirror."
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
    """Fetch the DCASE Task 2 data of a YEAR, 2020 to 2026, from Zenodo.

    Size, free disk and licence are told before anything is fetched. A download that was stopped goes on
    where it was; what is there already is not fetched again.
    """
    from auscult.dcase.download import carry_out
    from auscult.dcase.download_plan import plan_download

    plan = plan_download(year, to, machines=names_from(machines), part=part, base_url=base_url)
    text.note(str(plan))
    if not yes and plan.to_fetch:
        if not sys.stdin.isatty():
            raise OptionError("nobody is there to ask whether to fetch this: give --yes")
        if not click.confirm("Fetch it?", err=True, default=True):
            text.note("Nothing was fetched.")
            return FAILED
    with shown_progress(quiet=quiet, in_bytes=True) as progress:
        folders = carry_out(plan, progress=progress)
    if as_json:
        text.print_json({"year": year, "folders": folders, "licences": list(plan.licences)})
    else:
        click.echo("\n".join(folders))
    return 0

"""``auscult dcase``: the commands for the DCASE Challenge, one module each."""

from __future__ import annotations

import click

from auscult.cli.commands import LazyGroup


@click.command(
    "dcase",
    cls=LazyGroup,
    short_help="Work with the DCASE Challenge: download, submit, evaluate.",
    subcommands={
        "download": ("auscult.cli.dcase_download", "Download the data of a year from Zenodo."),
        "submit": ("auscult.cli.dcase_submit", "Make challenge submissions from benchmark results."),
        "evaluate": ("auscult.cli.dcase_evaluate", "Compute the official score of a submission."),
    },
)
def command() -> None:
    """Work with the DCASE Challenge, Task 2: download data, make a submission, evaluate one."""

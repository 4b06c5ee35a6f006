"""``auscult dcase``: the verbs about the DCASE Challenge, each in its own file."""

from __future__ import annotations

import click

from auscult.cli.commands import LazyGroup


@click.command(
    "dcase",
    cls=LazyGroup,
    short_help="Work with the DCASE Challenge: download, submit, evaluate.",
    verbs={
        "download": ("auscult.cli.dcase_download", "Fetch a year's data from Zenodo."),
        "submit": ("auscult.cli.dcase_submit", "Make submissions from the results of a bench."),
        "evaluate": ("auscult.cli.dcase_evaluate", "Score a submission against the ground truth."),
    },
)
def command() -> None:
    """Work with the DCASE Challenge, Task 2: download data, make a submission, evaluate one."""

"""``auscult simulate``: generate recordings of simulated machines, healthy and faulty."""

from __future__ import annotations

import click

from auscult.cli import text
from auscult.cli.options import Seconds, json_option, names_from, quiet_option
from auscult.cli.progress import show_progress


@click.command("simulate", short_help="Generate recordings of simulated machines with faults.")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option(
    "--machines",
    default="3",
    show_default=True,
    metavar="N|NAMES",
    help="Number of machines, or their types: fan,valve. fan_2 is a second fan.",
)
@click.option(
    "--clips",
    type=click.IntRange(min=4),
    default=200,
    show_default=True,
    metavar="N",
    help="Number of training clips per machine, at least 4.",
)
@click.option(
    "--target-clips",
    type=click.IntRange(min=0),
    metavar="N",
    help="Number of training clips in the target domain.  [default: 1% of --clips, at least 3]",
)
@click.option(
    "--test-clips",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    metavar="N",
    help="Number of test clips per machine for each domain and condition.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="Random seed; the same seed gives the same sounds.",
)
@click.option(
    "--seconds",
    type=Seconds(min=2, max=600),
    default=10.0,
    show_default=True,
    metavar="S",
    help="Duration of each clip, 2 to 600 seconds.",
)
@json_option
@quiet_option
def command(
    folder: str,
    machines: str,
    clips: int,
    target_clips: int | None,
    test_clips: int,
    seed: int,
    seconds: float,
    as_json: bool,
    quiet: bool,
) -> None:
    """Generate recordings of simulated machines, with the folders and file names of DCASE data.

    Creates one folder per machine in DIR. The data are for trying things out: results on them may not carry
    over to real machines.
    """
    from auscult.simulation import simulate

    machine_choice: int | list[str] = (
        int(machines) if machines.strip().isdigit() else names_from(machines) or []
    )
    with show_progress(quiet=quiet) as progress:
        folders = simulate(
            folder,
            machines=machine_choice,
            clips=clips,
            test_clips=test_clips,
            target_clips=target_clips,
            seed=seed,
            seconds=seconds,
            progress=progress,
        )
    if as_json:
        text.print_json({"machines": {path.name: str(path) for path in folders}})
        return
    for path in folders:
        click.echo(f"{path}  simulated: {clips} training and {4 * test_clips} test clips of {seconds:g} s")
    click.echo(f"\nNext:  auscult fit {folders[0]} -o {folders[0].name}.auscult")

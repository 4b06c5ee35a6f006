"""``auscult simulate``: recordings of machines that do not exist, sound and faulty."""

from __future__ import annotations

import click

from auscult.cli import text
from auscult.cli.options import Seconds, json_option, names_from, quiet_option
from auscult.cli.progress import shown_progress


@click.command("simulate", short_help="Make recordings of simulated machines, sound and faulty.")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option(
    "--machines",
    default="3",
    show_default=True,
    metavar="N|NAMES",
    help="How many machines, or which: fan,valve; fan_2 is another fan.",
)
@click.option(
    "--clips",
    type=int,
    default=200,
    show_default=True,
    metavar="N",
    help="Training clips a machine.",
)
@click.option(
    "--target-clips",
    type=click.IntRange(min=0),
    metavar="N",
    help="How many of them are of the target domain.  [default: a hundredth, at least 3]",
)
@click.option(
    "--test-clips",
    type=int,
    default=50,
    show_default=True,
    metavar="N",
    help="Test clips a machine of each domain and condition.",
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Same seed, same sounds.")
@click.option(
    "--seconds",
    type=Seconds(min=2, max=600),
    default=10.0,
    show_default=True,
    metavar="S",
    help="Length of each clip.",
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
    """Make recordings of simulated machines, laid out and named like DCASE data.

    One folder a machine, in DIR. They are for trying things out: what works on them need not work on a
    real machine.
    """
    from auscult.simulation import simulate

    wanted: int | list[str] = int(machines) if machines.strip().isdigit() else names_from(machines) or []
    with shown_progress(quiet=quiet) as progress:
        folders = simulate(
            folder,
            machines=wanted,
            clips=clips,
            test_clips=test_clips,
            target_clips=target_clips,
            seed=seed,
            seconds=seconds,
            progress=progress,
        )
    if as_json:
        text.print_json({"machines": {made.name: str(made) for made in folders}})
        return
    for made in folders:
        click.echo(f"{made}  simulated: {clips} training and {4 * test_clips} test clips of {seconds:g} s")
    click.echo(f"\nNext:  auscult fit {folders[0]} -o {folders[0].name}.auscult")

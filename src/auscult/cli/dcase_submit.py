"""``auscult dcase submit``: the systems of a bench as submission folders for the challenge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.options import json_option
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.dcase.bench_results import BenchedSystem, ClipNames

INCOMPLETE = 4
MOST = 4  # systems that the challenge takes of a team


@click.command("submit", short_help="Make submissions from the results of a bench.")
@click.argument("results", metavar="RESULTS", type=click.Path())
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder to make: Name_Institute, or with --system the whole label, Name_Institute_task2_1.",
)
@click.option(
    "--system", metavar="NAME", help="One system alone, like gamma_vae:mse, in DIR itself.  [default: all]"
)
@click.option("--seed", type=int, metavar="N", help="Which seed.  [default: the first]")
@json_option
def command(results: str, output: str, system: str | None, seed: int | None, as_json: bool) -> int:
    """Make submissions from RESULTS, the output folder of a bench.

    Each system of the bench gets a folder of its own in DIR, labelled <DIR>_task2_1 and so on: its score
    and decision files, checked, under the names that the challenge gives the clips, and a meta file with
    what auscult knows. Exits with code 4 if a machine or a decision is missing.
    """
    from auscult.cli.dcase_meta import meta_file
    from auscult.dcase.bench_results import ClipNames, benched_systems, read_facts, read_sections
    from auscult.evaluation import write_submission
    from auscult.runtime.files import write_atomically

    home, target = Path(results), Path(output)
    facts = read_facts(home)
    systems = benched_systems(home, facts)
    chosen = _choose(home, systems, system, seed)
    if target.exists() and any(target.iterdir()):
        raise OptionError(f"{output}: not empty; a submission gets a folder of its own")
    names = ClipNames(facts.get("root"))
    problems: list[str] = []
    checked = []  # all of them before any is written
    for one, number in chosen:
        sections, missing = read_sections(one, number, systems)
        checked.append({key: (names.to_write(key[0], s.names), s) for key, s in sections.items()})
        problems += missing
    problems += names.problems.values()
    made: list[dict[str, Any]] = []
    folders = [target] if system else _labelled_folders(target, len(chosen))
    for folder, (one, number), rows in zip(folders, chosen, checked, strict=True):
        files: list[Path] = []
        for (machine, section), (clips, s) in rows.items():
            files += write_submission(folder, machine, section, clips, s.scores, s.decisions)
        label = folder.resolve().name
        files.append(folder / f"{label}.meta.yaml")
        write_atomically(files[-1], meta_file(label, home, one.name, number).encode())
        told = {"folder": str(folder), "system": one.name, "seed": number, "files": [str(f) for f in files]}
        made.append(told)
        if not as_json:
            about = f"{folder}: {one.name}, seed {number}, {text.count(len(rows), 'section')}"
            listed = "".join(f"\n  {file.name}" for file in files) if system else ""
            click.echo(about + (listed or f", {text.count(len(files), 'file')}"))
    for problem in problems:
        text.warn(problem)
    if as_json:
        called = {"hidden_names": sorted(names.hidden), "labelled_names": sorted(names.labelled)}
        text.print_json({"submissions": made, **called, "problems": problems})
    else:
        click.echo("\n".join(_remarks(chosen, seed, names, facts.get("root"))))
    return INCOMPLETE if problems else 0


def _choose(
    home: Path, systems: Sequence[BenchedSystem], system: str | None, seed: int | None
) -> list[tuple[BenchedSystem, int]]:
    """The named system, or all of the bench's last run; each with the named seed, or its first."""
    named = [one for one in systems if one.name == system]
    if system and not named:
        raise OptionError(f"--system {system}: {home} has {', '.join(one.name for one in systems)}")
    chosen = named or [one for one in systems if one.latest] or list(systems)
    for one in chosen:
        if seed is not None and seed not in one.seeds:
            raise OptionError(f"--seed {seed}: {one.name} has {', '.join(map(str, one.seeds))}")
    return [(one, next(iter(one.seeds)) if seed is None else seed) for one in chosen]


def _labelled_folders(target: Path, count: int) -> list[Path]:
    """Folders in the target with labels as the challenge wants them: ``Name_Institute_task2_1`` and on."""
    team = re.sub(r"_task2(_\d+)?$", "", target.resolve().name)
    return [target / f"{team}_task2_{number}" for number in range(1, count + 1)]


def _remarks(
    chosen: Sequence[tuple[BenchedSystem, int]], seed: int | None, names: ClipNames, root: str | None
) -> list[str]:
    """What the user should know of what was taken, and do next."""
    remarks = []
    several = next((list(one.seeds) for one, _ in chosen if len(one.seeds) > 1), [])
    if seed is None and several:
        others = ", ".join(map(str, several[1:]))
        remarks.append(f"Seed {several[0]} is the first; --seed takes another: {others}.")
    if names.hidden:
        machines = ", ".join(sorted(names.hidden))
        remarks.append(
            f"{machines}: clips bear their names in test/, not those of the copies in test_rename/."
        )
    if names.labelled:
        machines = ", ".join(sorted(names.labelled))
        remarks.append(f"{machines}: clips' names tell their condition, as in a development set.")
        if root and not names.found:
            remarks.append(f"{root} is not there any more to look for their hidden names.")
    if len(chosen) > MOST:
        remarks.append(f"The challenge takes {MOST} systems of a team at most: remove the other folders.")
    remarks.append("Authors, institute and whatever else is marked ? in the meta file are yours to fill in.")
    return remarks

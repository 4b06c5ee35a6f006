"""``auscult dcase submit``: make submission folders for the challenge from benchmark results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.options import json_option
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.dcase.bench_results import BenchmarkSystem, SubmissionNames

INCOMPLETE = 4
MAX_SYSTEMS = 4  # systems per team that the challenge accepts


@click.command("submit", short_help="Make challenge submissions from benchmark results.")
@click.argument("results", metavar="RESULTS", type=click.Path())
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder to create: Name_Institute or, with --system, the full label Name_Institute_task2_1.",
)
@click.option(
    "--system",
    metavar="NAME",
    help="Make a submission of this system only, in DIR itself: DETECTOR:SCORE, or DETECTOR for its "
    "default score.  [default: all systems of the last run]",
)
@click.option("--seed", type=int, metavar="N", help="Use the results of this seed.  [default: the first]")
@click.option(
    "--development",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="Results of the same systems on the development set, for the meta file.  [default: RESULTS, if they "
    "are of a folder dev_data]",
)
@json_option
def command(
    results: str, output: str, system: str | None, seed: int | None, development: str | None, as_json: bool
) -> int:
    """Make challenge submissions from RESULTS, the output folder of a benchmark.

    Each system gets its own folder in DIR, labelled <DIR>_task2_1 and so on. It contains the checked score
    and decision files, with the clip names of the challenge, and a meta file with what the results state
    about the system; the rest, marked ?, is for the authors. Exits with code 4 if a machine or a decision is
    missing.
    """
    from auscult.cli.dcase_meta import UNKNOWN, is_development, meta_file
    from auscult.dcase.bench_results import (
        SubmissionNames,
        benchmark_systems,
        read_results,
        read_sections,
        threshold_warnings,
    )
    from auscult.evaluation import write_submission
    from auscult.runtime.files import write_atomically

    bench_folder, target = Path(results), Path(output)
    facts = read_results(bench_folder)
    systems = benchmark_systems(bench_folder, facts)
    selected = _select(systems, facts, system, seed)
    _check_label(target, with_number=system is not None)
    if target.exists() and any(target.iterdir()):
        raise OptionError(f"{output} is not empty; give a new folder")
    names = SubmissionNames(facts.get("root"))
    development_folder = Path(development) if development else None
    if development is None and is_development(facts.get("root")):
        development_folder = bench_folder
    problems: list[str] = []
    checked = []  # read and check all submissions before writing any
    for bench_system, system_seed in selected:
        sections, missing = read_sections(bench_system, system_seed, [s for s in systems if s.latest])
        checked.append(
            {key: (names.for_submission(key[0], rows.names), rows) for key, rows in sections.items()}
        )
        problems += missing
    problems += names.problems.values()
    doubtful = [
        warning
        for bench_system, system_seed in selected
        for warning in threshold_warnings(facts, bench_system.name, system_seed)
    ]
    submissions: list[dict[str, Any]] = []
    folders = [target] if system else _labelled_folders(target, len(selected))
    for folder, (bench_system, system_seed), named_sections in zip(folders, selected, checked, strict=True):
        files: list[Path] = []
        for (machine, section), (clip_names, rows) in named_sections.items():
            files += write_submission(folder, machine, section, clip_names, rows.scores, rows.decisions)
        label = folder.resolve().name
        files.append(folder / f"{label}.meta.yaml")
        machines = [machine for machine, _ in named_sections]
        meta = meta_file(label, bench_folder, bench_system.name, system_seed, machines, development_folder)
        write_atomically(files[-1], meta.encode())
        submissions.append(
            {
                "folder": str(folder),
                "system": bench_system.name,
                "seed": system_seed,
                "to_complete": [
                    line.strip().partition(":")[0] for line in meta.splitlines() if f'"{UNKNOWN}"' in line
                ],
                "files": [str(file) for file in files],
            }
        )
        if not as_json:
            sections_text = text.count(len(named_sections), "section")
            file_list = "".join(f"\n  {file.name}" for file in files) if system else ""
            click.echo(
                f"{folder}: {bench_system.name}, seed {system_seed}, {sections_text}"
                + (file_list or f", {text.count(len(files), 'file')}")
            )
    for message in [*problems, *doubtful]:
        text.warn(message)
    if as_json:
        text.print_json(
            {
                "submissions": submissions,
                "hidden_names": sorted(names.hidden),
                "labelled_names": sorted(names.labelled),
                "problems": problems,
                "threshold_warnings": doubtful,
            }
        )
    else:
        to_complete = dict.fromkeys(entry for made in submissions for entry in made["to_complete"])
        click.echo("\n".join(_remarks(selected, seed, names, facts.get("root"), list(to_complete))))
    return INCOMPLETE if problems else 0


def _check_label(target: Path, *, with_number: bool) -> None:
    """Refuse folders whose name is no label of the challenge, since the meta file states it."""
    name = target.resolve().name
    if with_number and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*_task2_\d+", name):
        raise OptionError(
            f"--output {target}: with --system, the folder is named by the label of the submission, "
            "Name_Institute_task2_1"
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise OptionError(
            f"--output {target}: the labels of the submissions begin with the name of the folder, so it can "
            "only contain letters, digits, _ and -, such as Name_Institute"
        )


def _select(
    systems: Sequence[BenchmarkSystem], facts: Mapping[str, Any], name: str | None, seed: int | None
) -> list[tuple[BenchmarkSystem, int]]:
    """Select the named system, or all of the last run; each with the given seed, or else its first."""
    from auscult.dcase.bench_results import find_system

    try:
        named = [find_system(systems, name, facts)] if name else []
    except OptionError as error:
        raise OptionError(f"--system {name}: {error}") from error
    selected = named or [system for system in systems if system.latest] or list(systems)
    for system in selected:
        if seed is not None and seed not in system.seeds:
            available = ", ".join(map(str, system.seeds))
            raise OptionError(f"--seed {seed}: {system.name} was run with the seeds {available}")
    return [(system, next(iter(system.seeds)) if seed is None else seed) for system in selected]


def _labelled_folders(target: Path, count: int) -> list[Path]:
    """Folders in the target named by the labels of the challenge: ``Name_Institute_task2_1``, ``…_2``, …"""
    team = re.sub(r"_task2(_\d+)?$", "", target.resolve().name)
    return [target / f"{team}_task2_{number}" for number in range(1, count + 1)]


def _remarks(
    selected: Sequence[tuple[BenchmarkSystem, int]],
    seed: int | None,
    names: SubmissionNames,
    root: str | None,
    to_complete: Sequence[str],
) -> list[str]:
    """Notes on the choices that were made, and on what is left to do."""
    remarks = []
    seeds = next((list(system.seeds) for system, _ in selected if len(system.seeds) > 1), [])
    if seed is None and seeds:
        others = ", ".join(map(str, seeds[1:]))
        remarks.append(
            f"Results of the first seed, {seeds[0]}, are used; choose another with --seed: {others}."
        )
    if names.hidden:
        machines = ", ".join(sorted(names.hidden))
        remarks.append(
            f"{machines}: clips have their names in test/, not those of the copies in test_rename/."
        )
    if names.labelled:
        machines = ", ".join(sorted(names.labelled))
        remarks.append(f"{machines}: clip names contain the condition, as in a development set.")
        if root and not names.root_exists:
            remarks.append(f"{root} no longer exists, so hidden names could not be looked up.")
    if len(selected) > MAX_SYSTEMS:
        remarks.append(f"The challenge accepts {MAX_SYSTEMS} systems per team; remove the other folders.")
    remarks.append(f"Complete the entries marked ? in the meta file: {', '.join(to_complete)}.")
    if "development_dataset" in to_complete:
        remarks.append(
            "For the results on the development set give the results of its benchmark: --development DIR."
        )
    return remarks

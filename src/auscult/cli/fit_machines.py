"""``auscult fit DIR -o models/``: one model per machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.fit_summary import next_step, next_step_of_several, summarize
from auscult.cli.flags import with_flags
from auscult.cli.options import names_from
from auscult.errors import CorpusError, OptionError

if TYPE_CHECKING:
    from auscult.detectors import Progress
    from auscult.sound.tables import TableSettings

FAILED, SOME_FAILED = 1, 4


def fit_each_machine(
    roots: tuple[str, ...],
    output: str,
    group_by: str | None,
    options: Mapping[str, Any],
    progress: Progress | None,
    *,
    as_json: bool,
) -> int:
    """Fit every machine in or below the roots, and print the results.

    Args:
        group_by: the value of the option.
        options: further arguments of `auscult.fit_machines`.

    Returns:
        The exit code: 1 if all machines failed, 4 if some failed or recordings were left out.

    Raises:
        CorpusError: there are no machine folders.
        OptionError: two machines have the same name.
    """
    from auscult.api.fit_machines import fit_machines
    from auscult.model.model_file import load_model

    groups = names_from(group_by) or []
    independent = groups == ["none"]
    folders, not_fitted = _machines(roots, output, options["tables"])
    outcomes = fit_machines(
        folders,
        output,
        group_by=[] if independent else groups,
        group_likely_segments=not independent,
        progress=progress,
        **options,
    )
    results: list[dict[str, Any]] = []
    for outcome in outcomes:
        if outcome.error is not None:
            results.append({"machine": outcome.machine, "error": with_flags(outcome.error)})
            continue
        path = os.path.join(output, os.path.basename(outcome.path))
        summary = summarize(load_model(outcome.path), path)
        results.append({"machine": outcome.machine, "already_fitted": outcome.already_fitted, **summary})
    results += [{"machine": name, "error": with_flags(error)} for name, error in not_fitted]
    if as_json:
        text.print_json(results)
    else:
        _print_table(results)
    for result in results:
        if "error" in result:
            text.note(f"Error: {result['machine']}: {result['error']}")
        elif left_out := result["left_out"]:
            recordings = text.count(len(left_out), "recording")
            text.note(f"Error: {result['machine']}: {recordings} left out: {', '.join(left_out)}")
    if all("error" in result for result in results):
        return FAILED
    return SOME_FAILED if any("error" in result or result["left_out"] for result in results) else 0


def _machines(
    roots: tuple[str, ...], output: str, tables: TableSettings
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Name to folder of all machines in or below the roots; name and error of those that cannot be fitted.

    Warns of folders with recordings that belong to no machine, and notes those with other files only.
    """
    from auscult.corpus.machine_search import find_machines, machines_of_manifest

    folders: dict[str, str] = {}
    not_fitted: list[tuple[str, str]] = []
    for root in roots:
        if not os.path.exists(root):
            raise CorpusError(
                root,
                "no such folder; if --output is a folder, DIR must contain a folder for each machine, or be "
                "a manifest with a column machine",
            )
        search = find_machines if os.path.isdir(root) else machines_of_manifest
        machines = search(root, tables)
        if not machines.folders and not machines.empty:
            raise CorpusError(
                root, "no recordings and no machine folders in it; for a single model, give --output FILE"
            )
        if duplicates := sorted(machines.folders.keys() & folders.keys()):
            name = duplicates[0]
            raise OptionError(f"two machines are named {name}: {folders[name]} and {machines.folders[name]}")
        folders |= machines.folders
        for name, folder in machines.empty.items():
            if os.path.realpath(folder) != os.path.realpath(output):
                not_fitted.append((name, f"{folder}: no recordings"))
        not_fitted += [(os.path.basename(f), str(error)) for f, error in machines.unlisted.items()]
        for folder, names in machines.groups.items():
            text.note(
                f"{folder}: {text.count(len(names), 'machine')} with a model each ({', '.join(names)}); for "
                "one model of all, give this folder and --output FILE"
            )
        for folder, number in machines.ignored.items():
            text.warn(f"{folder}: {text.count(number, 'recording')} not used: not in the folder of a machine")
        for message in machines.describe_other_files(output):
            text.note(f"Note: {message}")
    return folders, not_fitted


def _print_table(results: list[dict[str, Any]]) -> None:
    """Print a line for each model, and its warnings."""
    rows = []
    machines_by_warning: dict[str, list[str]] = {}
    for result in results:
        if "error" in result:
            continue
        for warning in result["warnings"]:
            machines_by_warning.setdefault(warning, []).append(result["machine"])
        time = "up to date" if result["already_fitted"] else f"{result['fit_seconds']:.1f} s"
        threshold = text.figure(result["threshold"])
        rows.append((result["machine"], result["model"], f"{result['clips']:,}", threshold, time))
    for warning, names in machines_by_warning.items():
        of_all = 1 < len(names) == len(rows)
        for name in ["all machines"] if of_all else names:
            text.warn(f"{name}: {warning}")
    if not rows:
        return
    click.echo(text.table(("machine", "model", "recordings", "threshold", "fit"), rows, names=2))
    fitted = [result for result in results if "error" not in result]
    click.echo(f"\n{next_step_of_several(fitted) if len(fitted) > 1 else next_step(fitted[0])}")

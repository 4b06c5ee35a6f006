"""``auscult fit ROOT -o models/``: a model for each machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.fitted import summary
from auscult.cli.options import names_from
from auscult.errors import CorpusError, OptionError

if TYPE_CHECKING:
    from auscult.detectors import Progress

FAILED, SOME_FAILED = 1, 4


def fit_each(
    roots: tuple[str, ...],
    output: str,
    group_by: str | None,
    given: Mapping[str, Any],
    progress: Progress | None,
    *,
    as_json: bool,
) -> int:
    """Fits every machine at or below the roots, and tells of each.

    Args:
        group_by: as the option has it.
        given: options for `auscult.fit_machines`.

    Returns:
        The exit code: 1 where all failed, 4 where some did or recordings were left out.

    Raises:
        CorpusError: no machine folders.
        OptionError: two machines of one name.
    """
    from auscult.api.fit_machines import fit_machines
    from auscult.model.model_file import load_model

    groups = names_from(group_by) or []
    alone = groups == ["none"]
    fitted = fit_machines(
        _folders(roots),
        output,
        group_by=[] if alone else groups,
        keep_likely_cuts_together=not alone,
        progress=progress,
        **given,
    )
    told: list[dict[str, Any]] = []
    for its in fitted:
        if its.error is not None:
            told.append({"machine": its.machine, "error": its.error})
            continue
        about = {"machine": its.machine, "there_already": its.before}
        told.append(
            {**about, **summary(load_model(its.path), os.path.join(output, os.path.basename(its.path)))}
        )
    if as_json:
        text.print_json(told)
    else:
        _print(told)
    for one in told:
        if "error" in one:
            text.note(f"Error: {one['machine']}: {one['error']}")
        elif one["left_out"]:
            many = text.count(len(one["left_out"]), "recording")
            text.note(f"Error: {one['machine']}: {many} left out: {', '.join(one['left_out'])}")
    if all("error" in one for one in told):
        return FAILED
    return SOME_FAILED if any("error" in one or one["left_out"] for one in told) else 0


def _folders(roots: tuple[str, ...]) -> dict[str, str]:
    """Every machine's folder by its name."""
    from auscult.corpus import machine_folders

    folders: dict[str, str] = {}
    for root in roots:
        if not os.path.isdir(root):
            raise CorpusError(root, "no such folder; where -o is a folder, DIR holds machine folders")
        found = machine_folders(root)
        if not found:
            raise CorpusError(root, "no machine folders (with train/) in it or below it; name a file with -o")
        if twice := sorted(found.keys() & folders.keys()):
            raise OptionError(f"two machines are named {twice[0]}: {folders[twice[0]]} and {found[twice[0]]}")
        folders |= found
    return folders


def _print(told: list[dict[str, Any]]) -> None:
    """A line for each model, and what whoever reads them should know."""
    rows = []
    for one in told:
        if "error" in one:
            continue
        for warning in one["warnings"]:
            text.warn(f"{one['machine']}: {warning}")
        how = "there already" if one["there_already"] else f"{one['fit_seconds']:.1f} s"
        rows.append((one["machine"], one["model"], f"{one['clips']:,}", text.figure(one["threshold"]), how))
    if not rows:
        return
    click.echo(text.table(("machine", "model", "recordings", "threshold", "fit"), rows, names=2))
    click.echo(f"\nNext:  auscult score {rows[0][1]} NEW_RECORDINGS...")

"""``auscult adapt``: add normal recordings to a model, and write the result as a new model file."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import click

from auscult.cli import text
from auscult.cli.commands import FAILED
from auscult.cli.fit import SOME_LEFT_OUT, training_clips
from auscult.cli.options import (
    apply_group_by,
    check_writable,
    condition_option,
    conditions_from,
    group_by_option,
    json_option,
    model_argument,
    open_model,
    quiet_option,
    table_options,
)
from auscult.cli.progress import show_progress
from auscult.errors import NotNormalError, OptionError

if TYPE_CHECKING:
    from auscult.corpus import Corpus
    from auscult.model import Model
    from auscult.sound.tables import TableSettings


@click.command("adapt", short_help="Add normal recordings to a model without retraining it.")
@model_argument
@click.argument("inputs", metavar="CLIPS...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(),
    help="Model file to write; must not be MODEL.  [default: MODEL's name with the suffix .adapted.auscult]",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@click.option(
    "--domain",
    type=click.Choice(["source", "target"]),
    help="Domain of recordings whose file name does not contain it: source, the usual conditions, or target, "
    "other ones.  [default: target; with --replace: source]",
)
@click.option(
    "--accept",
    is_flag=True,
    help="Add the recordings even if MODEL finds some of them anomalous: the machine is running normally in "
    "another way.",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Forget the earlier normal recordings, whatever MODEL finds: the machine was repaired or has "
    "changed for good.",
)
@group_by_option
@table_options
@condition_option
@json_option
@quiet_option
def command(
    model: str,
    inputs: tuple[str, ...],
    output: str | None,
    force: bool,
    domain: Literal["source", "target"] | None,
    accept: bool,
    replace: bool,
    group_by: str | None,
    tables: TableSettings,
    conditions: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> int:
    """Add normal recordings to a model without retraining its networks.

    CLIPS are recordings, folders as for fit, or CSV manifests. MODEL scores them first: if one is above its
    threshold, nothing is written without --accept or --replace. They extend the training statistics and the
    calibration of MODEL, or replace them; the result is a new model file, and MODEL is unchanged. Exits with
    code 4 if unusable recordings were left out.
    """
    output = output or f"{model.removesuffix('.auscult')}.adapted.auscult"
    _check_output(output, model, force=force)
    before = open_model(model, *inputs, tables=tables)
    clips = apply_group_by(_clips(inputs, conditions_from(conditions), before.tables), group_by)

    from auscult.api.adapt import adapt

    with show_progress(quiet=quiet, name=os.path.basename(output)) as progress:
        try:
            after = adapt(
                before,
                clips,
                domain=domain or ("source" if replace else "target"),
                accept=accept,
                replace=replace,
                progress=progress,
            )
        except NotNormalError as error:
            if as_json:
                refusal = {"model": None, "adapted_from": model, "review": error.review}
                text.print_json({**refusal, "recommended": error.recommended})
            for line in str(error).split("\n"):
                text.note(line if line.startswith(" ") else f"Error: {line}")
            return FAILED
    after.save(output)
    result = _summary(model, before, output, after)
    if as_json:
        text.print_json(result)
    else:
        for warning in result["warnings"]:
            text.warn(warning)
        click.echo(_as_text(result))
    if left_out := result["left_out"]:
        text.note(f"Error: {text.count(len(left_out), 'recording')} left out: {', '.join(left_out)}")
        return SOME_LEFT_OUT
    return 0


def _check_output(output: str, model: str, *, force: bool) -> None:
    """Raise `OptionError` if the output would overwrite MODEL or, without ``--force``, another file."""
    check_writable(output, model=model)
    if os.path.exists(output) and not force:
        raise OptionError(f"{output} exists; give another file with --output, or --force to overwrite it")


def _clips(inputs: tuple[str, ...], conditions: dict[str, str], tables: TableSettings) -> Corpus:
    """The training clips of folders and manifests, and every recording given as a file."""
    from auscult.corpus import Corpus
    from auscult.corpus.folders import is_list_of_recordings, open_corpora

    folders = tuple(path for path in inputs if not os.path.isfile(path) or is_list_of_recordings(path))
    files = tuple(path for path in inputs if path not in folders)
    stated = conditions if folders else {}
    of_folders = training_clips(folders, conditions=stated, tables=tables) if folders else Corpus([])
    of_files = open_corpora(files, conditions={} if folders else conditions, tables=tables)
    return of_folders.of([*of_folders, *(clip for corpus in of_files for clip in corpus)])


def _summary(model: str, before: Model, output: str, after: Model) -> dict[str, Any]:
    from auscult.api.adapt_provenance import new_findings

    adaptation = after.provenance["adaptations"][-1]
    threshold = after.threshold()
    findings = [*new_findings(before, after), *threshold.findings]
    return {
        "model": output,
        "adapted_from": model,
        "detector": after.detector.name,
        "score": after.detector.decisive_score,
        "review": adaptation["review"],
        "replaced": adaptation["replaced"],
        "added": adaptation["domains"],
        "domains_before": before.provenance.get("domains", {}),
        "domains": after.provenance["domains"],
        "changes": adaptation["changes"],
        "calibration": {
            "method": after.calibration.method,
            "before": len(before.calibration),
            "count": len(after.calibration),
        },
        "calibration_domains": dict(Counter(d or "unknown" for d in after.calibration.domains)),
        "threshold_before": adaptation["threshold_before"],
        "threshold": adaptation["threshold_after"],
        "false_alarms": threshold.rate,
        "costs": adaptation["costs"],
        "bytes": os.path.getsize(output),
        "left_out": adaptation["left_out"],
        **text.warnings_and_findings(findings),
    }


def _as_text(result: dict[str, Any]) -> str:
    calibration, costs = result["calibration"], result["costs"]
    thresholds = (result["threshold_before"], result["threshold"])
    parts = [part for change in result["changes"] for part in change.split("; ")]
    before, added = (sum(result[key].values()) for key in ("domains_before", "added"))
    recordings = (
        f"{before:,} replaced by {added:,}"
        if result["replaced"]
        else (f"{_arrow(f'{before:,}', f'{before + added:,}')} ({added:,} added)")
    )
    lines = [
        ("model", f"{result['model']} ({text.size(result['bytes'])})"),
        ("adapted from", f"{result['adapted_from']} (unchanged)"),
        ("detector", f"{result['detector']}, score {result['score']}"),
        ("scored", result["review"]["text"]),
        ("recordings", recordings),
        *zip(("changed", *[""] * len(parts)), parts, strict=False),
        (
            "calibration",
            f"{calibration['method']}, "
            + _arrow(f"{calibration['before']:,}", text.count(calibration["count"], "recording")),
        ),
        (
            "threshold",
            f"{_arrow(*map(text.figure, thresholds))} ({text.percent(result['false_alarms'])} false alarms)",
        ),
        ("false alarms", _rates(costs["earlier_false_alarms"], "earlier recording", "earlier recordings")),
        ("", _rates(costs["new_false_alarms"], "new recording", "new recordings")),
    ]
    next_command = f"Next:  auscult score {shlex.quote(result['model'])} NEW_RECORDINGS..."
    return f"{text.facts(lines)}\n\n{next_command}"


def _rates(rates: dict[str, Any], one: str, many: str) -> str:
    """A rate before and after: ``93.8 % → 4.2 % of 48 new recordings``."""
    before, after = (text.NONE if r is None else text.percent(r) for r in (rates["before"], rates["after"]))
    count = rates["count"]
    return f"{_arrow(before, after)} of {count:,} {one if count == 1 else many}"


def _arrow(before: str, after: str) -> str:
    return f"{before} → {after}"

"""``auscult adapt``: add normal recordings to a model, and write the result as a new model file."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.fit import SOME_LEFT_OUT, training_clips
from auscult.cli.options import (
    apply_group_by,
    check_writable,
    group_by_option,
    json_option,
    model_argument,
    open_model,
    quiet_option,
)
from auscult.cli.progress import show_progress
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.corpus import Corpus
    from auscult.model import Model


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
    default="target",
    show_default=True,
    help="Domain of recordings whose file name does not contain it.",
)
@group_by_option
@json_option
@quiet_option
def command(
    model: str,
    inputs: tuple[str, ...],
    output: str | None,
    force: bool,
    domain: str,
    group_by: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Add normal recordings to a model without retraining its networks.

    CLIPS are recordings, folders as for fit, or CSV manifests. They extend the training statistics and the
    calibration of MODEL; the result is a new model file, and MODEL is unchanged. Exits with code 4 if
    unusable recordings were left out.
    """
    output = output or f"{model.removesuffix('.auscult')}.adapted.auscult"
    _check_output(output, model, force=force)
    before = open_model(model, *inputs)
    clips = apply_group_by(_clips(inputs), group_by)

    from auscult.api.adapt import adapt

    with show_progress(quiet=quiet) as progress:
        after = adapt(before, clips, domain="source" if domain == "source" else "target", progress=progress)
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


def _clips(inputs: tuple[str, ...]) -> Corpus:
    """The training clips of folders and manifests, and every recording given as a file."""
    from auscult.corpus import Corpus, open_corpus

    folders = tuple(path for path in inputs if not os.path.isfile(path) or path.lower().endswith(".csv"))
    files = (clip for path in inputs if path not in folders for clip in open_corpus(path))
    return Corpus([*(training_clips(folders) if folders else ()), *files])


def _summary(model: str, before: Model, output: str, after: Model) -> dict[str, Any]:
    adaptation = after.provenance["adaptations"][-1]
    threshold = after.threshold()
    warnings = after.provenance["warnings"][len(before.provenance.get("warnings", ())) :]
    return {
        "model": output,
        "adapted_from": model,
        "detector": after.detector.name,
        "score": after.detector.decisive_score,
        "taken_in": adaptation["domains"],
        "domains_before": before.provenance.get("domains", {}),
        "domains": after.provenance["domains"],
        "changes": adaptation["changes"],
        "calibration": {
            "how": after.calibration.method,
            "before": len(before.calibration),
            "count": len(after.calibration),
        },
        "calibration_domains": dict(Counter(d or "unknown" for d in after.calibration.domains)),
        "threshold_before": adaptation["threshold_before"],
        "threshold": adaptation["threshold_after"],
        "false_alarms": threshold.rate,
        "bytes": os.path.getsize(output),
        "left_out": adaptation["left_out"],
        "warnings": [*warnings, *([threshold.warning] if threshold.warning else [])],
    }


def _as_text(result: dict[str, Any]) -> str:
    calibration = result["calibration"]
    thresholds = (result["threshold_before"], result["threshold"])
    parts = [part for change in result["changes"] for part in change.split("; ")]
    return "\n".join(
        [
            text.facts(
                [
                    ("model", f"{result['model']} ({text.size(result['bytes'])})"),
                    ("adapted from", f"{result['adapted_from']} (unchanged)"),
                    ("detector", f"{result['detector']}, score {result['score']}"),
                    ("recordings", _arrow(_counts(result["domains_before"]), _counts(result["domains"]))),
                    *zip(("changed", *[""] * len(parts)), parts, strict=False),
                    (
                        "calibration",
                        f"{calibration['how']}, "
                        + _arrow(f"{calibration['before']:,}", text.count(calibration["count"], "recording")),
                    ),
                    (
                        "threshold",
                        f"{_arrow(*map(text.figure, thresholds))} "
                        f"({text.percent(result['false_alarms'])} false alarms)",
                    ),
                ]
            ),
            "",
            f"Next:  auscult score {result['model']} NEW_RECORDINGS...",
        ]
    )


def _counts(domains: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in domains.items()) or "0"


def _arrow(before: str, after: str) -> str:
    return f"{before} → {after}"

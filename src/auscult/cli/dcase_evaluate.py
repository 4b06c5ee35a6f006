"""``auscult dcase evaluate``: compute the official score of a submission."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.options import json_option

if TYPE_CHECKING:
    from auscult.dcase.official import Mismatches, OfficialReport

INCOMPLETE = 4
_SHOWN = 10  # names listed per kind of mismatch; JSON contains all
_METRICS = {"auc_source": "AUC source", "auc_target": "AUC target", "pauc": "pAUC", "harmonic_mean": "mean"}


@click.command("evaluate", short_help="Compute the official score of a submission.")
@click.argument("submission", metavar="SUBMISSION", type=click.Path())
@click.option(
    "--ground-truth",
    required=True,
    metavar="DIR",
    type=click.Path(),
    help="Folder with ground_truth_data and ground_truth_domain, as published by the challenge.",
)
@click.option(
    "--year",
    type=int,
    default=2023,
    show_default=True,
    metavar="YYYY",
    help="Compute the score by the rules of this DCASE year.",
)
@json_option
def command(submission: str, ground_truth: str, year: int, as_json: bool) -> int:
    """Compute the official score of a SUBMISSION, a folder of score and decision files.

    Rows are matched to the ground truth by file name. Exits with code 4 if scores or decisions are missing
    or duplicated; the score is then not an official one.
    """
    from auscult.dcase.official import evaluate_submission

    report = evaluate_submission(submission, ground_truth, year=year)
    mismatches = report.mismatches
    for kind, names in (
        ("missing", mismatches.missing),
        ("duplicate", mismatches.duplicates),
        ("extra", mismatches.extra),
    ):
        for name in names[:_SHOWN]:
            text.note(f"{kind}: {name}")
        if len(names) > _SHOWN:
            text.note(f"{kind}: … and {len(names) - _SHOWN} more")
    text.warn_of(report.warnings)
    if as_json:
        text.print_json(report.to_json())
    else:
        click.echo(_as_text(report))
    return 0 if report.complete else INCOMPLETE


def _remedy(mismatches: Mismatches) -> str:
    """What to do about an incomplete submission, with the first clip or file that is missing or repeated."""
    advice = []
    if mismatches.missing:
        advice.append(
            f"Missing is {_first(mismatches.missing)}. Every clip of the ground truth needs a row with its "
            "score in anomaly_score_*.csv and one with its decision, 0 or 1, in decision_result_*.csv, even "
            "if it cannot be read"
        )
    if mismatches.duplicates:
        advice.append(f"Repeated is {_first(mismatches.duplicates)}. Remove all but one of its rows")
    return ". ".join(advice)


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more (listed above, in JSON all)" if names[1:] else ""
    return f"{names[0]}{more}"


def _as_text(report: OfficialReport) -> str:
    rows = [
        (
            machine,
            text.interval(part.auc_source),
            text.interval(part.auc_target),
            text.interval(part.pauc),
            text.interval(part.official),
            *(
                text.NONE if name not in part.decisions else f"{100 * part.decisions[name].value:.2f}"
                for name in ("f1_source", "f1_target")
            ),
        )
        for machine, part in report.machines.items()
    ]
    header = ("machine", *_METRICS.values(), "F1 source", "F1 target")
    mismatches = report.mismatches
    missing, duplicate, extra = map(len, (mismatches.missing, mismatches.duplicates, mismatches.extra))
    counts = f"{missing} missing, {duplicate} duplicate, {extra} extra"
    caution = "" if report.complete else f": not an official score. {_remedy(mismatches)}"
    score = f"official score {report.year}  {text.interval(report.official_score)}"
    has_domains = any(part.auc_target for part in report.machines.values())
    notes = text.notes_by_reason(
        (f"{machine} {_METRICS[name]}", note)
        for machine, part in report.machines.items()
        for name, note in part.interval_notes.items()
        if name in _METRICS
    )
    lines = [
        text.table(header, rows),
        "",
        score,
        f"{counts}{caution}",
        "In percent, with 95 % intervals, as if all clips were independent recordings.",
        *([text.domain_auc_legend(report.year)] if has_domains else []),
        *([notes] if notes else []),
    ]
    return "\n".join(lines)

"""Output helpers: data on standard output, messages on standard error."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from auscult.cli.flags import with_flags
from auscult.findings import findings_to_json, messages
from auscult.runtime.printable import printable as printable

if TYPE_CHECKING:
    from auscult.decision import Threshold
    from auscult.evaluation import Estimate
    from auscult.findings import Finding

NONE = "–"


def print_json(data: Any) -> None:
    """Print a value as JSON on one line of standard output."""
    click.echo(json.dumps(data, allow_nan=False))


def note(text: str) -> None:
    """Print a line for the user on standard error, with options as on the command line."""
    click.echo(printable(with_flags(text)), err=True)


def warn(text: str) -> None:
    """Print a warning on standard error."""
    note(f"Warning: {text}")


def warn_of(findings: Iterable[Finding]) -> None:
    """Print a warning for each finding."""
    for finding in findings:
        warn(finding.message)


def warnings_and_findings(findings: Sequence[Finding]) -> dict[str, Any]:
    """The fields of JSON output about findings: their messages, and kind, message and paths of each."""
    named = [replace(finding, message=with_flags(finding.message)) for finding in findings]
    return {"warnings": messages(named), "findings": findings_to_json(named)}


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, names: int = 1) -> str:
    """Format aligned columns under a header: the first ``names`` aligned left, the rest right."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < names else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (header, ["─" * width for width in widths], *rows)
    )


def wrapped_table(header: Sequence[str], rows: Iterable[Sequence[str]], width: int = 100) -> str:
    """Format columns aligned left under a header; the last one is wrapped to a total ``width``."""
    rows = list(rows)
    before = sum(max(len(row[i]) for row in (header, *rows)) + 2 for i in range(len(header) - 1))
    lines: list[list[str]] = []
    for row in rows:
        wrapped = textwrap.wrap(row[-1], width - before) or [""]
        lines.append([*row[:-1], wrapped[0]])
        lines.extend([*[""] * (len(row) - 1), line] for line in wrapped[1:])
    return table(header, lines, names=len(header))


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Format aligned ``name  value`` lines."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name:<{width}}  {printable(value)}".rstrip() for name, value in pairs)


def verdict(verdict: str | None, findings: Sequence[Mapping[str, str]], state: str | None) -> str:
    """``SENSOR (silence)``: the verdict on a recording, the findings to know with it, and the state.

    Findings without influence on a verdict are named with an anomaly, since they may have raised the score.
    """
    word = {"anomaly": "ANOMALY", "sensor": "SENSOR", None: "no verdict"}.get(verdict, verdict or "")
    kinds = dict.fromkeys(f["kind"] for f in findings if verdict == "anomaly" or f["effect"] != "note")
    reason = f" ({', '.join(kinds)})" if kinds else ""
    return f"{word}{reason}; {state}" if state else f"{word}{reason}"


def figure(value: float | None) -> str:
    """Format a score or a threshold with six significant digits."""
    return NONE if value is None else f"{value:.6g}"


def percent(value: float) -> str:
    """Format a fraction in percent with at most three significant digits."""
    return f"{100 * value:.3g} %"


def interval(estimate: Estimate | None) -> str:
    """Format an estimate in percent with its 95 % interval: ``77.88 [70.1, 84.4]``."""
    if estimate is None:
        return NONE
    if estimate.low is None or estimate.high is None:
        return f"{100 * estimate.value:.2f}"
    return f"{100 * estimate.value:.2f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def domain_auc_legend(year: int | None) -> str:
    """What the AUCs of the domains compare by the rules of a DCASE year; ``None`` is those since 2022."""
    from auscult.evaluation.protocol import DOMAIN_AUC, DOMAIN_AUC_2021

    return f"AUC source, AUC target: {DOMAIN_AUC_2021 if year == 2021 else DOMAIN_AUC}"


def notes_by_reason(notes: Iterable[tuple[str, str]]) -> str:
    """Format notes about metrics as one line for each reason: ``note: recall, F1: no interval: …``.

    Args:
        notes: name of a metric and the note about it.
    """
    by_reason: dict[str, list[str]] = {}
    for name, reason in notes:
        by_reason.setdefault(reason, []).append(name)
    return "\n".join(f"note: {', '.join(names)}: {reason}" for reason, names in by_reason.items())


def describe_threshold(threshold: Threshold) -> str:
    """Describe a threshold: ``10.52 (conformal, 5 % false alarms, from 55 recordings)``.

    The threshold of the DCASE baseline is from batches of windows instead.
    """
    if threshold.rate is None:
        return f"{figure(threshold.value)} (given)"
    label = f"; {threshold.label}" if threshold.label else ""
    unit = "training batch" if threshold.method == "baseline" else "recording"
    return (
        f"{'none' if threshold.value is None else figure(threshold.value)} ({threshold.method}, "
        f"{percent(threshold.rate)} false alarms, "
        f"from {count(threshold.calibration_count, unit)}{label})"
    )


def local_time(seconds: float) -> str:
    """Format seconds since 1970 (UTC) as local time: ``2026-11-28 06:00:00``."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def count(number: int, noun: str) -> str:
    """Format a count with its noun: ``1 recording``, ``1,200 recordings``, ``6 batches``."""
    plural = "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def size(number: int) -> str:
    """Format a number of bytes in kB or MB."""
    return f"{number / 1e6:.2f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"


def members(of_ensemble: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The members of an ensemble as pairs for `facts`, those of one kind on a line.

    For example ``levels, half_levels  pooled_gaussian, joint  weight 1``.

    Args:
        of_ensemble: ``facts["members"]`` of a fitted `auto`.
    """
    kinds: dict[tuple[str, str, str], list[str]] = {}  # last word of the name, score and weight to names
    for name, member in of_ensemble.items():
        weight = f"weight {member['weight']:g}" if "weight" in member else NONE  # none in files of 0.1.0
        score = f"{member['detector']}, {member['config']['score']}"
        kinds.setdefault((name.rpartition("_")[2], score, weight), []).append(name)
    rows = [(", ".join(names), score, weight) for (_, score, weight), names in kinds.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(2)] if rows else []
    lines = [f"{names:<{widths[0]}}  {score:<{widths[1]}}  {weight}" for names, score, weight in rows]
    return list(zip(["members", *[""] * len(lines)], lines, strict=False))

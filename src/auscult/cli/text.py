"""How the verbs print: data on standard output, notes on standard error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from auscult.decision import Threshold
    from auscult.evaluation import Estimate

NONE = "–"


def print_json(data: Any) -> None:
    """One JSON value on one line of standard output."""
    click.echo(json.dumps(data, allow_nan=False))


def note(text: str) -> None:
    """A line for the user on standard error."""
    click.echo(text, err=True)


def warn(text: str) -> None:
    """A warning on standard error."""
    note(f"Warning: {text}")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, names: int = 1) -> str:
    """Aligned columns under a header: the first ``names`` to the left, the rest to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < names else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (header, ["─" * width for width in widths], *rows)
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Aligned ``name  value`` lines."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in pairs)


def figure(value: float | None) -> str:
    """A score or a threshold."""
    return NONE if value is None else f"{value:.6g}"


def percent(value: float) -> str:
    """A fraction in percent, without more digits than it has."""
    return f"{100 * value:.3g} %"


def interval(estimate: Estimate | None) -> str:
    """An estimate in percent and its 95 % interval: ``77.88 [70.1, 84.4]``."""
    if estimate is None:
        return NONE
    if estimate.low is None or estimate.high is None:
        return f"{100 * estimate.value:.2f}"
    return f"{100 * estimate.value:.2f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def describe_threshold(threshold: Threshold) -> str:
    """``10.52 (conformal, 5 % false alarms, from 55 recordings)``."""
    if threshold.rate is None:
        return f"{figure(threshold.value)} (given)"
    return (
        f"{'none' if threshold.value is None else figure(threshold.value)} ({threshold.method}, "
        f"{percent(threshold.rate)} false alarms, from {count(threshold.calibration_count, 'recording')})"
    )


def count(number: int, what: str) -> str:
    """``1 recording``, ``1,200 recordings``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Bytes as people read them."""
    return f"{number / 1e6:.2f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"


def members(tried: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The members of an ensemble for `facts`, those that count first, with what they told of altered normals:
    ``levels  pooled_gaussian, joint  90.4 [87.0, 93.5]``."""
    rows = []
    if any("auc" in one for one in tried):
        rows.append(("name", "detector, score", "altered normals told, %"))
    for one in sorted(tried, key=lambda one: not one["kept"]):
        told = NONE
        if "auc" in one:
            low, high = (100 * edge for edge in one["interval"])
            told = f"{100 * one['auc']:.1f} [{low:.1f}, {high:.1f}]"
        left_out = "" if one["kept"] else ", left out"
        rows.append((one["name"], f"{one['detector']}, {one['score']}", told + left_out))
    widths = [max(len(row[i]) for row in rows) for i in range(2)] if rows else []
    lines = [f"{name:<{widths[0]}}  {what:<{widths[1]}}  {told}" for name, what, told in rows]
    return list(zip(["members", *[""] * len(lines)], lines, strict=False))

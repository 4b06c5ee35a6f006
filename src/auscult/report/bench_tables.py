"""The tables of metrics in a benchmark report: all systems, and by machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from auscult.evaluation.results_table import METRICS
from auscult.evaluation.table import NONE
from auscult.report.bench_data import BenchData, leading_number, signed_points

_MAX_NAMES = 3  # machines listed in a cell


@dataclass(frozen=True)
class Cell:
    """The text of a cell, whether it is bold, less important text after it, and a number to sort by."""

    text: str
    bold: bool = False
    detail: str = ""
    order: float | None = None


def systems_table(bench: BenchData) -> dict[str, list[Cell]]:
    """Return columns by title, with a cell for each system, best first: metrics, difference from the
    baseline, on how many machines it is better or worse, and rates at the threshold of the model."""
    systems = [*bench.systems, *(s for s in bench.overall if s not in bench.systems)]
    cells = _marked(bench, bench.overall)
    defaults = {system for system, entry in bench.ranking.items() if entry.get("decisive")}
    from_baseline = f"Difference from {bench.baseline} [points]" if bench.baseline else "Difference [points]"
    columns = {"System": [Cell(s, detail="default" if s in defaults else "") for s in systems]}
    for index, title in enumerate(bench.table.header[2:]):
        columns[title] = [cells[s][index] for s in systems]
        if index == len(METRICS):  # the harmonic mean
            columns["95\u00a0% interval"] = [_interval(bench.mean(s)) for s in systems]
            columns[from_baseline] = [_difference(bench, s) for s in systems]
            if len(bench.machines) > 1:
                columns["Machines better / worse"] = [_machines(bench, s) for s in systems]
    return columns


def systems_notes(bench: BenchData) -> list[str]:
    """Return explanations of the table of systems."""
    notes = [
        *bench.table.notes,
        "95\u00a0% interval: of the harmonic mean, over independent recordings and, if there are several, "
        "over seeds. Difference: difference in harmonic mean on the same recordings, with its interval.",
        "Bold: the best value of the systems run here, and differences whose interval excludes zero.",
    ]
    if bench.ranking:
        notes.append("“default”: the default score of the detector.")
    reasons = (entry.get("note") for system in bench.systems if (entry := bench.mean(system)))
    notes += [f"{reason[0].upper()}{reason[1:]}." for reason in dict.fromkeys(reasons) if reason]
    if single := [s for s in bench.systems if (bench.mean(s) or {}).get("seeds") == 1]:
        notes.append(f"One seed, so that other seeds are not counted: {', '.join(single)}.")
    if source := bench.facts.get("published"):
        source = "Table 2 of the GammaVAE report" if source is True else source  # True: of version 0.1.0
        notes.append(f"The systems “published …” are from {source}; they were not run here.")
    return notes


def machines_table(bench: BenchData, left_out: Collection[str] = ()) -> dict[str, dict[str, list[Cell]]]:
    """Return the cells by machine and system, except the systems left out.

    Empty if there is only one machine, which `systems_table` shows.
    """
    return {
        machine: _marked(bench, {system: row for system, row in rows.items() if system not in left_out})
        for machine, rows in list(bench.groups.items())[:-1]
    }


def _marked(bench: BenchData, systems: Mapping[str, tuple[str, ...]]) -> dict[str, list[Cell]]:
    """The cells of each system; bold is the highest mean of a column among the systems that are not published
    ones.

    Recall and false-alarm rate have none: one of them is best at the expense of the other.
    """
    ranked = (cells for system, cells in systems.items() if system in bench.systems)
    best = [max(column, key=leading_number) for column in zip(*ranked, strict=True)][: len(METRICS) + 1]
    return {
        system: [
            Cell(mean, text in best[i : i + 1] and text != NONE, f"± {spread}" if spread else "")
            for i, text in enumerate(cells)
            for mean, _, spread in [text.partition(" ± ")]
        ]
        for system, cells in systems.items()
    }


def _difference(bench: BenchData, system: str) -> Cell:
    difference = bench.difference(system)
    if system == bench.baseline:
        return Cell("baseline", order=0)
    if difference is None:
        return Cell(NONE)
    value, low, high = (
        100 * difference[key] if difference[key] is not None else None for key in ("value", "low", "high")
    )
    if low is None or high is None:
        return Cell(signed_points(value))
    interval = f"{signed_points(low)} to {signed_points(high)}"
    return Cell(signed_points(value), low > 0 or high < 0, interval, round(value or 0.0, 4))


def _interval(entry: Mapping[str, Any] | None) -> Cell:
    if entry is None or entry["low"] is None or entry["high"] is None:
        return Cell(NONE)
    ends = f"{100 * entry['low']:.1f} to {100 * entry['high']:.1f}"
    return Cell(ends, order=round(100 * entry["low"], 4))


def _machines(bench: BenchData, system: str) -> Cell:
    """The number of machines on which a system is better and worse than the baseline, and the names of the
    latter."""
    entry = bench.ranking.get(system)
    if entry is None or not (entry["better_on"] or entry["worse_on"]):
        return Cell(NONE, order=0)
    better, worse = len(entry["better_on"]), len(entry["worse_on"])
    names = ", ".join(entry["worse_on"][:_MAX_NAMES]) + (", …" if worse > _MAX_NAMES else "")
    return Cell(f"{better} / {worse}", False, f"worse on {names}" if worse else "", better - worse)

"""Results as the table that papers of the field print: machines down, detectors across, in percent."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from auscult.evaluation.metrics import harmonic_mean
from auscult.evaluation.results import Result

METRICS = (("auc_source", "AUC-s"), ("auc_target", "AUC-t"), ("pauc", "pAUC"))

#: Stands where there is no figure.
NONE = "–"


@dataclass(frozen=True)
class Table:
    """Rows of text under a header, and notes that belong below."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Aligned columns for a terminal: names to the left, figures to the right.

        ``detector:score`` stands on two lines, so that more columns fit.
        """
        heads = [
            tuple(title.partition(":")[0] for title in self.header),
            tuple(title.partition(":")[2] for title in self.header),
        ]
        widths = [max(_width(row[i]) for row in (*heads, *self.rows)) for i in range(len(self.header))]
        lines = [_aligned(head, widths) for head in heads if any(head)]
        lines.append("  ".join("─" * width for width in widths))
        lines += [_aligned(row, widths) for row in self.rows]
        return "\n".join([*lines, *self.notes]) + "\n"

    def to_markdown(self) -> str:
        """A Markdown table, its notes below."""
        ruler = ["---" if i < _NAMES else "---:" for i in range(len(self.header))]
        lines = [
            "| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in (self.header, *self.rows)
        ]
        lines.insert(1, "| " + " | ".join(ruler) + " |")
        notes = [""] + [f"{note}  " for note in self.notes] if self.notes else []
        return "\n".join(lines + notes) + "\n"


#: The first columns, machine and metric, hold names; the rest figures.
_NAMES = 2


def results_table(results: Sequence[Result]) -> Table:
    """AUC-source, AUC-target and pAUC of each machine, then harmonic means over machines; in percent.

    A column for each ``detector:score`` in order of appearance. Over several seeds a figure is the mean ±
    the standard deviation (n − 1) over seeds; a harmonic mean over machines is taken within each seed
    first. It is left out (–) for a seed that lacks one of the machines, since means over different
    machines do not compare; a note says so. Machines without domains have no AUC-target and add only what
    they have.
    """
    columns = list(dict.fromkeys(result.column for result in results))
    several_sections = len({(r.machine, r.section) for r in results}) > len({r.machine for r in results})

    def name_of(result: Result) -> str:
        return f"{result.machine} {result.section}".strip() if several_sections else result.machine

    machines = list(dict.fromkeys(name_of(result) for result in results))
    found = {(name_of(result), result.column, result.seed): result for result in results}
    seeds = {c: sorted({seed for _, column, seed in found if column == c}) for c in columns}

    rows = []
    for machine in machines:
        for field, title in METRICS:
            cells = [_cell(_values(found, [machine], column, seeds[column], [field])) for column in columns]
            if any(cell != NONE for cell in cells):
                rows.append((machine, title, *cells))
    for fields, title in [([f], t) for f, t in METRICS] + [([f for f, _ in METRICS], "all")]:
        cells = [_cell(_values(found, machines, column, seeds[column], fields)) for column in columns]
        if any(cell != NONE for cell in cells):
            rows.append(("harmonic mean", title, *cells))
    return Table(("machine", "metric", *columns), tuple(rows), tuple(_notes(found, machines, seeds)))


def _values(
    found: dict[tuple[str, str, int], Result],
    machines: list[str],
    column: str,
    seeds: list[int],
    fields: list[str],
) -> list[float]:
    """For each seed that has all the machines the harmonic mean of their fields, as far as these exist."""
    values = []
    for seed in seeds:
        if all((machine, column, seed) in found for machine in machines):
            terms = [getattr(found[machine, column, seed], field) for machine in machines for field in fields]
            known = [term for term in terms if term is not None]
            if known:
                values.append(harmonic_mean(known))
    return values


def _cell(values: list[float]) -> str:
    if not values:
        return NONE
    mean = f"{100 * fmean(values):.2f}"
    return f"{mean} ± {100 * stdev(values):.2f}" if len(values) > 1 else mean


def _notes(
    found: dict[tuple[str, str, int], Result], machines: list[str], seeds: dict[str, list[int]]
) -> list[str]:
    notes = ["In percent."]
    counts = sorted({len(each) for each in seeds.values()})
    if counts and counts[-1] > 1:
        notes[0] += f" Mean ± standard deviation over seeds ({' or '.join(map(str, counts))} of them)."
    for column, its_seeds in seeds.items():
        for seed in its_seeds:
            absent = [machine for machine in machines if (machine, column, seed) not in found]
            if absent:
                notes.append(
                    f"{column}, seed {seed}: no result for {', '.join(absent)}, so not in its harmonic means."
                )
    return notes


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    cells = []
    for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
        space = " " * (width - _width(cell))
        cells.append(cell + space if index < _NAMES else space + cell)
    return "  ".join(cells).rstrip()


def _width(text: str) -> int:
    """Columns that text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")

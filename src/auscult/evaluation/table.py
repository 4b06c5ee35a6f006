"""Results as the table that papers of the field print, in percent: systems down, so that any number fits."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from auscult.evaluation.metrics import harmonic_mean
from auscult.evaluation.results import Result

METRICS = (("auc_source", "AUC-s"), ("auc_target", "AUC-t"), ("pauc", "pAUC"))

#: What the columns are, for who has not met them.
COLUMNS_NOTE = (
    "AUC-s, AUC-t: how often an anomaly scores above a normal clip of the source or target domain (target: "
    "conditions hardly heard in training), 50 is guessing; pAUC: the same where at most 10 % false alarms "
    "are allowed; harmonic mean of the three."
)

#: Stands where there is no figure.
NONE = "–"

#: Stands in place of a machine's name before figures over all machines.
OVERALL = "all machines"


@dataclass(frozen=True)
class Table:
    """Rows of text under a header, and notes that belong below."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Aligned columns for a terminal, names to the left, figures to the right."""
        widths = [max(_width(row[i]) for row in (self.header, *self.rows)) for i in range(len(self.header))]
        ruler = "  ".join("─" * width for width in widths)
        lines, above = [_aligned(self.header, widths)], None
        for row in self.rows:
            if row[0] != above:
                lines.append(ruler)
            lines.append(_aligned((row[0] if row[0] != above else "", *row[1:]), widths))
            above = row[0]
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


#: The first columns, machine and system, hold names; the rest figures.
_NAMES = 2


def results_table(results: Sequence[Result]) -> Table:
    """AUC-source, AUC-target, pAUC and their harmonic mean of each machine and system, and over machines.

    A row for each machine and ``detector:score``, in order of appearance; below them, where there are
    several machines, a row for each system with the harmonic means over machines. Over several seeds a
    figure is the mean ± the standard deviation (n − 1) over seeds; a harmonic mean is taken within each
    seed first. It is left out (–) for a seed that lacks one of the machines, since means over different
    machines do not compare; a note says so. Machines without domains have no AUC-target and add only
    what they have.
    """
    systems = list(dict.fromkeys(result.column for result in results))
    several_sections = len({(r.machine, r.section) for r in results}) > len({r.machine for r in results})

    def name_of(result: Result) -> str:
        return f"{result.machine} {result.section}".strip() if several_sections else result.machine

    machines = list(dict.fromkeys(name_of(result) for result in results))
    found = {(name_of(result), result.column, result.seed): result for result in results}
    seeds = {c: sorted({seed for _, column, seed in found if column == c}) for c in systems}
    columns = [[field] for field, _ in METRICS] + [[field for field, _ in METRICS]]
    groups = [(machine, [machine]) for machine in machines]
    if len(machines) > 1:
        groups.append((OVERALL, machines))
    rows = [
        (name, system, *(_cell(_values(found, group, system, seeds[system], fields)) for fields in columns))
        for name, group in groups
        for system in systems
    ]
    rows = [row for row in rows if row[0] == OVERALL or any(cell != NONE for cell in row[_NAMES:])]
    header = ("machine", "system", *(title for _, title in METRICS), "harmonic mean")
    return Table(header, tuple(rows), tuple(_notes(found, machines, seeds)))


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
    notes.append(COLUMNS_NOTE)
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

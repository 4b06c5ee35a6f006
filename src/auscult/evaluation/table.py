"""Tables of benchmark results in percent, with the columns that papers of the field report.

Systems are rows, so that any number of them fits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from auscult.evaluation.metrics import harmonic_mean
from auscult.evaluation.protocol import DOMAIN_AUC
from auscult.evaluation.results import Result

METRICS = (("auc_source", "AUC-s"), ("auc_target", "AUC-t"), ("pauc", "pAUC"))

#: Explains the columns.
COLUMNS_NOTE = (
    f"AUC-s/AUC-t: ROC AUC of the {DOMAIN_AUC.replace('the domain', 'the source/target domain')} (target: "
    "conditions rare in training; 50 is chance). pAUC: partial AUC of all clips up to a false-positive rate "
    "of 10 %. Harmonic mean: of these three."
)

#: The text of a cell without a value.
NONE = "–"

#: The name in the machine column for means over all machines.
OVERALL = "all machines"


@dataclass(frozen=True)
class Table:
    """A table of text: header, rows and notes below the table."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def to_text(self) -> str:
        """The table in aligned columns for a terminal: names to the left, numbers to the right."""
        widths = [max(_width(row[i]) for row in (self.header, *self.rows)) for i in range(len(self.header))]
        ruler = "  ".join("─" * width for width in widths)
        lines, previous_machine = [_aligned(self.header, widths)], None
        for machine, *cells in self.rows:
            if machine != previous_machine:
                lines.append(ruler)
            lines.append(_aligned((machine if machine != previous_machine else "", *cells), widths))
            previous_machine = machine
        return "\n".join([*lines, *self.notes]) + "\n"

    def to_markdown(self) -> str:
        """The table in Markdown, with the notes below."""
        ruler = ["---" if i < _NAME_COLUMNS else "---:" for i in range(len(self.header))]
        lines = [
            "| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in (self.header, *self.rows)
        ]
        lines.insert(1, "| " + " | ".join(ruler) + " |")
        notes = [""] + [f"{note}  " for note in self.notes] if self.notes else []
        return "\n".join(lines + notes) + "\n"

    def to_latex(self) -> str:
        """The table as a LaTeX ``tabular`` with rules of the package ``booktabs``; notes are comments."""
        columns = "l" * _NAME_COLUMNS + "r" * (len(self.header) - _NAME_COLUMNS)
        lines = [f"% {note}" for note in self.notes]
        lines += [f"\\begin{{tabular}}{{{columns}}}", "\\toprule", _latex_row(self.header)]
        previous = None
        for machine, *cells in self.rows:
            if machine != previous:
                lines.append("\\midrule")
            lines.append(_latex_row(("" if machine == previous else machine, *cells)))
            previous = machine
        return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


#: Number of columns with names, machine and system, before the columns with numbers.
_NAME_COLUMNS = 2


def results_table(results: Sequence[Result]) -> Table:
    """AUC-source, AUC-target, pAUC and their harmonic mean for each machine and system, and over machines.

    There is a row for each machine and ``detector:score``, in order of appearance. If there are several
    machines, a row for each system with the harmonic means over machines follows. For several seeds,
    harmonic means are computed within each seed, and a cell holds their mean ± standard deviation (n − 1)
    over seeds. A seed without results for one of the machines has no mean over machines, since means over
    different machines cannot be compared; a note says so. Machines without domains have no AUC-target and
    contribute only the metrics that they have.
    """
    systems = list(dict.fromkeys(result.column for result in results))
    several_sections = len({(r.machine, r.section) for r in results}) > len({r.machine for r in results})

    def row_name(result: Result) -> str:
        return f"{result.machine} {result.section}".strip() if several_sections else result.machine

    machines = list(dict.fromkeys(row_name(result) for result in results))
    by_key = {(row_name(result), result.column, result.seed): result for result in results}
    seeds = {s: sorted({seed for _, system, seed in by_key if system == s}) for s in systems}
    columns = [[field] for field, _ in METRICS] + [[field for field, _ in METRICS]]
    groups = [(machine, [machine]) for machine in machines]
    if len(machines) > 1:
        groups.append((OVERALL, machines))
    rows = [
        (name, system, *(_cell(_values(by_key, group, system, seeds[system], fields)) for fields in columns))
        for name, group in groups
        for system in systems
    ]
    rows = [row for row in rows if row[0] == OVERALL or any(cell != NONE for cell in row[_NAME_COLUMNS:])]
    header = ("machine", "system", *(title for _, title in METRICS), "harmonic mean")
    return Table(header, tuple(rows), tuple(_notes(by_key, machines, seeds)))


def _values(
    by_key: dict[tuple[str, str, int], Result],
    machines: list[str],
    system: str,
    seeds: list[int],
    fields: list[str],
) -> list[float]:
    """The harmonic mean of the fields over the machines, for each seed with results for all machines."""
    values = []
    for seed in seeds:
        if all((machine, system, seed) in by_key for machine in machines):
            terms = [
                getattr(by_key[machine, system, seed], field) for machine in machines for field in fields
            ]
            available = [term for term in terms if term is not None]
            if available:
                values.append(harmonic_mean(available))
    return values


def _cell(values: list[float]) -> str:
    if not values:
        return NONE
    mean = f"{100 * fmean(values):.2f}"
    return f"{mean} ± {100 * stdev(values):.2f}" if len(values) > 1 else mean


def _notes(
    by_key: dict[tuple[str, str, int], Result], machines: list[str], seeds: dict[str, list[int]]
) -> list[str]:
    notes = ["In percent."]
    counts = sorted({len(system_seeds) for system_seeds in seeds.values()})
    if counts and counts[-1] > 1:
        notes[0] += f" Mean ± standard deviation over {' or '.join(map(str, counts))} seeds."
    elif counts:
        notes[0] += " One seed."
    notes.append(COLUMNS_NOTE)
    if recordings := _recordings_note(by_key):
        notes.append(recordings)
    for system, system_seeds in seeds.items():
        for seed in system_seeds:
            missing = [machine for machine in machines if (machine, system, seed) not in by_key]
            if missing:
                notes.append(
                    f"{system}, seed {seed}: no result for {', '.join(missing)}, so this seed is left out of "
                    "the harmonic means."
                )
    return notes


def _recordings_note(by_key: dict[tuple[str, str, int], Result]) -> str | None:
    """The number of independent test recordings of each machine, where it is known."""
    counts = {
        machine: f"{machine} {result.normal_recordings} / {result.anomaly_recordings}"
        for (machine, _, _), result in by_key.items()
        if result.normal_recordings is not None
    }
    if not counts:
        return None
    return f"Independent test recordings, normal / anomalous: {', '.join(counts.values())}."


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    cells = []
    for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
        space = " " * (width - _width(cell))
        cells.append(cell + space if index < _NAME_COLUMNS else space + cell)
    return "  ".join(cells).rstrip()


def _width(text: str) -> int:
    """The width of text in a terminal, in columns."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "±": "$\\pm$",
    "−": "$-$",
    "–": "--",
}


#: A minus before a number, which LaTeX sets as a hyphen outside mathematics; hyphens within names stay.
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")


def _latex_row(cells: Sequence[str]) -> str:
    with_minus = (_MINUS.sub("−", cell) for cell in cells)
    return " & ".join("".join(_LATEX.get(c, c) for c in cell) for cell in with_minus) + " \\\\"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")

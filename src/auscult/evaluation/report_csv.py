"""The cells of a table of results as CSV: numbers in percent, a column for each statistic."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev

from auscult.evaluation.report_table import DIFFERENCE, HARMONIC_MEAN, Cell
from auscult.evaluation.results_table import COUNTS, OVERALL

_NAMES = ("machine", "metric", "system")
_VALUES = ("seeds", "mean", "standard_deviation")
_DIFFERENCES = (DIFFERENCE, f"{DIFFERENCE}_low", f"{DIFFERENCE}_high")

#: Column to text or number; `None` if the number is not known.
Row = dict[str, "str | float | None"]


def cells_csv(
    cells: Iterable[Cell], counts: Mapping[str, Mapping[str, int | None]], *, transpose: bool = False
) -> str:
    """Return a CSV table with a row for each cell.

    Args:
        cells: from `report_cells`.
        counts: machine to the numbers in the columns `COUNTS`, as of `counts_by_machine`.
        transpose: a row for each system, with columns such as ``fan AUC-s mean`` and ``fan difference``.
    """
    shown = [cell for cell in cells if cell.values]
    machines = dict.fromkeys(cell.machine for cell in shown if cell.machine != OVERALL)
    of_machines = [counts.get(machine, {}) for machine in machines]
    all_counts = {**counts, OVERALL: {column: _sum(of_machines, column) for column in COUNTS}}
    rows = [_row(cell, all_counts.get(cell.machine, {})) for cell in shown]
    if transpose:
        rows = _a_row_for_each_system(rows)
    out = io.StringIO()
    header = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.DictWriter(out, header, lineterminator="\n")  # None and missing columns are empty
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _sum(counts: Sequence[Mapping[str, int | None]], column: str) -> int | None:
    """The sum over machines; ``None`` if a number is not known."""
    numbers = [number for of_machine in counts if (number := of_machine.get(column)) is not None]
    return sum(numbers) if len(numbers) == len(counts) else None


def _row(cell: Cell, counts: Mapping[str, int | None]) -> Row:
    d = cell.difference
    compared = (None, None, None) if d is None else (d.value, d.low, d.high)
    deviation = 100 * stdev(cell.values) if len(cell.values) > 1 else None
    return {
        **dict(zip(_NAMES, (cell.machine, cell.metric, cell.system), strict=True)),
        **dict(zip(_VALUES, (len(cell.values), 100 * fmean(cell.values), deviation), strict=True)),
        **{c: None if v is None else 100 * v for c, v in zip(_DIFFERENCES, compared, strict=True)},
        **{column: counts.get(column) for column in COUNTS},
    }


def _a_row_for_each_system(rows: Iterable[Row]) -> list[Row]:
    """All rows of a system in one, with the machine and, for values, the metric in front of the columns."""
    by_system: dict[str, Row] = {}
    for row in rows:
        machine, metric, system = (str(row[name]) for name in _NAMES)
        of_system = by_system.setdefault(system, {"system": system})
        of_system |= {f"{machine} {metric} {column}": row[column] for column in _VALUES}
        if metric == HARMONIC_MEAN:  # the last one of a machine, and the one that differences are of
            of_system |= {f"{machine} {column}": row[column] for column in (*_DIFFERENCES, *COUNTS)}
    return list(by_system.values())

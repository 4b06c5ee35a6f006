"""Results as in papers of the challenge: machines and metrics down, systems across.

The table of the GammaVAE report has this form: for each machine AUC-source, AUC-target and pAUC, and a
column for each system. Here, rows with the harmonic mean and, if there is a baseline, with the difference
from it follow for each machine and for all machines together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from auscult.evaluation.intervals import Estimate
from auscult.evaluation.metrics import harmonic_mean
from auscult.evaluation.results import Result
from auscult.evaluation.results_table import COLUMNS_NOTE, METRICS, OVERALL
from auscult.evaluation.table import NONE, Table

HARMONIC_MEAN = "harmonic mean"
DIFFERENCE = "difference"


@dataclass(frozen=True)
class Cell:
    """One metric of one system on one machine, or on all machines together.

    Attributes:
        machine: name of the machine, with its section if it has several; `OVERALL` for all machines.
        metric: ``AUC-s``, ``AUC-t``, ``pAUC`` or ``harmonic mean``.
        system: ``detector:score``.
        values: a fraction for each seed.
        difference: difference of the harmonic mean from the baseline; ``None`` for other metrics, for the
            baseline itself, and without a baseline.
    """

    machine: str
    metric: str
    system: str
    values: tuple[float, ...]
    difference: Estimate | None = None


def report_cells(
    results: Sequence[Result], differences: Mapping[tuple[str | None, str], Estimate] | None = None
) -> list[Cell]:
    """Return the cells of the table, machine by machine, those of all machines last.

    Args:
        results: of all systems. Within a seed, values over sections or machines are harmonic means; a seed
            that lacks one of the machines does not count for all machines.
        differences: (machine, or ``None`` for all machines; system) to the difference from the baseline.
    """
    systems = list(dict.fromkeys(result.column for result in results))
    machines = list(dict.fromkeys(result.machine for result in results))
    by_machine: dict[tuple[str, str, int], list[Result]] = {}
    for result in results:
        by_machine.setdefault((result.machine, result.column, result.seed), []).append(result)
    fields = {title: [field] for field, title in METRICS} | {HARMONIC_MEAN: [field for field, _ in METRICS]}
    groups = [(machine, [machine]) for machine in machines]
    if len(machines) > 1:
        groups.append((OVERALL, machines))
    cells = []
    for name, group in groups:
        for metric, columns in fields.items():
            for system in systems:
                values = _seed_values(by_machine, group, system, columns)
                key = (None if name == OVERALL else name, system)
                difference = (differences or {}).get(key) if metric == HARMONIC_MEAN else None
                cells.append(Cell(name, metric, system, values, difference))
    return cells


def report_table(
    cells: Sequence[Cell],
    baseline: str | None = None,
    notes: Iterable[str] = (),
    *,
    transpose: bool = False,
) -> Table:
    """Arrange cells as a table of text, in percent.

    Args:
        cells: from `report_cells`.
        baseline: the system that the differences refer to.
        notes: to be added below the table.
        transpose: systems down, machines and metrics across.
    """
    systems = list(dict.fromkeys(cell.system for cell in cells))
    by_row: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in cells:
        by_row.setdefault((cell.machine, cell.metric), {})[cell.system] = cell
    rows = []
    for (machine, metric), row in by_row.items():
        if any(cell.values for cell in row.values()):
            rows.append((machine, metric, *(_percent(row[system].values) for system in systems)))
        if any(cell.difference for cell in row.values()):
            texts = (_difference_text(row[system].difference) for system in systems)
            rows.append((machine, DIFFERENCE, *texts))
    seeds = sorted({len(cell.values) for cell in cells if cell.values})
    count = (
        "one seed" if seeds == [1] else f"mean ± standard deviation over {' or '.join(map(str, seeds))} seeds"
    )
    described = [f"In percent, {count}.", COLUMNS_NOTE]
    if baseline:
        described.append(
            f"Difference: harmonic mean minus that of {baseline}, in percentage points, with a 95 % interval."
        )
    described += notes
    if not transpose:
        return Table(("machine", "metric", *systems), tuple(rows), tuple(described))
    groups = Counter(machine for machine, *_ in rows)
    header = ("system", *(metric for _, metric, *_ in rows))
    of_systems = tuple((system, *(row[i] for row in rows)) for i, system in enumerate(systems, start=2))
    return Table(header, of_systems, tuple(described), 1, tuple(groups.items()))


def _seed_values(
    by_machine: Mapping[tuple[str, str, int], Sequence[Result]],
    machines: Sequence[str],
    system: str,
    fields: Sequence[str],
) -> tuple[float, ...]:
    """The harmonic mean over fields, machines and their sections, for each seed that has all machines."""
    seeds = sorted({seed for _, column, seed in by_machine if column == system})
    values = []
    for seed in seeds:
        if all((machine, system, seed) in by_machine for machine in machines):
            rows = [row for machine in machines for row in by_machine[machine, system, seed]]
            terms = [term for row in rows for f in fields if (term := getattr(row, f)) is not None]
            if terms:
                values.append(harmonic_mean(terms))
    return tuple(values)


def _percent(values: Sequence[float]) -> str:
    if not values:
        return NONE
    mean = f"{100 * fmean(values):.2f}"
    return f"{mean} ± {100 * stdev(values):.2f}" if len(values) > 1 else mean


def _difference_text(difference: Estimate | None) -> str:
    if difference is None:
        return NONE
    value = f"{100 * difference.value:+.1f}"
    if difference.low is None or difference.high is None:
        return value
    return f"{value} [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"

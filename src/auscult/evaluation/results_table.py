"""Tables of benchmark results in percent, with the columns that papers of the field report.

Systems are rows, so that any number of them fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import fmean, stdev

from auscult.evaluation.metrics import harmonic_mean
from auscult.evaluation.protocol import DOMAIN_AUC
from auscult.evaluation.results import Result
from auscult.evaluation.table import NONE, Table

METRICS = (("auc_source", "AUC-s"), ("auc_target", "AUC-t"), ("pauc", "pAUC"))
#: Rates at the threshold of a model, which are not metrics of a ranking of clips.
RATES = (("recall", "recall"), ("false_alarm_rate", "FPR"))

#: Columns with the number of test recordings that are independent, and of their clips.
COUNTS = ("normal_recordings", "anomaly_recordings", "normal_clips", "anomaly_clips")

#: Explains the columns.
COLUMNS_NOTE = (
    f"AUC-s/AUC-t: ROC AUC of the {DOMAIN_AUC.replace('the domain', 'the source/target domain')} (target: "
    "conditions rare in training; 50 is chance). pAUC: partial AUC of all clips up to a false-positive rate "
    "of 10 %. Harmonic mean: of these three."
)

#: The name in the machine column for means over all machines.
OVERALL = "all machines"

#: The method of the threshold of a calibrated model, and the mark of rates at another one.
_CALIBRATED, _NOT_CALIBRATED = "conformal", "†"


def results_table(results: Sequence[Result]) -> Table:
    """AUC-source, AUC-target, pAUC and their harmonic mean for each machine and system, and over machines.

    There is a row for each machine and ``detector:score``, in order of appearance. If there are several
    machines, a row for each system with the harmonic means over machines follows. For several seeds,
    harmonic means are computed within each seed, and a cell holds their mean ± standard deviation (n − 1)
    over seeds. A seed without results for one of the machines has no mean over machines, since means over
    different machines cannot be compared; a note says so. Machines without domains have no AUC-target and
    contribute only the metrics that they have.

    If a system has a threshold, recall and false-alarm rate (FPR) follow, arithmetic means over seeds and
    machines.
    """
    systems = list(dict.fromkeys(result.column for result in results))
    several_sections = len({(r.machine, r.section) for r in results}) > len({r.machine for r in results})

    def row_name(result: Result) -> str:
        return f"{result.machine} {result.section}".strip() if several_sections else result.machine

    machines = list(dict.fromkeys(row_name(result) for result in results))
    by_key = {(row_name(result), result.column, result.seed): result for result in results}
    seeds = {s: sorted({seed for _, system, seed in by_key if system == s}) for s in systems}
    columns = [[field] for field, _ in METRICS] + [[field for field, _ in METRICS]]
    rates = RATES if any(result.threshold_method for result in results) else ()
    groups = [(machine, [machine]) for machine in machines]
    if len(machines) > 1:
        groups.append((OVERALL, machines))
    rows = [
        (
            name,
            system,
            *(_cell(_values(by_key, group, system, seeds[system], fields)) for fields in columns),
            *(_rate_cell(by_key, group, system, seeds[system], field) for field, _ in rates),
        )
        for name, group in groups
        for system in systems
    ]
    rows = [row for row in rows if row[0] == OVERALL or any(cell != NONE for cell in row[2:])]
    header = ("machine", "system", *(title for _, title in METRICS), "harmonic mean", *(t for _, t in rates))
    notes = [*_notes(by_key, machines, seeds), *_rate_notes(results if rates else ())]
    if recordings := recordings_note(results, row_name):
        notes.append(recordings)
    return Table(header, tuple(rows), tuple(notes))


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


def _rate_cell(
    by_key: dict[tuple[str, str, int], Result], machines: list[str], system: str, seeds: list[int], field: str
) -> str:
    """The mean of a rate over machines, and over the seeds with results for all of them."""
    complete = [seed for seed in seeds if all((machine, system, seed) in by_key for machine in machines)]
    results = [by_key[machine, system, seed] for machine in machines for seed in complete]
    values = [getattr(result, field) for result in results]
    if not values or None in values:
        return NONE
    mark = "" if all(result.threshold_method == _CALIBRATED for result in results) else _NOT_CALIBRATED
    return f"{100 * fmean(values):.1f}{mark}"


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
    for system, system_seeds in seeds.items():
        for seed in system_seeds:
            missing = [machine for machine in machines if (machine, system, seed) not in by_key]
            if missing:
                notes.append(
                    f"{system}, seed {seed}: no result for {', '.join(missing)}, so this seed is left out of "
                    "the harmonic means."
                )
    return notes


def _rate_notes(results: Sequence[Result]) -> Iterator[str]:
    """What recall and FPR are, and at which threshold."""
    if not results:
        return
    methods = {result.threshold_method for result in results} - {""}
    rate = " for 5 % false alarms" if _CALIBRATED in methods else ""
    yield (
        "Recall: detected anomalies; FPR: false alarms, of the normal clips; both at the threshold of the "
        f"model{rate}."
    )
    if methods - {_CALIBRATED}:
        yield (
            f"{_NOT_CALIBRATED} Networks are not calibrated in a benchmark: at the threshold of the DCASE "
            "baseline for 10 % false alarms, from a gamma distribution of the scores of training clips."
        )
    if any(not result.threshold_method for result in results):
        yield f"{NONE}: no threshold, or too few calibration recordings for this rate."


def recordings_note(results: Iterable[Result], name: Callable[[Result], str]) -> str | None:
    """The number of independent test recordings of each machine, and of their clips, where it is known.

    Args:
        results: of the machines.
        name: as of `counts_by_machine`.
    """
    described = []
    for machine, counts in counts_by_machine(results, name).items():
        clips = (counts["normal_clips"], counts["anomaly_clips"])
        of_clips = "" if None in clips else f" ({clips[0]} / {clips[1]} clips)"
        described.append(
            f"{machine} {counts['normal_recordings']} / {counts['anomaly_recordings']}{of_clips}"
        )
    if not described:
        return None
    return f"Independent test recordings, normal / anomalous: {', '.join(described)}."


def counts_by_machine(
    results: Iterable[Result], name: Callable[[Result], str]
) -> dict[str, dict[str, int | None]]:
    """The numbers in the columns `COUNTS` for each machine for which that of recordings is known.

    Args:
        results: of the machines.
        name: the name of the machine of a result; sections with the same name are added.
    """
    sections: dict[str, dict[tuple[str, str], Result]] = {}
    for result in results:
        if result.normal_recordings is not None:
            sections.setdefault(name(result), {})[result.machine, result.section] = result
    return {
        machine: {
            column: None
            if None in (numbers := [getattr(result, column) for result in of_section.values()])
            else sum(numbers)
            for column in COUNTS
        }
        for machine, of_section in sections.items()
    }

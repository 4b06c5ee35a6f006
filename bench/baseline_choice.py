"""The choice of the slow baseline on the development machines: how far, how fast, and whether during alarms.

    python -m bench.baseline_choice [--weeks results/alarms] [--drift results/drift] [--jobs 2] [--print]

False alarms and detected faults are those of the development units of `bench.machine_weeks` whose scores are
complete; growing faults those of the development units of `bench.drift`. Nothing is rendered here but growing
faults that are missing. Writes its tables to docs/explanation/slow-drift.md.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from auscult.decision.alarms import (
    AlarmBudget,
    AlarmPolicy,
    AlarmRule,
    BaselineTracker,
    SlowBaseline,
    calibrate_alarms,
)
from auscult.decision.alarms.followed import find_followed
from auscult.decision.alarms.policy import HYSTERESIS
from auscult.decision.alarms.timing import USUAL
from auscult.runtime.parallel import parallel_map, workers
from bench.alarm_rules import Outcome, UnitRunning
from bench.alarm_tables import detected, rate
from bench.drift import DriftUnit, monitored
from bench.drift import development_units as growing_units
from bench.growing_faults import GROWTHS
from bench.machine_course import Unit
from bench.machine_scores import PERIOD, UnitScores
from bench.machine_weeks import development_units
from bench.markdown import table, this_machine, write_section

PAGE = "explanation/slow-drift.md"
BUDGETS = ("1/week", "1/day")
#: Sudden rises in distances of the threshold from the reference, and hours that they last.
RISES, _LASTS = (1.1, 2, 3), 120
#: Hours from the beginning of a growing fault to the first alarm, and to the first alarm or drift.
Delays = tuple[float | None, float | None]


@dataclass(frozen=True)
class Candidate:
    """A baseline to compare.

    Attributes:
        hours: time constant.
        limit: largest shift in distances of the threshold from the reference; ``None`` for any.
        reach: how far a median counts, in the same distances; ``None`` if scores during alarms do not.
        spreads: largest shift in spreads of the calibration scores instead.
    """

    hours: int
    limit: float | None = None
    reach: float | None = None
    spreads: float | None = None

    def policy(self, calibrated: AlarmPolicy) -> AlarmPolicy:
        """Return a policy with this baseline; it must be calibrated with the same time constant."""
        baseline = calibrated.baseline
        assert baseline is not None
        distance = calibrated.rule.threshold - baseline.reference
        limit = None if self.limit is None else self.limit * distance
        if self.spreads is not None:
            limit = self.spreads * baseline.spread
        reach = None if self.reach is None else self.reach * distance
        settings: SlowBaseline = replace(baseline, limit=limit, reach=reach)
        return replace(calibrated, baseline=settings)

    @property
    def cells(self) -> list[str]:
        """For tables."""
        limit = "any" if self.limit is None else f"{self.limit:g}"
        if self.spreads is not None:
            limit = f"{self.spreads:g} spreads"
        return [f"{self.hours} h", limit, "no" if self.reach is None else f"{self.reach:g}"]


#: The first one is the rule of before.
CANDIDATES = (
    Candidate(6, spreads=5),
    *(Candidate(6, limit=limit) for limit in (1, 2, 3)),
    Candidate(6, limit=3, reach=0.5),
    *(Candidate(hours, reach=reach) for hours in (3, 6, 12) for reach in (None, 0.25, 0.5, 1.0)),
)
#: What calibration does.
CHOSEN = Candidate(3, reach=0.5)


def weeks_of(unit: Unit, folder: Path) -> dict[tuple[str, int], Outcome]:
    """Return what each candidate, by budget and number, does on a unit."""
    scores = UnitScores(unit, folder)
    running, calibration = UnitRunning(scores), scores.calibration()
    outcomes = {}
    for budget in BUDGETS:
        for number, candidate in enumerate(CANDIDATES):
            policy = candidate.policy(_calibrated(calibration, budget, candidate.hours))
            outcomes[budget, number] = running.apply(policy.rule, policy.baseline)
    return outcomes


def growing_of(unit: Unit, folder: Path) -> dict[tuple[int, str], Delays]:
    """Return when each candidate, by number and growth, notices a fault that grows, for one alarm a week."""
    of_unit = DriftUnit(unit, folder)
    calibration = of_unit.scores.calibration()
    delays: dict[tuple[int, str], Delays] = {}
    for number, candidate in enumerate(CANDIDATES):
        policy = candidate.policy(_calibrated(calibration, BUDGETS[0], candidate.hours))
        for fault in of_unit.faults:
            alarm, drift = monitored(policy, of_unit.with_fault(fault)).after(fault.start)
            known = [time for time in (alarm, drift) if time is not None]
            delays[number, fault.growth.name] = alarm, min(known, default=None)
    return delays


def _calibrated(calibration: Sequence, budget: str, hours: int) -> AlarmPolicy:
    return calibrate_alarms(calibration, AlarmBudget.parse(budget), PERIOD, time_constant=3600.0 * hours)


def weeks_table(units: Sequence[dict[tuple[str, int], Outcome]], budget: str) -> str:
    """Return false alarms and detected faults of the candidates for a budget."""
    rows = []
    for number, candidate in enumerate(CANDIDATES):
        outcomes = [unit[budget, number] for unit in units]
        changing = [outcome for outcome in outcomes if outcome.drift != "steady"]
        rows.append(
            [
                *candidate.cells,
                f"{rate(outcomes):.2f}",
                f"{rate(changing):.2f}" if changing else "–",
                f"{_part(outcomes, 'alarm_seconds'):.1f}",
                f"{_part(changing, 'alarm_seconds'):.1f}" if changing else "–",
                *(_faults(outcomes, severity) for severity in ("high", "medium", "low")),
                f"{_part(outcomes, 'drift_seconds'):.0f}",
            ]
        )
    header = ["time constant", "limit", "follows alarms", "false alarms a week", "machines that change"]
    header += ["time in them, %", "machines that change, %"]
    header += [f"{severity}: detected (hidden), %" for severity in ("high", "medium", "low")]
    return table([*header, "time with drift reported, %"], rows)


def hours_in_alarm(candidate: Candidate, rise: float) -> float | None:
    """Return the hours that a sudden, lasting rise is an alarm, or ``None`` if for as long as it lasts.

    Args:
        candidate: the baseline, with a limit in distances or none.
        rise: in distances of the threshold from the reference.
    """
    k, n = (round(seconds / PERIOD) for seconds in (USUAL.above, USUAL.among))
    rule = AlarmRule(1.0, 1.0 - HYSTERESIS, k, n, USUAL.cool_down)
    baseline = SlowBaseline(0.0, 0.0, candidate.limit, 3600.0 * candidate.hours, reach=candidate.reach)
    scores = np.full(round(_LASTS * 3600 / PERIOD), rise)
    (alarm,) = find_followed(scores, PERIOD, rule, BaselineTracker(baseline, PERIOD))
    hours = (alarm.end - alarm.start) / 3600
    return hours if hours < _LASTS - 1 else None


def growing_table(units: Sequence[dict[tuple[int, str], Delays]]) -> str:
    """Return when faults that grow are noticed, and how long sudden ones that last are an alarm."""
    rows = []
    for number, candidate in enumerate(CANDIDATES):
        cells = []
        for growth in GROWTHS:
            delays = [unit[number, growth.name] for unit in units]
            cells += [_times([delay[which] for delay in delays]) for which in (0, 1)]
        hours = [hours_in_alarm(candidate, rise) for rise in RISES]
        cells += ["no end" if value is None else f"{value:.1f} h" for value in hours]
        rows.append([*candidate.cells, *cells])
    header = ["time constant", "limit", "follows alarms"]
    for growth in GROWTHS:
        header += [f"grows in {growth.name}: alarm", "alarm or drift"]
    return table([*header, *(f"sudden rise of {rise:g}: in alarm" for rise in RISES)], rows)


def _part(outcomes: Sequence[Outcome], name: str) -> float:
    seconds = sum(outcome.seconds for outcome in outcomes)
    return 100 * sum(getattr(outcome, name) for outcome in outcomes) / seconds


def _faults(outcomes: Sequence[Outcome], severity: str) -> str:
    (count, total), (hidden, _) = (detected(outcomes, severity, how) for how in ("detected", "hidden"))
    return f"{100 * count / total:.0f} ({100 * hidden / total:.0f})"


def _times(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{len(known)} of {len(values)}" + (f", {np.median(known):.0f} h" if known else "")


def main() -> None:
    """Compare the candidates and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weeks", default="results/alarms", help="folder of bench.machine_weeks")
    parser.add_argument("--drift", default="results/drift", help="folder of bench.drift")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    folder = Path(args.weeks)
    units = [unit for unit in development_units() if UnitScores(unit, folder).is_complete]
    weeks, growing = [], []
    with workers(jobs=args.jobs):
        for of_weeks in parallel_map(partial(weeks_of, folder=folder), units):
            weeks.append(of_weeks)
            print(f"weeks: {len(weeks)} of {len(units)} units", flush=True)
        for of_growing in parallel_map(partial(growing_of, folder=Path(args.drift)), growing_units()):
            growing.append(of_growing)
            print(f"growing faults: {len(growing)} units", flush=True)
    drifts = [unit.drift for unit in units]
    counts = ", ".join(f"{drifts.count(drift)} {drift}" for drift in dict.fromkeys(drifts))
    outcomes = [unit[BUDGETS[0], 0] for unit in weeks]
    note = (
        f"Simulated: {len(units)} development machines ({counts}) for 17 days, "
        f"{sum(outcome.weeks for outcome in outcomes):.1f} weeks of running, "
        f"{sum(len(outcome.faults) for outcome in outcomes)} faults of two hours; {len(growing)} machines "
        f"with growing faults. Computed on {this_machine()}."
    )
    texts = {f"weeks {budget}": weeks_table(weeks, budget) for budget in BUDGETS}
    texts["growing faults"] = f"{growing_table(growing)}\n\n{note}"
    for name, text in texts.items():
        print(f"{name}\n\n{text}\n")
        if not args.only_print:
            write_section(PAGE, f"bench.baseline_choice {name}", text)


if __name__ == "__main__":
    from bench.baseline_choice import main as run  # so that other processes import what they get

    run()

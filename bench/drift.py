"""Slow drift of simulated machines: alarms with and without a slow baseline, and faults that grow slowly.

    python -m bench.drift -o results/drift [--set development|test] [--jobs 1]

Every unit runs in for a week after its model was fitted and calibrated. Three questions:

- False alarms of the week without a fault, and hours in them, with each policy; from the minutes of normal
  running alone, and with the sounds nearby that `bench.machine_weeks` adds.
- When faults that grow over hours and days are alarms, and when they are reported as drift.
- How often the score of a unit is said to have a trend.

All of it is simulated. Scores are stored in the folder; what is there is not computed again.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from auscult.decision.alarms import (
    AlarmBudget,
    AlarmPolicy,
    BaselineTracker,
    Session,
    calibrate_alarms,
)
from auscult.decision.alarms.episodes import find_episodes, persistent_scores
from auscult.decision.alarms.followed import find_followed
from auscult.monitor.trend import SlowChange, find_change
from auscult.monitor.trend.words import span
from auscult.runtime.parallel import parallel_map, workers
from auscult.simulation.folder import MACHINE_TYPES
from bench.growing_faults import FROM, GROWTHS, TO, GrowingFault
from bench.machine_course import DRIFTS, WEEK, Unit
from bench.machine_scores import PER_HOUR, PERIOD, UnitScores
from bench.machine_weeks import evaluation_units as machine_weeks
from bench.markdown import table, write_section

BUDGET = AlarmBudget(1, "week")
#: Time constants of the baseline in hours; ``None`` is no baseline.
CONSTANTS = (None, 3, 6, 12, 24)
#: The one that was chosen, in a table of other units.
CHOSEN = (None, 3)
#: Hours after the learning hours at which a fault begins to grow.
FAULT_AFTER = 24


def development_units() -> list[Unit]:
    """Units by which the constants were chosen: each machine type, with all kinds of drift."""
    return [Unit(name, 100, DRIFTS[index % len(DRIFTS)], WEEK) for index, name in enumerate(MACHINE_TYPES)]


def evaluation_units() -> list[Unit]:
    """Other units: each machine type, running in."""
    return [Unit(name, 300, "running-in", WEEK) for name in MACHINE_TYPES]


SETS = {"development": development_units, "test": evaluation_units}


@dataclass(frozen=True)
class Week:
    """What happened in a time; spans are (start, end) in hours since the unit was installed.

    Attributes:
        alarms: spans of alarms.
        drifts: spans of reported drift.
    """

    alarms: list[tuple[float, float]]
    drifts: list[tuple[float, float]]

    def after(self, start: float) -> tuple[float | None, float | None]:
        """Return the hours from a time to the first alarm that starts after it, and to the first drift.

        The drift is at 0 if one lasts at that time.
        """
        alarm = next((first - start for first, _ in self.alarms if first >= start), None)
        drift = next((max(first - start, 0.0) for first, end in self.drifts if end > start), None)
        return alarm, drift


def hours_in(spans: Sequence[tuple[float, float]]) -> float:
    """Return the length of all spans."""
    return sum(end - start for start, end in spans)


def monitored(policy: AlarmPolicy, hours: Iterable[tuple[int, np.ndarray]]) -> Week:
    """Apply a policy as the monitor does, except that an alarm ends when the machine stops.

    Args:
        policy: the policy.
        hours: number of each successive hour, and the (PER_HOUR,) scores with NaN where they do not count.
    """
    numbers, parts = zip(*hours, strict=True)
    baseline = BaselineTracker(policy.baseline, PERIOD) if policy.baseline else None
    alarms: list[tuple[float, float]] = []
    changes: list[tuple[float, bool]] = []
    for first, scores in _stretches(np.concatenate(parts)):
        start = numbers[0] + first / PER_HOUR

        def note(count: int, start: float = start) -> None:
            assert baseline is not None
            changes.append((start + count / PER_HOUR, baseline.drift is not None))

        if baseline:
            episodes = find_followed(scores, PERIOD, policy.rule, baseline, note)
        else:
            persistent = persistent_scores(scores, policy.rule.k, policy.rule.n)
            episodes = find_episodes(persistent, PERIOD, policy.rule)
        alarms += [(start + e.start / 3600, start + e.end / 3600) for e in episodes]
    return Week(alarms, _spans(changes, numbers[-1] + 1.0))


def _spans(changes: Sequence[tuple[float, bool]], end: float) -> list[tuple[float, float]]:
    """Return the spans in which the last of (time, value) is true."""
    spans, since = [], None
    for time, drifts in changes:
        if drifts and since is None:
            since = time
        elif not drifts and since is not None:
            spans.append((since, time))
            since = None
    return spans if since is None else [*spans, (since, end)]


def _stretches(scores: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the index of the first score, and the scores, of each part without NaN."""
    counts = np.flatnonzero(~np.isnan(scores))
    for group in np.split(counts, np.flatnonzero(np.diff(counts) > 1) + 1):
        if len(group):
            yield int(group[0]), scores[group[0] : group[-1] + 1].astype(np.float64)


class DriftUnit:
    """A unit with what is asked of it.

    Args:
        unit: the unit.
        folder: for the scores.
    """

    def __init__(self, unit: Unit, folder: Path) -> None:
        self.unit = unit
        self.scores = UnitScores(unit, folder)
        start = unit.learning + FAULT_AFTER
        self.faults = [GrowingFault(self.scores, growth, start, folder) for growth in GROWTHS]

    def policies(self, *, nearby: bool) -> dict[int | None, AlarmPolicy]:
        """Return the policy for each of `CONSTANTS`, from all hours of calibration.

        Args:
            nearby: whether there are sounds nearby.
        """
        hours = self.scores.calibration_hours
        scores = [self.scores.hour(hour, nearby=nearby) for hour in range(hours[0], self.unit.learning)]
        sessions = [Session(part) for _, part in _stretches(np.concatenate(scores))]
        return {
            constant: calibrate_alarms(
                sessions, BUDGET, PERIOD, time_constant=None if constant is None else constant * 3600.0
            )
            for constant in CONSTANTS
        }

    def normal(self, *, nearby: bool) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the hours of the week."""
        for hour in range(self.unit.learning, self.unit.hours):
            yield hour, self.scores.hour(hour, nearby=nearby)

    def with_fault(self, fault: GrowingFault) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the hours until the fault has grown."""
        for hour in range(self.unit.learning, fault.end):
            faulty = hour >= fault.start
            yield hour, fault.hour(hour) if faulty else self.scores.hour(hour, nearby=False)


def hour_medians(part: dict[str, np.ndarray]) -> np.ndarray:
    """Return (hours,) medians of the score in a week; NaN while the machine is off."""
    return np.array([np.nan if np.isnan(row).all() else np.nanmedian(row) for row in part["base"]])


@dataclass(frozen=True)
class Outcome:
    """What a unit showed.

    Attributes:
        unit: the unit.
        normal: for each constant, and with sounds nearby or without, the week without a fault.
        faults: likewise, with sounds nearby in the calibration or without, and for each growth: hours from
            the start of the fault to the first alarm, and to the first report of drift; ``None`` if there
            was none, and 0 for one that lasted already.
        kind: kind of the fault.
        trend: what is said of the score at the end of the week.
        spread: of the scores at calibration.
        rise: from calibration to the last day, in spreads.
    """

    unit: Unit
    normal: dict[tuple[int | None, bool], Week]
    faults: dict[tuple[int | None, bool, str], tuple[float | None, float | None]]
    kind: str
    trend: SlowChange | None
    spread: float
    rise: float


def outcome(unit: Unit, folder: Path, constants: Sequence[int | None]) -> Outcome:
    """Evaluate a unit."""
    of_unit = DriftUnit(unit, folder)
    normal, faults = {}, {}
    for nearby in (True, False):
        policies = of_unit.policies(nearby=nearby)
        for constant in CHOSEN if nearby else constants:
            normal[constant, nearby] = monitored(policies[constant], of_unit.normal(nearby=nearby))
            for fault in of_unit.faults:
                week = monitored(policies[constant], of_unit.with_fault(fault))
                faults[constant, nearby, fault.growth.name] = week.after(fault.start)
    baseline = policies[CHOSEN[1]].baseline
    assert baseline is not None
    medians = hour_medians(of_unit.scores.part(1))
    hours = 3600.0 * np.arange(len(medians))
    last = float(np.nanmedian(medians[-24:])) - baseline.reference
    return Outcome(
        unit,
        normal,
        faults,
        of_unit.faults[0].name,
        find_change(hours, medians, baseline.spread),
        baseline.spread,
        last / baseline.spread,
    )


def normal_table(outcomes: Sequence[Outcome], constants: Sequence[int | None]) -> str:
    """Return false alarms and alarm hours of the weeks without a fault."""
    rows = []
    for nearby in (False, True):
        for constant in CHOSEN if nearby else constants:
            weeks = [outcome.normal[constant, nearby] for outcome in outcomes]
            counts = np.array([len(week.alarms) for week in weeks])
            hours = np.array([hours_in(week.alarms) for week in weeks])
            rows.append(
                [
                    _policy_name(constant),
                    "yes" if nearby else "no",
                    f"{counts.mean():.1f}",
                    f"{counts.max()}",
                    f"{int((counts <= 1).sum())} of {len(counts)}",
                    f"{hours.mean():.1f} h",
                    "–" if constant is None else f"{sum(bool(week.drifts) for week in weeks)}",
                ]
            )
    header = ["baseline", "sounds nearby", "false alarms a week", "most"]
    return table([*header, "within the budget", "time in alarm a week", "units with reported drift"], rows)


def fault_table(outcomes: Sequence[Outcome], constants: Sequence[int | None]) -> str:
    """Return when growing faults are alarms and drift."""
    rows = []
    for nearby in (False, True):
        for growth in GROWTHS:
            for constant in CHOSEN if nearby else constants:
                delays = [outcome.faults[constant, nearby, growth.name] for outcome in outcomes]
                alarms = [alarm for alarm, _ in delays if alarm is not None]
                first = [min(times) for delay in delays if (times := [t for t in delay if t is not None])]
                level = [FROM + (TO - FROM) * min(alarm / growth.hours, 1.0) for alarm in alarms]
                rows.append(
                    [
                        growth.name,
                        "yes" if nearby else "no",
                        _policy_name(constant),
                        f"{len(alarms)} of {len(delays)}",
                        f"{np.median(alarms):.1f} h" if alarms else "–",
                        f"{np.median(level):+.0f} dB" if alarms else "–",
                        f"{len(first)} of {len(delays)}",
                        f"{np.median(first):.1f} h" if first else "–",
                    ]
                )
    header = ["fault grows in", "sounds nearby", "baseline", "alarm", "median after", "level of the fault"]
    return table([*header, "alarm or drift", "median after"], rows)


def unit_table(outcomes: Sequence[Outcome]) -> str:
    """Return what happened to each unit in the week without a fault and without sounds nearby."""
    rows = []
    for outcome in outcomes:
        without, followed = (outcome.normal[constant, False] for constant in CHOSEN)
        drift = followed.drifts[0][0] - outcome.unit.learning if followed.drifts else None
        trend = outcome.trend
        rows.append(
            [
                f"{outcome.unit.kind}, {outcome.unit.drift}",
                f"{outcome.rise:+.1f}",
                f"{len(without.alarms)} ({hours_in(without.alarms):.0f} h)",
                f"{len(followed.alarms)} ({hours_in(followed.alarms):.0f} h)",
                "–" if drift is None else f"{drift:.0f} h",
                "–" if trend is None else f"{trend.amount:+.2g} in {span(trend.end - trend.start)}",
            ]
        )
    header = ["unit", "level on the last day, in calibration spreads", "alarms without a baseline"]
    return table([*header, "with it", "drift reported after", "trend"], rows)


def _policy_name(constant: int | None) -> str:
    return "none" if constant is None else f"{constant} h"


def steady_weeks(folder: Path) -> str:
    """Return how often steady units of `bench.machine_weeks`, as far as stored, are said to drift."""
    weeks = reports = trends = units = 0
    hours = 0.0
    for unit in machine_weeks():
        if unit.drift != "steady" or not _is_stored(unit, folder):
            continue
        scores = UnitScores(unit, folder)
        policy = calibrate_alarms(scores.calibration(), BUDGET, PERIOD)
        assert policy.baseline is not None
        week = monitored(policy, ((hour, scores.hour(hour)) for hour in range(unit.learning, unit.hours)))
        medians = np.concatenate(
            [hour_medians(scores.part(1 + number)) for number in range(len(unit.week_starts))]
        )
        time = 3600.0 * np.arange(len(medians))
        for end in range(WEEK, len(medians) + 1, WEEK):
            trends += find_change(time[:end], medians[:end], policy.baseline.spread) is not None
        units += 1
        weeks += len(unit.week_starts)
        reports += len(week.drifts)
        hours += hours_in(week.drifts)
    if not units:
        return ""
    return (
        f"{units} steady units in {weeks} weeks: {reports} reports of drift, which lasted {hours:.0f} h of "
        f"{weeks * WEEK} h; a trend of the score was stated at the end of {trends} of the weeks."
    )


def _is_stored(unit: Unit, folder: Path) -> bool:
    parts = [
        folder / "pooled_gaussian" / unit.name / f"part_{number}.npz"
        for number in range(len(unit.week_starts) + 1)
    ]
    return all(part.exists() for part in parts) and unit.hours == sum(
        len(np.load(part)["base"]) for part in parts
    )


def main() -> None:
    """Evaluate a set of units and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/drift", help="folder for models and scores")
    parser.add_argument("--set", dest="of", choices=SETS, default="test")
    parser.add_argument("--units", type=int, metavar="N", help="only the first N units")
    parser.add_argument("--weeks", default="results/alarms", help="folder of bench.machine_weeks")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    constants = CONSTANTS if args.of == "development" else CHOSEN
    outcomes = []
    with workers(jobs=args.jobs):
        evaluate = partial(outcome, folder=Path(args.output), constants=constants)
        for done in parallel_map(evaluate, SETS[args.of]()[: args.units]):
            outcomes.append(done)
            print(f"{done.unit.name}: done", flush=True)
    parts = [normal_table(outcomes, constants), fault_table(outcomes, constants), unit_table(outcomes)]
    text = "\n\n".join([*parts, steady_weeks(Path(args.weeks))])
    print(text)
    write_section("results/drift.md", f"drift {args.of}", text)


if __name__ == "__main__":
    main()

"""Alarm rules from minutes of normal running: their thresholds, false alarms and detected faults.

    python -m bench.short_calibrations -o results/alarms [--jobs 2] [--complete] [--print]

Machines and scores are those of the development set of `bench.machine_weeks`; rules are chosen on them. Each
calibration is the beginning of one hour, so under one speed or load, at `PLACES` of the hours of calibration.
The rule is applied to the 17 days after it, as in `bench.alarms`. Rules that are compared:

- ``as for days``: peaks of separate excursions only, and the shape of the tail as estimated from them,
  however few they are. It is refused if there are fewer than five.
- ``rule``: the rule of `auscult calibrate`.
- the same with twice the distance of the threshold from the median score, or with a longer cool-down.

Writes its table to docs/explanation/alarms.md; with ``--print`` only to the terminal.
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
    Session,
    calibrate_alarms,
    find_episodes,
)
from auscult.decision.alarms.episodes import persistent_scores
from auscult.decision.alarms.policy import HYSTERESIS
from auscult.decision.alarms.slow_baseline import REACH
from auscult.decision.alarms.tail import MIN_PEAKS, SHAPES, PeakTail
from auscult.runtime.parallel import parallel_map, workers
from auscult.simulation.faults import SEVERITIES
from bench.alarm_rules import Outcome, UnitRunning
from bench.alarm_tables import detected_text
from bench.machine_course import Unit
from bench.machine_scores import PERIOD, UnitScores
from bench.machine_weeks import SETS, compute
from bench.markdown import table, this_machine, write_section

PAGE, SECTION = "explanation/alarms.md", "bench.short_calibrations"
BUDGET = AlarmBudget(1, "week")
MINUTES = (7.5, 15.0, 60.0)
#: Parts of the hours of calibration before the hour that is used.
PLACES = (0.125, 0.625)
DETECTOR = "pooled_gaussian"


@dataclass(frozen=True)
class Result:
    """One rule from one calibration.

    Attributes:
        times: how many times as far from the median score its threshold is as the highest normal score.
        outcome: what it did in the days after it.
    """

    times: float
    outcome: Outcome


def as_for_days(policy: AlarmPolicy, scores: np.ndarray) -> float | None:
    """Return the threshold from excursions with the shape as estimated, or ``None`` if there are too few."""
    rule = policy.rule
    persistent = persistent_scores(scores, rule.k, rule.n)[rule.k - 1 :]
    best: list[float] = []
    at = 0.0
    for quantile in (0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5):
        level = float(np.quantile(persistent, quantile))
        excursions = find_episodes(persistent, PERIOD, AlarmRule(level, level, cool_down=rule.n * PERIOD))
        if len(excursions) > len(best):
            best, at = [excursion.peak for excursion in excursions], level
        if len(best) >= 30:
            break
    if len(best) < MIN_PEAKS:
        return None
    tail = PeakTail.fit(best, at, len(persistent) * PERIOD)
    excesses = np.sort(best) - at
    weights = 1 - (np.arange(1, len(best) + 1) - 0.35) / len(best)
    mean, weighted = excesses.mean(), (weights * excesses).mean()
    shape = float(np.clip(2 - mean / max(mean - 2 * weighted, 1e-12), *SHAPES))
    full = replace(tail, shape=shape, scale=float(mean) * (1 - shape))
    return max(full.threshold(BUDGET.per_second), *best)


def evaluate(unit: Unit, folder: Path) -> dict[tuple[float, str], list[Result | None]]:
    """Return for minutes and rule the results on a unit at each place; ``None`` where a rule is refused."""
    scores = UnitScores(unit, folder, DETECTOR)
    running, course = UnitRunning(scores), scores.course
    hours = [int(h) for h in scores.calibration_hours if course.running[h - 1 : h + 2].all()]
    results: dict[tuple[float, str], list[Result | None]] = {}
    for place in PLACES:
        of_hour = scores.hour(hours[int(place * len(hours))])
        for minutes in MINUTES:
            normal = of_hour[: int(60 * minutes / PERIOD)].astype(np.float64)
            policy = calibrate_alarms([Session(normal)], BUDGET, PERIOD)
            for name, changed in _rules(policy, normal).items():
                result = _result(changed, running) if changed else None
                results.setdefault((minutes, name), []).append(result)
    return results


def _rules(policy: AlarmPolicy, scores: np.ndarray) -> dict[str, AlarmPolicy | None]:
    assert policy.normal is not None
    median, threshold = policy.normal.median, as_for_days(policy, scores)
    twice = median + 2 * (policy.rule.threshold - median)
    return {
        "as for days": None if threshold is None else _with_threshold(policy, threshold),
        "rule": policy,
        "rule, twice the distance": _with_threshold(policy, twice),
        "rule, cool-down of 10 min": replace(policy, rule=replace(policy.rule, cool_down=600.0)),
    }


def _with_threshold(policy: AlarmPolicy, threshold: float) -> AlarmPolicy:
    assert policy.normal is not None
    assert policy.baseline is not None
    release = threshold - HYSTERESIS * (threshold - policy.normal.median)
    reach = REACH * max(threshold - policy.baseline.reference, 0.0)
    rule = replace(policy.rule, threshold=threshold, release=release)
    return replace(policy, rule=rule, baseline=replace(policy.baseline, reach=reach))


def _result(policy: AlarmPolicy, running: UnitRunning) -> Result:
    assert policy.normal is not None
    median, highest = policy.normal.median, policy.normal.highest
    times = (policy.rule.threshold - median) / (highest - median)
    return Result(times, running.apply(policy.rule, policy.baseline))


def results_table(results: Sequence[dict[tuple[float, str], list[Result | None]]]) -> str:
    """Thresholds, false alarms and detected faults for minutes and rule."""
    rows = []
    for minutes, name in results[0]:
        tried = [result for of_unit in results for result in of_unit[minutes, name]]
        done = [result for result in tried if result]
        times = np.quantile([result.times for result in done], (0.5, 0.9, 1.0)) if done else [np.nan] * 3
        outcomes = [result.outcome for result in done]
        rates = [outcome.alarms / outcome.weeks for outcome in outcomes]
        in_alarm = sum(o.alarm_seconds for o in outcomes) / max(sum(o.seconds for o in outcomes), 1.0)
        rows.append(
            [
                f"{minutes:g} min: {name}",
                f"{len(tried) - len(done)} of {len(tried)}",
                "{:.1f} ({:.1f}, {:.1f})".format(*times),
                f"{np.mean(rates):.0f} ({np.median(rates):.0f})" if done else "–",
                f"{100 * in_alarm:.0f}",
                *(detected_text(outcomes, severity) for severity in SEVERITIES),
            ]
        )
    header = ["normal running and rule", "refused", "threshold: median (90 %, largest)"]
    header += ["false alarms a week: mean (median)", "time in false alarms, %"]
    return table([*header, *(f"{severity}: detected (hidden), %" for severity in SEVERITIES)], rows)


def main() -> None:
    """Compute what is missing, evaluate the rules, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/alarms", help="folder for models and scores")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--complete", action="store_true", help="use the units that are there, compute none")
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    folder, units = Path(args.output), SETS["development"]()
    if args.complete:
        units = [unit for unit in units if UnitScores(unit, folder, DETECTOR).is_complete]
    else:
        compute(units, folder, DETECTOR, args.jobs)
    results = []
    with workers(jobs=args.jobs):
        for result in parallel_map(partial(evaluate, folder=folder), units):
            results.append(result)
            print(f"rules: {len(results)} of {len(units)} units", flush=True)
    count = len(units) * len(PLACES)
    note = f"Simulated: {len(units)} machines of the development set, {count} calibrations of each length, "
    note += f"budget {BUDGET}. Detector `{DETECTOR}`. Computed on {this_machine()}."
    text = f"{results_table(results)}\n\n{note}"
    print(text)
    if not args.only_print:
        write_section(PAGE, SECTION, text)


if __name__ == "__main__":
    from bench.short_calibrations import main as run  # so that other processes import what they get

    run()

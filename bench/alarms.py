"""Promised against achieved false alarms, and detected faults, on simulated machine-weeks.

    python -m bench.alarms -o results/alarms [--set test|development] [--detector NAME] [--jobs 2] [--print]

Scores are those of `bench.machine_weeks`; what is missing is computed first, and with ``--complete`` only
units whose scores are complete are used. For each unit and budget the alarm policy is calibrated on the hours
before the first week, and applied to the time after it: without faults to count false alarms, and from the
same state to each injected fault. The rules of `bench.alarm_rules` get the same calibration. The constants of
the policy were chosen on the development set.

Writes its tables to docs/results/alarms.md and the plot beside it; with ``--print`` only to the terminal.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from auscult.decision.alarms import AlarmBudget, AlarmPolicy, Observation, calibrate_alarms
from auscult.errors import FitError
from auscult.runtime.parallel import parallel_map, workers
from bench.alarm_plot import draw
from bench.alarm_rules import HOUR, RULES, Outcome, UnitRunning
from bench.alarm_tables import drift_table, rules_table, states_table
from bench.machine_course import WEEK, Unit
from bench.machine_scores import PERIOD, UnitScores
from bench.machine_weeks import SETS, compute
from bench.markdown import DOCS, this_machine, write_section

PAGE = "results/alarms.md"
BUDGETS = ("1/day", "1/week", "1/month")
OURS, WITHOUT_BASELINE = "policy", "policy without baseline"
#: The detector whose results are drawn.
DEFAULT = "pooled_gaussian"


@dataclass(frozen=True)
class UnitResult:
    """All rules on one unit.

    Attributes:
        outcomes: name of the rule and budget to what it did; a refused calibration has none.
        states: budget to the state of the policy at the end.
        methods: budget to where the threshold comes from.
    """

    outcomes: dict[tuple[str, str], Outcome]
    states: dict[str, str]
    methods: dict[str, str]


def evaluate(unit: Unit, folder: Path, detector: str) -> UnitResult:
    """Apply all rules to a unit."""
    scores = UnitScores(unit, folder, detector)
    running, result = UnitRunning(scores), UnitResult({}, {}, {})
    for name, constant in ((OURS, True), (WITHOUT_BASELINE, False)):
        for budget in BUDGETS:
            policy = _calibrated(scores, budget, with_baseline=constant)
            if policy is None:
                result.states.setdefault(budget, "no policy")
                result.methods.setdefault(budget, "")
                continue
            outcome = running.apply(policy.rule, policy.baseline)
            result.outcomes[name, budget] = outcome
            result.states.setdefault(budget, _state(policy, outcome))
            result.methods.setdefault(budget, policy.method)
    for name, rule in RULES.items():
        result.outcomes[name, ""] = running.apply(rule(scores))
    return result


def _calibrated(scores: UnitScores, budget: str, *, with_baseline: bool) -> AlarmPolicy | None:
    """Return the policy for a budget, or ``None`` if the calibration refuses."""
    calibration, parsed = scores.calibration(), AlarmBudget.parse(budget)
    try:
        if with_baseline:
            return calibrate_alarms(calibration, parsed, PERIOD)
        return calibrate_alarms(calibration, parsed, PERIOD, time_constant=None)
    except FitError:
        return None


def _state(policy: AlarmPolicy, outcome: Outcome) -> str:
    """Return the state of a policy after the normal running."""
    return replace(policy, verification=Observation.of(outcome.seconds, 1, outcome.alarms)).state


def sections(results: Sequence[UnitResult], note: str) -> dict[str, str]:
    """Name of each section of the page to its text."""
    promised = {budget: AlarmBudget.parse(budget).per_second * WEEK * HOUR for budget in BUDGETS}
    outcomes = outcomes_of(results)
    states, methods = (
        {budget: [getattr(result, key)[budget] for result in results] for budget in BUDGETS}
        for key in ("states", "methods")
    )
    weeks = sum(outcome.weeks for outcome in outcomes["gamma, 90 %", ""])
    faults = sum(len(outcome.faults) for outcome in outcomes["gamma, 90 %", ""])
    note = f"Simulated: {len(results)} machines, {weeks:.1f} weeks of running, {faults} faults. {note}"
    return {
        "rules": f"{rules_table(outcomes, promised)}\n\n{note}",
        "drift": drift_table(outcomes, (OURS, WITHOUT_BASELINE)),
        "states": states_table(states, methods),
    }


def outcomes_of(results: Sequence[UnitResult]) -> dict[tuple[str, str], list[Outcome]]:
    """Return the outcomes of all units for each rule and budget."""
    keys = dict.fromkeys(key for result in results for key in result.outcomes)
    return {key: [result.outcomes[key] for result in results if key in result.outcomes] for key in keys}


def main() -> None:
    """Compute what is missing, evaluate the rules, and write tables and plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/alarms", help="folder for models and scores")
    parser.add_argument("--set", dest="units", choices=SETS, default="test")
    parser.add_argument("--detector", default=DEFAULT)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--complete", action="store_true", help="use the units that are there, compute none")
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    folder, units = Path(args.output), SETS[args.units]()
    if args.complete:
        units = [unit for unit in units if UnitScores(unit, folder, args.detector).is_complete]
    else:
        compute(units, folder, args.detector, args.jobs)
    results = []
    with workers(jobs=args.jobs):
        for result in parallel_map(partial(evaluate, folder=folder, detector=args.detector), units):
            results.append(result)
            print(f"rules: {len(results)} of {len(units)} units", flush=True)
    note = f"Detector `{args.detector}`. Computed on {this_machine()}."
    for name, text in sections(results, note).items():
        section = f"bench.alarms {args.units} {args.detector} {name}"
        print(f"{section}\n\n{text}\n")
        if not args.only_print:
            write_section(PAGE, section, text)
    if args.detector == DEFAULT and args.units == "test" and not args.only_print:
        promised = {budget: AlarmBudget.parse(budget).per_second * WEEK * HOUR for budget in BUDGETS}
        draw(outcomes_of(results), promised, DOCS / "results" / "alarms.png")


if __name__ == "__main__":
    from bench.alarms import main as run  # so that other processes import what they get

    run()

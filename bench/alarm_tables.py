"""The tables of `bench.alarms`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import chi2

from auscult.simulation.faults import SEVERITIES
from bench.alarm_rules import Outcome
from bench.markdown import table

_RESAMPLES = 2000


def poisson_interval(events: int, weeks: float) -> tuple[float, float]:
    """Return the 95 % interval of a Poisson rate, a week (Garwood)."""
    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    return float(low / weeks), float(chi2.ppf(0.975, 2 * events + 2) / 2 / weeks)


def machines_interval(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """Return the 95 % interval of the mean rate a week over machines like these, by resampling machines."""
    alarms = np.array([outcome.alarms for outcome in outcomes])
    weeks = np.array([outcome.weeks for outcome in outcomes])
    draws = np.random.default_rng(0).integers(len(outcomes), size=(_RESAMPLES, len(outcomes)))
    rates = alarms[draws].sum(axis=1) / weeks[draws].sum(axis=1)
    return float(np.quantile(rates, 0.025)), float(np.quantile(rates, 0.975))


def rate(outcomes: Sequence[Outcome]) -> float:
    """Return the false alarms a week."""
    return sum(outcome.alarms for outcome in outcomes) / sum(outcome.weeks for outcome in outcomes)


def detected(outcomes: Sequence[Outcome], severity: str, outcome: str = "detected") -> tuple[int, int]:
    """Return how many faults of a severity had an outcome, and how many there were."""
    faults = [fault for unit in outcomes for fault in unit.faults if fault.severity == severity]
    return sum(fault.outcome == outcome for fault in faults), len(faults)


def rules_table(results: Mapping[tuple[str, str], Sequence[Outcome]], promised: Mapping[str, float]) -> str:
    """False alarms, time in alarm, and detected faults of each rule and budget.

    Args:
        results: name of the rule and budget (empty if it has none) to its outcomes, one a unit.
        promised: budget to false alarms a week.
    """
    rows = []
    for (name, budget), outcomes in results.items():
        alarms, weeks = sum(o.alarms for o in outcomes), sum(o.weeks for o in outcomes)
        in_alarm = sum(o.alarm_seconds for o in outcomes) / sum(o.seconds for o in outcomes)
        limit = promised.get(budget)
        kept = sum(o.alarms <= limit * o.weeks for o in outcomes) if limit else None
        rows.append(
            [
                f"{name}, {budget}" if budget else name,
                f"{limit:.2g}" if limit else "–",
                f"{alarms / weeks:.2f}",
                "{:.2f} to {:.2f}".format(*poisson_interval(alarms, weeks)),
                "{:.2f} to {:.2f}".format(*machines_interval(outcomes)),
                f"{kept} of {len(outcomes)}" if kept is not None else "–",
                f"{100 * in_alarm:.1f}",
                *(detected_text(outcomes, severity) for severity in SEVERITIES),
                _delay_text(outcomes),
            ]
        )
    header = ["rule", "promised a week", "false alarms a week", "95 %, Poisson", "95 %, machines"]
    header += ["machines within the promise", "time in false alarms, %"]
    header += [f"{severity}: detected (hidden), %" for severity in SEVERITIES]
    return table([*header, "delay, s: median (90 %)"], rows)


def detected_text(outcomes: Sequence[Outcome], severity: str) -> str:
    """Return the percentages of faults of a severity that are detected, and that are hidden."""
    (count, total), (hidden, _) = (detected(outcomes, severity, how) for how in ("detected", "hidden"))
    return f"{100 * count / total:.0f} ({100 * hidden / total:.0f})" if total else "–"


def _delay_text(outcomes: Sequence[Outcome]) -> str:
    delays = [fault.delay for unit in outcomes for fault in unit.faults if fault.outcome == "detected"]
    return f"{np.median(delays):.0f} ({np.quantile(delays, 0.9):.0f})" if delays else "–"


def drift_table(results: Mapping[tuple[str, str], Sequence[Outcome]], names: Sequence[str]) -> str:
    """False alarms of some rules by how the machines change."""
    rows = []
    for (name, budget), outcomes in results.items():
        if name not in names:
            continue
        for drift in dict.fromkeys(outcome.drift for outcome in outcomes):
            of_drift = [outcome for outcome in outcomes if outcome.drift == drift]
            seconds = sum(outcome.seconds for outcome in of_drift)
            unreported = sum(o.alarms - o.alarms_in_drift for o in of_drift) / sum(o.weeks for o in of_drift)
            times = [sum(getattr(o, key) for o in of_drift) for key in ("alarm_seconds", "drift_seconds")]
            rows.append(
                [
                    name,
                    budget,
                    drift,
                    str(len(of_drift)),
                    f"{rate(of_drift):.2f}",
                    f"{unreported:.2f}",
                    *(f"{100 * value / seconds:.1f}" for value in times),
                    " / ".join(detected_text(of_drift, severity) for severity in SEVERITIES),
                ]
            )
    header = ["rule", "budget", "change", "machines", "false alarms a week"]
    header += ["of these while no drift was reported", "time in false alarms, %"]
    return table([*header, "time with drift reported, %", "detected (hidden), low / medium / high, %"], rows)


def states_table(states: Mapping[str, Sequence[str]], methods: Mapping[str, Sequence[str]]) -> str:
    """The states of the policies after the weeks, and how their thresholds came about."""
    names = ("armed", "probation", "refused")
    rows = []
    for budget, of_budget in states.items():
        counts, ways = Counter(of_budget), Counter(methods[budget])
        rows.append(
            [budget, *(str(counts[name]) for name in (*names, "no policy"))]
            + [str(ways[way]) for way in ("conformal", "tail")]
        )
    header = ["budget", *names, "calibration refused", "conformal threshold", "threshold of the tail"]
    return table(header, rows)

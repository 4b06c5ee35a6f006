"""How often 95 % intervals contain the true value: simulated scores of clips that are cut from recordings.

    python -m bench.coverage [--trials 400] [--jobs 2]

Scores are normally distributed. Half of their variance is that of recordings, so that the five clips of a
recording are alike. Three tenths of both parts change with the seed, and anomalies stand out by another
distance for each seed. Of what does not change, half is the same for both detectors of a difference; of
similar systems 98 %, and nothing changes with the seed. The true value is that over all recordings and
seeds. Writes its table to docs/results/intervals.md.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import joblib
import numpy as np
from scipy.stats import norm

from auscult.evaluation.decision_rates import decision_rates
from auscult.evaluation.estimates import Measured, difference, estimate
from auscult.evaluation.intervals import Estimate
from auscult.evaluation.metrics import standardised_area
from auscult.evaluation.protocol import Labels, ScoredSection, mean_over
from bench.markdown import table, this_machine, write_section

CLIPS = 5  # of one recording
OF_RECORDING, OF_SEED, IN_COMMON = 0.5, 0.3, 0.5  # parts of the variance of a score
TARGET_SHIFT = 0.5  # of the scores of normal clips in the target domain
RECORDINGS = (6, 10, 20, 40)
SEEDS = (1, 3, 10)
TERMS = ("auc_source", "auc_target", "pauc")


@dataclass(frozen=True)
class System:
    """A simulated detector: the distance of anomalies in standard deviations, and how it varies by seed."""

    distance: float
    over_seeds: float = 0.1


@dataclass(frozen=True)
class Case:
    """What is estimated.

    Attributes:
        name: for the table.
        systems: the system, or the system and the one to subtract.
        metrics: whose harmonic mean is estimated.
        domains: whether half of the recordings are of the target domain.
        in_common: part of the variance of a score that is the same for both systems, of what does not change
            with the seed.
        of_seed: part of the variance that changes with the seed.
    """

    name: str
    systems: tuple[System, ...]
    metrics: tuple[str, ...] = ("auc_source",)
    domains: bool = False
    in_common: float = IN_COMMON
    of_seed: float = OF_SEED


CASES = (
    Case("AUC 0.72", (System(0.8),)),
    Case("AUC 0.92", (System(2.0),)),
    Case("AUC 0.98", (System(3.0),)),
    Case("pAUC 0.61", (System(0.8),), ("pauc",)),
    Case("pAUC 0.91", (System(3.0),), ("pauc",)),
    Case("harmonic mean 0.74, two domains", (System(1.5),), TERMS, True),
    Case("harmonic mean 0.95, two domains", (System(3.0),), TERMS, True),
    Case("difference 0 at 0.74, two domains", (System(1.5), System(1.5)), TERMS, True),
    Case(
        "difference 0.20 at 0.95, seeds of the baseline vary, two domains",
        (System(3.0), System(1.5, 0.5)),
        TERMS,
        True,
    ),
    Case("difference 0.06 of AUC at 0.98", (System(3.0), System(2.0))),
    Case(
        "difference 0 of AUC at 0.92, similar systems",
        (System(2.0, 0.0), System(2.0, 0.0)),
        in_common=0.98,
        of_seed=0.0,
    ),
    Case(
        "difference 0.01 at 0.95, similar systems, two domains",
        (System(3.0, 0.0), System(2.9, 0.0)),
        TERMS,
        True,
        in_common=0.98,
        of_seed=0.0,
    ),
)
#: Name of a rate to its true value; false alarms among normal clips, recall among anomalous ones.
RATES = {"false_alarm_rate_source": (0.05, 0.2), "recall_source": (0.5, 0.8)}


def simulated_labels(recordings: int, *, domains: bool) -> Labels:
    """Labels of ``recordings`` normal and as many anomalous recordings."""
    numbers = np.repeat(np.arange(2 * recordings), CLIPS)
    target = numbers % 2 == 1 if domains else None
    return Labels(numbers >= recordings, target, source_recording=numbers)


def simulated_runs(
    rng: np.random.Generator, labels: Labels, case: Case, seeds: int
) -> list[list[list[Measured]]]:
    """For each system the sections (here one) of each seed."""
    numbers = labels.recording_numbers

    def noise() -> np.ndarray:
        of_recordings = rng.normal(size=numbers.max() + 1)[numbers]
        of_clips = rng.normal(size=len(labels))
        return np.sqrt(OF_RECORDING) * of_recordings + np.sqrt(1 - OF_RECORDING) * of_clips

    common = noise()
    runs: list[list[list[Measured]]] = []
    for system in case.systems:
        fixed = np.sqrt(case.in_common) * common + np.sqrt(1 - case.in_common) * noise()
        runs.append([])
        for _ in range(seeds):
            scores = np.sqrt(1 - case.of_seed) * fixed + np.sqrt(case.of_seed) * noise()
            over_seeds = system.over_seeds if seeds > 1 else 0.0  # one seed stands for itself
            scores += labels.anomaly * (system.distance + over_seeds * rng.normal())
            if labels.target is not None:
                scores += TARGET_SHIFT * (labels.target & ~labels.anomaly)
            runs[-1].append([Measured.of(labels, scores)])
    return runs


def true_value(system: System, metrics: tuple[str, ...], domains: bool, seeds: int) -> float:
    """The value over all recordings, and over all seeds if there are several."""
    quantiles = (np.arange(200) + 0.5) / 200 if seeds > 1 else np.array([0.5])
    return float(
        np.mean(
            [_value(system.distance + system.over_seeds * z, metrics, domains) for z in norm.ppf(quantiles)]
        )
    )


def _value(distance: float, metrics: tuple[str, ...], domains: bool) -> float:
    limits = np.linspace(-6, 12, 20001)
    shifts = (0.0, TARGET_SHIFT) if domains else (0.0,)
    false_alarms = np.mean([norm.sf(limits - shift) for shift in shifts], axis=0)[::-1]
    rates = np.linspace(0, 0.1, 2001)
    hits = np.interp(rates, false_alarms, norm.sf(limits - distance)[::-1])
    values = {
        "auc_source": norm.cdf(distance / np.sqrt(2)),
        "auc_target": norm.cdf((distance - TARGET_SHIFT) / np.sqrt(2)),
        "pauc": standardised_area(float(np.trapezoid(hits, rates))),
    }
    return float(mean_over([np.array([values[name]]) for name in metrics])[0])


def coverage(case: Case, recordings: int, seeds: int, trials: int) -> tuple[float, float]:
    """The fraction of intervals that contain the true value, and the median of their widths."""
    rng = np.random.default_rng([recordings, seeds, CASES.index(case)])
    labels = simulated_labels(recordings, domains=case.domains)
    signs = (1, -1)[: len(case.systems)]
    true_values = [true_value(s, case.metrics, case.domains, seeds) for s in case.systems]
    truth = sum(sign * value for sign, value in zip(signs, true_values, strict=True))

    def interval() -> Estimate:
        runs = simulated_runs(rng, labels, case, seeds)
        if len(runs) == 1:
            return estimate(runs[0], case.metrics, mean_over)
        return difference(runs[0], runs[1], case.metrics, mean_over)

    return _summary(interval, truth, trials)


def rate_coverage(name: str, truth: float, recordings: int, trials: int) -> tuple[float, float]:
    """The same for a rate of decisions."""
    rng = np.random.default_rng([recordings, int(1000 * truth)])
    labels = simulated_labels(recordings, domains=False)
    limit = norm.isf(truth)

    def interval() -> Estimate:
        ((run,),) = simulated_runs(rng, labels, Case(name, (System(0.0, 0.0),)), 1)
        section = ScoredSection(labels, run[0].scores, run[0].scores > limit)
        return decision_rates([section])[name]

    return _summary(interval, truth, trials)


def _summary(interval: Callable[[], Estimate], truth: float, trials: int) -> tuple[float, float]:
    ends = [
        (one.low, one.high) for one in (interval() for _ in range(trials)) if None not in (one.low, one.high)
    ]
    if not ends:
        return float("nan"), float("nan")
    low, high = np.array(ends, float).T
    return float(np.mean((low <= truth) & (truth <= high))), float(np.median(high - low))


def main() -> None:
    """Simulate all cases and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=400, help="simulated data sets of each cell")
    parser.add_argument("--jobs", type=int, default=2, help="number of processes")
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    jobs = [(case, n, s) for case in CASES for n in RECORDINGS for s in SEEDS]
    rate_jobs = [(name, rate, n) for name, rates in RATES.items() for rate in rates for n in RECORDINGS]
    parallel = joblib.Parallel(n_jobs=args.jobs)
    cells = dict(
        zip(jobs, parallel(joblib.delayed(coverage)(*job, args.trials) for job in jobs), strict=True)
    )
    rates = parallel(joblib.delayed(rate_coverage)(*job, args.trials) for job in rate_jobs)
    rate_cells = dict(zip(rate_jobs, rates, strict=True))
    rows = [
        [case.name, str(s), *(_cell(cells[case, n, s]) for n in RECORDINGS)] for case in CASES for s in SEEDS
    ]
    rows += [
        [f"{name.removesuffix('_source').replace('_', ' ')} {rate:g}", "1"]
        + [_cell(rate_cells[name, rate, n]) for n in RECORDINGS]
        for name, values in RATES.items()
        for rate in values
    ]
    header = ["estimate", "seeds", *(f"{n} recordings" for n in RECORDINGS)]
    error = 100 * (0.0475 / args.trials) ** 0.5
    text = (
        f"{table(header, rows)}\n\nCoverage in percent, and in brackets the median width of the intervals in "
        "percentage points, by the number of normal and of anomalous recordings (of both domains together) "
        f"with {CLIPS} clips each; {args.trials:,} simulated data sets for each cell, so that the standard "
        f"error of a coverage of 95 % is {error:.1f} points. –: no interval. Measured on {this_machine()}."
    )
    if not args.only_print:
        write_section("results/intervals.md", "bench.coverage", text)
    print(text)


def _cell(result: tuple[float, float]) -> str:
    covered, width = result
    return "–" if np.isnan(covered) else f"{100 * covered:.1f} ({100 * width:.0f})"


if __name__ == "__main__":
    main()

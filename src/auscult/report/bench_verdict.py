"""The summary of a benchmark: which system is best, by how much, and which systems are below chance."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auscult.report.bench_data import BenchData, leading_number, signed_points

_CHANCE = 50.0  # percent, for all metrics here
_MAX_NAMES = 3  # systems listed in a sentence


@dataclass(frozen=True)
class Verdict:
    """The best system, which is empty if there is none, the sentence after its name, and a note."""

    best: str
    text: str
    note: str = ""


def verdict(bench: BenchData) -> Verdict:
    """Return which system is best, how it compares with the baseline and whether that difference is
    significant, and which systems are below chance."""
    complete = [s for s in bench.systems if bench.percent(s) > float("-inf")]
    if not complete:
        return Verdict("", "No system has results with labels for every machine, so there is no best system.")
    best, percent = complete[0], bench.percent(complete[0])
    count = len(bench.machines)
    over = f"over {count} machines" if count > 1 else f"on {bench.machines[0]}"
    text = f" has the highest harmonic mean {over}, {percent:.1f}\u00a0%"
    text += _compare_with_baseline(bench, complete) + _compare_with_baseline_detector(bench, complete)
    if percent < _CHANCE:
        text += " Even the highest is below chance: anomalies score lower than normal clips."
    return Verdict(best, text, _below_chance(bench, complete))


def _compare_with_baseline(bench: BenchData, complete: list[str]) -> str:
    """The rest of the sentence: the difference of the best system from the baseline, or, if the baseline is
    the best, of the second best from it."""
    best = complete[0]
    if len(complete) == 1:
        return ". It is the only system with results for every machine."
    other = complete[1] if best == bench.baseline else best
    difference = bench.difference(other)
    points = abs(100 * difference["value"]) if difference else bench.percent(best) - bench.percent(other)
    if best == bench.baseline:
        below = difference is None or difference["value"] < 0
        compared = f"{points:.1f} points below it" if below else "equal to it"
        text = f", and is the baseline. The second best, {other}, is {compared}"
    elif difference is None:
        return ". No baseline was run for comparison."
    else:
        text = f". It is {points:.1f} points above the baseline {bench.baseline}"
    if difference is None:
        return f"{text}."
    if difference["low"] is None:
        return f"{text} ({difference.get('note') or 'no interval'})."
    low, high = 100 * difference["low"], 100 * difference["high"]
    seeds = "and seeds " if max(difference.get("seeds", [1])) > 1 else ""
    meaning = (
        f"The interval excludes zero: the choice of recordings {seeds}does not explain the difference."
        if low > 0 or high < 0
        else f"The interval includes zero: these recordings {seeds}do not show which of the two is better."
    )
    counts = difference.get("recordings")
    over = (
        f"{counts['normal']} normal and {counts['anomaly']} anomalous recordings" if counts else "recordings"
    )
    interval = f"95\u00a0% interval {signed_points(low)} to {signed_points(high)} over {over}"
    return f"{text} ({interval}{' and seeds' if seeds else ''}). {meaning}"


def _compare_with_baseline_detector(bench: BenchData, complete: list[str]) -> str:
    """Whether a gain over the baseline comes from another detector or only from another score."""
    best, baseline = complete[0], bench.baseline
    if baseline is None or best == baseline:
        return ""
    detector = _detector(baseline)
    same_detector = next((system for system in complete if _detector(system) == detector), None)
    if same_detector == best:
        return f" The gain comes from the score: the detector, {detector}, is that of the baseline."
    if same_detector is None or same_detector == baseline:
        return ""
    points = bench.percent(best) - bench.percent(same_detector)
    return f" It is {points:.1f} points above {same_detector}, the best score of {detector} (no interval)."


def _below_chance(bench: BenchData, complete: list[str]) -> str:
    """Names the systems whose harmonic mean or target AUC is below chance."""
    titles = bench.table.header[2:]
    parts = []
    for title in ("harmonic mean", "AUC-t"):
        values = {system: leading_number(bench.overall[system][titles.index(title)]) for system in complete}
        low = [f"{s} {value:.1f}" for s, value in values.items() if float("-inf") < value < _CHANCE]
        if len(low) > _MAX_NAMES:
            lowest = min(values, key=lambda s: abs(values[s]))  # missing values are infinite
            parts.append(
                f"{title} of {len(low)} of {len(complete)} systems, down to {values[lowest]:.1f} for {lowest}"
            )
        elif low:
            parts.append(f"{title} of {', '.join(low)}")
    if not parts:
        return ""
    return f"Below chance (anomalies score lower than normal clips): {'; '.join(parts)}."


def _detector(system: str) -> str:
    """The name of a system's detector, without preset and score."""
    return re.split(r"[:@\[]", system)[0]

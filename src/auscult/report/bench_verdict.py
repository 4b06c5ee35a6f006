"""What a benchmark comes to, in words: which system is best, by how much, and what is below chance."""

from __future__ import annotations

from auscult.report.bench_data import BenchData, leading_number, signed_points
from auscult.report.markup import Markup, join, tag

_CHANCE = 50.0  # percent, of every metric here
_NAMED = 3  # systems in a sentence


def verdict_sentence(bench: BenchData) -> Markup:
    """Which system is best, whether that is more than the paired interval, and what is below chance."""
    known = [s for s in bench.systems if bench.percent(s) > float("-inf")]
    if not known:
        return tag("p", "No system has results with labels on every machine, so none is best.", class_="lead")
    best, percent = known[0], bench.percent(known[0])
    count = len(bench.machines)
    over = f"over {count} machines" if count > 1 else f"on {bench.machines[0]}"
    said = [tag("strong", *_breakable(best)), f" has the highest harmonic mean {over}, {percent:.1f}\u00a0%"]
    said += _against_baseline(bench, known) + _against_detector(bench, known)
    if percent < _CHANCE:
        said.append(" It is the highest, and still below chance: anomalies score lower than normals.")
    return join(tag("p", *said, class_="lead"), _below_chance(bench, known))


def _against_baseline(bench: BenchData, known: list[str]) -> list[str]:
    """The rest of the sentence: how far the best stands from the baseline, or the next from it."""
    best = known[0]
    if len(known) == 1:
        return ["; it is the only system with results on every machine."]
    if best == bench.baseline:
        rival, difference = known[1], bench.difference(known[1])
        said = f", and is the baseline. The next, {rival}, "
        below = difference is None or difference["value"] < 0
        said += "stands {points} points below" if below else "stands level"
    else:
        rival, difference = best, bench.difference(best)
        said = f". It stands {{points}} points above the baseline {bench.baseline}"
    if difference is None or difference["low"] is None:
        if best != bench.baseline:
            return ["; no baseline was run beside it."]
        return [said.replace("{points}", f"{bench.percent(best) - bench.percent(rival):.1f}") + "."]
    low, high = 100 * difference["low"], 100 * difference["high"]
    meaning = (
        "The interval does not hold zero: the difference is more than the choice of clips explains."
        if low > 0 or high < 0
        else "The interval holds zero: these clips do not tell the two apart."
    )
    interval = f"95\u00a0% interval {signed_points(low)} to {signed_points(high)} over the same clips"
    if bench.has_few_clips:
        interval += f"; few clips, {bench.fewest_clips} of a kind, so it is rough"
    points = f"{abs(100 * difference['value']):.1f}"
    return [said.replace("{points}", points), f" ({interval}). {meaning}"]


def _against_detector(bench: BenchData, known: list[str]) -> list[str]:
    """Whether a gain over the baseline is the detector's or the score's."""
    best, baseline = known[0], bench.baseline
    if baseline is None or best == baseline:
        return []
    detector = _detector(baseline)
    same = next((system for system in known if _detector(system) == detector), None)
    if same == best:
        return [f" The gain is the score’s: the detector is the baseline’s, {detector}."]
    if same is None or same == baseline:
        return []
    points = bench.percent(best) - bench.percent(same)
    return [f" Above the best score of the {detector}, {same}, it stands {points:.1f} points (no interval)."]


def _below_chance(bench: BenchData, known: list[str]) -> Markup | None:
    """Names the systems whose harmonic mean or AUC-target is below chance."""
    titles = bench.table.header[2:]
    parts = []
    for title in ("harmonic mean", "AUC-t"):
        figures = {system: leading_number(bench.overall[system][titles.index(title)]) for system in known}
        low = [f"{s} {value:.1f}" for s, value in figures.items() if float("-inf") < value < _CHANCE]
        if len(low) > _NAMED:
            least = min(figures, key=lambda s: abs(figures[s]))  # what is absent is infinite
            parts.append(
                f"{title} of {len(low)} of {len(known)} systems, down to {figures[least]:.1f} by {least}"
            )
        elif low:
            parts.append(f"{title} of {', '.join(low)}")
    if not parts:
        return None
    return tag("p", f"Below chance: anomalies score lower than normals: {'; '.join(parts)}.", class_="note")


def _breakable(system: str) -> list[Markup]:
    """A name in parts, so that a narrow page breaks it between detector and score, not within a word."""
    detector, colon, score = system.partition(":")
    return [tag("span", part, class_="part") for part in (detector + colon, score) if part]


def _detector(system: str) -> str:
    """The detector of a system, whatever its preset and score."""
    return system.partition(":")[0].partition("@")[0]

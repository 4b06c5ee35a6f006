"""The plot of `bench.alarms`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from auscult.simulation.faults import SEVERITIES
from bench.alarm_rules import Outcome
from bench.alarm_tables import detected, machines_interval, rate

_COLOURS = {"policy": "#2a6f97", "policy without baseline": "#e07a1f"}


def draw(
    results: Mapping[tuple[str, str], Sequence[Outcome]], promised: Mapping[str, float], path: Path
) -> None:
    """Write the plot: achieved against promised false alarms, and detected faults."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    limits = [min(promised.values()) / 2, max(promised.values()) * 2]
    left.plot(limits, limits, "k--", linewidth=1, label="promised")
    floor = limits[0] / 4  # where rates of 0 are drawn
    for name, colour in _COLOURS.items():
        budgets = [budget for rule, budget in results if rule == name]
        rates = [max(rate(results[name, budget]), floor) for budget in budgets]
        intervals = [machines_interval(results[name, budget]) for budget in budgets]
        errors = [
            [value - min(value, max(low, floor)) for value, (low, _) in zip(rates, intervals, strict=True)],
            [max(high - value, 0.0) for value, (_, high) in zip(rates, intervals, strict=True)],
        ]
        left.errorbar(
            [promised[b] for b in budgets], rates, yerr=errors, fmt="o-", color=colour, capsize=3, label=name
        )
    others = {name: max(rate(outcomes), floor) for (name, budget), outcomes in results.items() if not budget}
    for index, (name, value) in enumerate(sorted(others.items(), key=lambda item: -item[1])):
        left.axhline(value, color="grey", linewidth=0.8)
        # Above and below their lines in turn, since the rates of two rules may be nearly the same.
        side, gap = (("bottom", 1.05), ("top", 0.95))[index % 2]
        left.text(limits[0], value * gap, name, fontsize=8, color="grey", va=side)
    left.set(
        xscale="log",
        yscale="log",
        xlabel="promised false alarms a week",
        ylabel="achieved false alarms a week",
    )
    left.legend(frameon=False, fontsize=8)
    bars = [key for key in results if key[0] != "policy without baseline"]
    width = 0.8 / len(bars)
    for number, key in enumerate(bars):
        shares = [100 * _share(results[key], severity) for severity in SEVERITIES]
        label = ", ".join(filter(None, key))
        right.bar([index + number * width for index in range(len(shares))], shares, width, label=label)
    right.set_xticks([index + 0.4 - width / 2 for index in range(len(SEVERITIES))], list(SEVERITIES))
    right.set(xlabel="severity of the fault", ylabel="detected, %", ylim=(0, 100))
    right.legend(frameon=False, fontsize=8)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Simulated machines", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _share(outcomes: Sequence[Outcome], severity: str) -> float:
    count, total = detected(outcomes, severity)
    return count / max(total, 1)

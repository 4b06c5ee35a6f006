"""The plot of how cost grows for both sides, by number of clips, machines and length of the clips."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.speed_clock import spread
from bench.speed_page import extrapolated_clips
from bench.speed_parts import OURS, PLAIN, Groups

_COLOURS = {OURS: "#0b6e4f", PLAIN: "#c8553d"}
#: For each side its measured points (x, y), and its extrapolated points.
Curves = dict[str, tuple[list[tuple[float, float]], list[tuple[float, float]]]]


def curves(parts: Mapping[str, Groups]) -> dict[str, tuple[str, Curves]]:
    """Title of each subplot to the label of its x axis and its curves, for the parts that were measured."""
    subplots: dict[str, tuple[str, Curves]] = {}
    if groups := parts.get("epoch"):
        for title, quantity, index in (
            ("features and first epoch, s", "process_seconds", 0),
            ("peak memory, MB", "megabytes", 1),
        ):
            sides = _measured(groups, quantity)
            unmeasured = [float(n) for n, runs in groups.items() if PLAIN not in runs]
            sides[PLAIN] = (
                sides[PLAIN][0],
                [(n, extrapolated_clips(groups, int(n))[index]) for n in unmeasured],
            )
            subplots[title] = "clips of 10 s", sides
    if groups := parts.get("many_machines"):
        sides = _measured(groups, "milliseconds")
        ((_, plain),) = sides[PLAIN][0]
        ours = [(n, n * step) for n, step in sides[OURS][0]]
        sequential = [(n, n * plain) for n, _ in ours]
        subplots["training step of all machines, ms"] = (
            "machines",
            {OURS: (ours, []), PLAIN: (sequential[:1], sequential[1:])},
        )
    if groups := parts.get("lengths"):
        sides = {}
        for side in (OURS, PLAIN):
            points = [
                (float(n), runs[side][0]["sound"] / spread(runs[side], "seconds").median)
                for n, runs in groups.items()
            ]
            sides[side] = points, []
        subplots["scoring a folder, × real time"] = "length of a clip, s", sides
    return subplots


def _measured(groups: Groups, quantity: str) -> Curves:
    return {
        side: (
            [(float(n), spread(runs[side], quantity).median) for n, runs in groups.items() if side in runs],
            [],
        )
        for side in (OURS, PLAIN)
    }


def draw(parts: Mapping[str, Groups], path: Path) -> None:
    """Write the plot; dashed lines lead to extrapolated points."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    subplots = curves(parts)
    if not subplots:
        return
    figure, axes = pyplot.subplots(1, len(subplots), figsize=(3.6 * len(subplots), 3.4), squeeze=False)
    for axis, (title, (x_label, sides)) in zip(axes[0], subplots.items(), strict=True):
        for side, (points, extrapolated) in sides.items():
            colour = _COLOURS[side]
            axis.plot(*zip(*points, strict=True), "o-", color=colour, label=side)
            if extrapolated:
                axis.plot(*zip(points[-1], *extrapolated, strict=True), "--", color=colour, zorder=1)
                axis.plot(*zip(*extrapolated, strict=True), "o", color=colour, markerfacecolor="white")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks(
            sorted({x for points, extrapolated in sides.values() for x, _ in [*points, *extrapolated]})
        )
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_minor_formatter(lambda *_: "")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(x_label)
        axis.grid(alpha=0.3, which="both", linewidth=0.5)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].legend(frameon=False, title="open: extrapolated", title_fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)

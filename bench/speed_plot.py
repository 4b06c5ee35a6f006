"""The picture of how cost grows: both sides, by clips, machines and length of a clip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.speed_clock import spread
from bench.speed_page import extrapolated_clips
from bench.speed_parts import OURS, PLAIN, Groups

_COLOURS = {OURS: "#0b6e4f", PLAIN: "#c8553d"}
#: Side to points (x, y) that were measured, and those that were worked out from them.
Curves = dict[str, tuple[list[tuple[float, float]], list[tuple[float, float]]]]


def curves(parts: Mapping[str, Groups]) -> dict[str, tuple[str, Curves]]:
    """Title of each picture to the name of its x axis and its curves; of parts that were measured."""
    found: dict[str, tuple[str, Curves]] = {}
    if groups := parts.get("epoch"):
        for title, quantity, index in (
            ("features and first epoch, s", "process_seconds", 0),
            ("peak memory, MB", "megabytes", 1),
        ):
            pair = _measured(groups, quantity)
            beyond = [float(n) for n, runs in groups.items() if PLAIN not in runs]
            pair[PLAIN] = (pair[PLAIN][0], [(n, extrapolated_clips(groups, int(n))[index]) for n in beyond])
            found[title] = "clips of 10 s", pair
    if groups := parts.get("many_machines"):
        pair = _measured(groups, "milliseconds")
        ((_, plain),) = pair[PLAIN][0]
        ours = [(n, n * each) for n, each in pair[OURS][0]]
        others = [(n, n * plain) for n, _ in ours]
        found["training step of all machines, ms"] = (
            "machines",
            {OURS: (ours, []), PLAIN: (others[:1], others[1:])},
        )
    if groups := parts.get("lengths"):
        pair = {}
        for side in (OURS, PLAIN):
            points = [
                (float(n), runs[side][0]["sound"] / spread(runs[side], "seconds").median)
                for n, runs in groups.items()
            ]
            pair[side] = points, []
        found["scoring a folder, × real time"] = "length of a clip, s", pair
    return found


def _measured(groups: Groups, quantity: str) -> Curves:
    return {
        side: (
            [(float(n), spread(runs[side], quantity).median) for n, runs in groups.items() if side in runs],
            [],
        )
        for side in (OURS, PLAIN)
    }


def draw(parts: Mapping[str, Groups], path: Path) -> None:
    """Writes the picture; a broken line leads to what is extrapolated."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    pictures = curves(parts)
    if not pictures:
        return
    figure, axes = pyplot.subplots(1, len(pictures), figsize=(3.6 * len(pictures), 3.4), squeeze=False)
    for axis, (title, (below, pair)) in zip(axes[0], pictures.items(), strict=True):
        for side, (points, beyond) in pair.items():
            colour = _COLOURS[side]
            axis.plot(*zip(*points, strict=True), "o-", color=colour, label=side)
            if beyond:
                axis.plot(*zip(points[-1], *beyond, strict=True), "--", color=colour, zorder=1)
                axis.plot(*zip(*beyond, strict=True), "o", color=colour, markerfacecolor="white")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks(sorted({x for points, beyond in pair.values() for x, _ in [*points, *beyond]}))
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_minor_formatter(lambda *_: "")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(below)
        axis.grid(alpha=0.3, which="both", linewidth=0.5)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].legend(frameon=False, title="open: extrapolated", title_fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)

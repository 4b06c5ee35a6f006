"""The scores of the sections of a long recording over time, above the picture of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALARM = "#c1272d"
_LINE = "#31688e"


@dataclass(frozen=True)
class Timeline:
    """Scores over time.

    Attributes:
        windows: start and end of each section in seconds, and its score.
        threshold: the threshold, or ``None``.
        events: start and end of each run of anomalous sections, seconds.
        explained: start and end of the section that the other panels show, seconds.
    """

    windows: Sequence[tuple[float, float, float]]
    threshold: float | None
    events: Sequence[tuple[float, float]]
    explained: tuple[float, float]


def draw_timeline(axes: Axes, timeline: Timeline) -> None:
    """Draw the score of each section, the threshold, the events, and which section is explained."""
    starts, ends, scores = np.array(timeline.windows, np.float64).T
    axes.step(np.r_[starts, ends[-1]], np.r_[scores, scores[-1]], where="post", color=_LINE, linewidth=1.0)
    if timeline.threshold is not None:
        axes.axhline(timeline.threshold, color=ALARM, linestyle="--", linewidth=1.0)
    for first, last in timeline.events:
        axes.axvspan(first, last, color=ALARM, alpha=0.18, linewidth=0)
    axes.axvspan(*timeline.explained, fill=False, edgecolor="black", linewidth=1.2)
    axes.set_xlim(starts[0], ends[-1])
    axes.set_xlabel("time [s]")
    axes.set_ylabel("score")
    axes.spines[["top", "right"]].set_visible(False)

"""The picture of the score of a long recording over time, with the threshold and the events."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auscult.errors import OptionError
from auscult.report.pictures import new_figure, save_figure
from auscult.report.title import fit_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _ALARM = "#333333", "#c1272d"
_LINES = ("#31688e", "#d98c21", "#35a07a", "#7b4f9e")  # repeated if there are more channels
_DAY = 86400.0  # seconds
#: Units of the time axis: from this length in seconds on, seconds per unit, name.
_UNITS = ((2 * 3600.0, 3600.0, "h"), (300.0, 60.0, "min"), (0.0, 1.0, "s"))


def check_plot(path_out: str) -> None:
    """Check that `draw_scores` can write a picture under this name, before the work starts.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OptionError: the extension is not that of a supported format.
    """
    extension = Path(path_out).suffix.lstrip(".").lower()
    if extension not in new_figure(1.0, 1.0).canvas.get_supported_filetypes():
        raise OptionError(f"{path_out}: unsupported image format {extension!r}; use .png, .svg or .pdf")


def draw_scores(
    path_out: str | os.PathLike[str],
    *,
    windows: Mapping[str, Sequence[tuple[float, float, float]]],
    threshold: float | None,
    events: Sequence[tuple[float, float]],
    start: datetime,
    title: str,
) -> None:
    """Draw the score of each window over time.

    Args:
        path_out: a file, whose extension sets the format (png, svg, pdf).
        windows: name of each channel, or one name, to the windows in order: start and end in seconds, and
            the score.
        threshold: drawn as a line; ``None``: there is none.
        events: start and end of each event in seconds, which are shaded.
        start: when the recording began; labels the upper axis.
        title: the name of the recording.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OptionError: there are no windows, the format is not supported, or the file cannot be written.
    """
    if not any(len(rows) for rows in windows.values()):
        raise OptionError(f"{title}: there is no score to draw")
    figure = new_figure(11.0, 4.2)
    axes = figure.add_subplot()
    length = max(end for rows in windows.values() for _, end, _ in rows)
    unit, name = next((unit, name) for least, unit, name in _UNITS if length >= least)
    for index, (label, rows) in enumerate(windows.items()):
        starts, ends, scores = np.array(rows, dtype=np.float64).reshape(-1, 3).T
        middles = (starts + ends) / 2 / unit
        marker = "." if len(scores) < 200 else None
        colour = _LINES[index % len(_LINES)]
        axes.plot(middles, scores, color=colour, linewidth=1.0, marker=marker, label=label)
    if threshold is not None:
        axes.axhline(
            threshold, color=_ALARM, linestyle="--", linewidth=1.0, label=f"threshold {threshold:.4g}"
        )
    for number, (first, last) in enumerate(events):
        legend = "event" if number == 0 else None  # one entry for all
        axes.axvspan(first / unit, last / unit, color=_ALARM, alpha=0.18, linewidth=0, label=legend)
    axes.set_xlim(0, length / unit)
    axes.set_xlabel(f"time from the start of the recording [{name}]")
    axes.set_ylabel("anomaly score")
    axes.spines["right"].set_visible(False)
    axes.legend(loc="best", fontsize=8.5, framealpha=0.9)
    _clock_axis(axes, start, unit)
    heading = figure.suptitle(title, parse_math=False, fontsize=11, color=_INK)
    fit_title(heading, 0.97 * figure.bbox.width)
    save_figure(figure, path_out)


def _clock_axis(axes: Axes, start: datetime, unit: float) -> None:
    """Label the upper axis with the time on the clock."""
    from matplotlib import dates

    zero = dates.date2num(start)

    def to_clock(value: Any) -> Any:
        return zero + value * unit / _DAY

    def from_clock(value: Any) -> Any:
        return (value - zero) * _DAY / unit

    upper = axes.secondary_xaxis("top", functions=(to_clock, from_clock))
    seconds = axes.get_xlim()[1] * unit
    end = start + timedelta(seconds=seconds)
    form = "%H:%M:%S" if seconds < 3600 else "%H:%M" if seconds < 2 * _DAY else "%m-%d %H:%M"
    upper.xaxis.set_major_locator(dates.AutoDateLocator(tz=start.tzinfo, maxticks=9))
    upper.xaxis.set_major_formatter(dates.DateFormatter(form, tz=start.tzinfo))
    last_day = f"–{end:%Y-%m-%d}" if end.date() != start.date() else ""
    upper.set_xlabel(f"clock time, {start:%Y-%m-%d}{last_day} (the end is the modification time of the file)")

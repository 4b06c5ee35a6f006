"""Pictures that explain a score: the spectrogram of a recording, and the map of where its score comes from.

The colour maps are perceptually uniform and safe for readers with colour vision deficiency.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from auscult.errors import MissingExtraError, OptionError
from auscult.report.regions import Region, band_edges, frame_edges, score_regions
from auscult.spectrum import FrontEnd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from auscult.model import Score

_TICKS_HZ = (50, 100, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000)
_INK = "#333333"
_WIDTH_PIXELS = 600  # of the spectrogram, approximately
_MAX_TITLE = 96  # characters above a spectrogram
_MIN_ZSCORE_RANGE = 4.0  # standard deviations; the colour scale of z-score maps reaches at least this far
_RANGE_DB = 80.0  # below the loudest bin; without a limit, digital silence would take up the colour range


def draw_explanation(
    path_out: str | os.PathLike[str] | IO[bytes],
    *,
    frames: np.ndarray,
    front_end: FrontEnd,
    score: Score,
    title: str,
    nearest: np.ndarray | None = None,
    dots_per_inch: int = 130,
) -> None:
    """Draw the log-mel spectrogram of a recording above the map of where its score comes from.

    The strongest regions are boxed and numbered in both. The means of the map over time and over the bands
    are drawn to the right of it and below it. If ``nearest`` is given, the spectrogram of the nearest normal
    recording is drawn in between, on the same axes.

    Args:
        path_out: a file, whose extension sets the format (png, svg, pdf), or a binary stream for a PNG.
        frames: (T, n_mels) log-mel, dB.
        front_end: the front end that computed the frames.
        score: the score, with a map (T, n_mels).
        title: the name of the recording.
        nearest: (T', n_mels) log-mel of the recording at ``score.nearest``, dB.
        dots_per_inch: resolution of raster formats; the figure is 10 × 6.6 inches, or 10 × 8.8 with
            ``nearest``.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OptionError: there is no map, the shapes of frames, map and front end do not match, the format is not
            supported, or the file cannot be written.
    """
    regions = score_regions(score, front_end)
    assert score.map is not None  # checked by score_regions
    map = np.asarray(score.map, dtype=np.float64)
    if np.shape(frames) != map.shape:
        raise OptionError(f"frames and map must have the same shape, got {np.shape(frames)} and {map.shape}")
    figure = new_figure(10.0, 6.6 if nearest is None else 8.8)
    heights = [3, 3, 1] if nearest is None else [3, 3, 3, 1]
    grid = figure.add_gridspec(len(heights), 2, width_ratios=[4.2, 1], height_ratios=heights)
    upper = figure.add_subplot(grid[0, 0])
    lower = figure.add_subplot(grid[-2, 0], sharex=upper, sharey=upper)
    by_band = figure.add_subplot(grid[-2, 1], sharey=upper)
    by_time = figure.add_subplot(grid[-1, 0], sharex=upper)
    legend = figure.add_subplot(grid[0, 1])

    _spectrogram(figure, upper, frames, front_end)
    upper.set_title("Spectrogram", **_TITLE_STYLE)
    if nearest is not None:
        middle = figure.add_subplot(grid[1, 0], sharex=upper, sharey=upper)
        _spectrogram(figure, middle, nearest, front_end)
        middle.set_title(_shortened(f"Nearest normal: {score.nearest}"), parse_math=False, **_TITLE_STYLE)
    lower_colour = "#333333" if _draw_map(figure, lower, map, front_end, score) else "white"
    for axes, colour in ((upper, "white"), (lower, lower_colour)):
        _draw_boxes(axes, regions, front_end, colour)
    _profiles(by_band, by_time, map, front_end)
    _list_regions(legend, regions)
    upper.set_xlim(0, frame_edges(len(map), front_end)[-1])
    figure.suptitle(f"{title}\n{verdict_text(score)}", parse_math=False, fontsize=11, color=_INK)
    save_figure(figure, path_out, dots_per_inch=dots_per_inch)


def verdict_text(score: Score) -> str:
    """Return a line such as ``score 12.3 · threshold 10.2 · ANOMALY``."""
    if score.threshold is None:
        return f"score {score.score:.4g} · no threshold, so no verdict"
    verdict = "ANOMALY" if score.anomalous else "normal"
    return f"score {score.score:.4g} · threshold {score.threshold:.4g} · {verdict}"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that does not use pyplot and its global state.

    Args:
        width: in inches.
        height: in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Drawing", "report") from error
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(
    figure: Figure, path_out: str | os.PathLike[str] | IO[bytes], *, dots_per_inch: int = 130
) -> None:
    """Write a figure to a file in the format of its extension, or as PNG to a stream.

    Arguments and errors as of `draw_explanation`.
    """
    if not isinstance(path_out, (str, os.PathLike)):
        figure.savefig(path_out, format="png", dpi=dots_per_inch)
        return
    path = Path(path_out)
    extension = path.suffix.lstrip(".").lower()
    if extension not in figure.canvas.get_supported_filetypes():
        raise OptionError(f"{path}: unsupported image format {extension!r}; use .png, .svg or .pdf")
    try:
        figure.savefig(path, format=extension, dpi=dots_per_inch)
    except OSError as error:
        raise OptionError(f"{path}: cannot be written: {error.strerror or error}") from error


_TITLE_STYLE: dict[str, Any] = {"loc": "left", "fontsize": 9.5, "color": _INK}


def _spectrogram(figure: Figure, axes: Axes, frames: np.ndarray, front_end: FrontEnd) -> None:
    """Draw the levels; each spectrogram has its own colour range, so that a quiet recording is not all
    dark."""
    loudest = float(np.max(frames))
    low = max(float(np.percentile(frames, 1)), loudest - _RANGE_DB)
    colours: dict[str, Any] = {"cmap": "magma", "vmin": low, "vmax": max(loudest, low + 1)}
    image = axes.imshow(frames.T, **_image_options(len(frames), front_end), **colours)
    figure.colorbar(image, ax=axes, label="level [dB]", pad=0.01, aspect=18)
    _set_frequency_ticks(axes, front_end)
    axes.tick_params(labelbottom=False)


def _draw_map(figure: Figure, axes: Axes, map: np.ndarray, front_end: FrontEnd, score: Score) -> bool:
    """Draw the map; return whether its background is light.

    In a z-score map, negative values are as dark as zero, since only excess is anomalous, and the colour
    range is at least `_MIN_ZSCORE_RANGE`, so that the map of a normal recording is dark.
    """
    largest = float(np.percentile(np.abs(map), 99.7)) or float(np.max(np.abs(map))) or 1.0
    signed = not score.maps_are_zscores and bool(np.sum(np.minimum(map, 0)) < -0.01 * np.sum(np.abs(map)))
    colours: dict[str, Any] = {"cmap": "viridis", "vmin": 0.0, "vmax": largest}
    if score.maps_are_zscores:
        colours["vmax"] = max(largest, _MIN_ZSCORE_RANGE)
    elif signed:
        colours |= {"cmap": "PuOr_r", "vmin": -largest}
    image = axes.imshow(map.T, **_image_options(len(map), front_end), **colours)
    label = "above normal [std. dev.]" if score.maps_are_zscores else "added to the score"
    figure.colorbar(image, ax=axes, label=label, pad=0.01, aspect=18, extend="max")
    axes.set_title(
        "Deviation from normal recordings" if score.maps_are_zscores else "Where the score comes from",
        **_TITLE_STYLE,
    )
    _set_frequency_ticks(axes, front_end)
    axes.tick_params(labelbottom=False)
    return signed


def _shortened(text: str) -> str:
    """At most `_MAX_TITLE` characters of a text: its start and, mostly, its end."""
    return text if len(text) <= _MAX_TITLE else f"{text[:16]}…{text[17 - _MAX_TITLE :]}"


def _image_options(count: int, front_end: FrontEnd) -> dict[str, Any]:
    """Options of ``imshow``. With more frames than pixels the image is smoothed, so that no frame is lost."""
    smoothing = "nearest" if count < _WIDTH_PIXELS else "antialiased"
    extent = (0.0, frame_edges(count, front_end)[-1], 0, front_end.n_mels)
    return {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": smoothing}


def _set_frequency_ticks(axes: Axes, front_end: FrontEnd) -> None:
    """Label the frequency axis in hertz; all bands have the same height, so that it is not linear."""
    axes.set_ylabel("frequency [Hz]")
    edges = band_edges(front_end)
    ticks = [hz for hz in _TICKS_HZ if edges[0] <= hz <= edges[-1]] or [round(edges[-1])]
    heights = np.interp(ticks, edges, np.arange(len(edges)))
    shown = [len(ticks) - 1]  # from the top down; the lowest ticks are too close to each other
    for i in reversed(range(len(ticks))):
        if heights[shown[-1]] - heights[i] > front_end.n_mels / 14:
            shown.append(i)
    labels = [f"{hz // 1000} k" if hz >= 1000 else str(hz) for hz in ticks]
    axes.set_yticks([heights[i] for i in shown], [labels[i] for i in shown])


def _draw_boxes(axes: Axes, regions: list[Region], front_end: FrontEnd, colour: str) -> None:
    from matplotlib.patches import Rectangle

    edges = band_edges(front_end)
    for number, region in enumerate(regions, start=1):
        low, high = np.interp([region.low_hz, region.high_hz], edges, np.arange(len(edges)))
        corner, width = (region.start_seconds, low), region.end_seconds - region.start_seconds
        axes.add_patch(Rectangle(corner, width, high - low, fill=False, edgecolor=colour, linewidth=1.1))
        axes.annotate(
            str(number), (region.start_seconds, high), xytext=(3, -3), textcoords="offset points",
            ha="left", va="top", color=colour, fontsize=9, fontweight="bold",
        )  # fmt: skip


def _profiles(by_band: Axes, by_time: Axes, map: np.ndarray, front_end: FrontEnd) -> None:
    """Draw the mean of each band over time, and of each frame over the bands."""
    bands, frames = map.mean(axis=0), map.mean(axis=1)
    heights = np.arange(front_end.n_mels) + 0.5
    by_band.fill_betweenx(heights, bands, color="#31688e", linewidth=0)
    by_band.set_xlim(min(0.0, 1.05 * bands.min()), 1.05 * bands.max() if bands.max() > 0 else 1.0)
    by_band.tick_params(labelleft=False)
    by_band.set_title("By frequency", **_TITLE_STYLE)
    times = np.arange(len(map)) * (front_end.hop / front_end.sample_rate)
    by_time.fill_between(times, frames, color="#31688e", linewidth=0)
    by_time.set_xlabel("time [s]")
    by_time.set_ylim(min(0.0, 1.05 * frames.min()), 1.05 * frames.max() if frames.max() > 0 else 1.0)
    by_time.set_title("By time", **_TITLE_STYLE)
    for axes in (by_band, by_time):
        axes.spines[["top", "right"]].set_visible(False)


def _list_regions(axes: Axes, regions: list[Region]) -> None:
    axes.set_axis_off()
    lines = [
        f"{number}  {100 * r.share:.0f} % of the deviation\n"
        f"    {r.start_seconds:.2f}–{r.end_seconds:.2f} s\n    {r.low_hz:.0f}–{r.high_hz:.0f} Hz"
        for number, r in enumerate(regions, start=1)
    ]
    text = "Strongest regions\n\n" + "\n\n".join(lines or ["none"])
    axes.text(0.0, 1.0, text, transform=axes.transAxes, va="top", fontsize=9, color=_INK)

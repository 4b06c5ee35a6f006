"""One picture that says why a recording scored what it did: its spectrogram, and where the score comes from.

Colours are matplotlib's perceptually even maps, which readers with any colour vision tell apart.
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
_DOTS_ACROSS = 600  # of the spectrogram, about
_LETTERS = 96  # of a title above a spectrogram
_FIND = 4.0  # standard deviations of normal running that are a find
_RANGE_DB = 80.0  # shown below the loudest bin; digital silence would else take all the colours


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
    """Draws the log-mel spectrogram of a recording above the map of where its score comes from.

    The strongest regions are boxed and numbered in both. Beside and below the map: its mean over time
    and over the bands. Between the two, where it is given, the spectrogram of the nearest normal
    recording on the same axes.

    Args:
        path_out: a file, its type by its ending (png, svg, pdf), or a binary stream, which gets a PNG.
        frames: (T, n_mels) log-mel, dB.
        front_end: by which the frames were made.
        score: the verdict, with a map (T, n_mels).
        title: what to call the recording.
        nearest: (T', n_mels) log-mel of the recording at ``score.nearest``, dB.
        dots_per_inch: of the 10 × 6.6 inches (8.8 with the nearest), where the format has dots.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OptionError: no map, frames and map do not fit each other or the front end, no such picture
            format, or the file cannot be written.
    """
    regions = score_regions(score, front_end)
    assert score.map is not None  # else there are no regions
    map = np.asarray(score.map, dtype=np.float64)
    if np.shape(frames) != map.shape:
        raise OptionError(f"frames of shape {np.shape(frames)} and a map of {map.shape} do not fit")
    figure = new_figure(10.0, 6.6 if nearest is None else 8.8)
    heights = [3, 3, 1] if nearest is None else [3, 3, 3, 1]
    grid = figure.add_gridspec(len(heights), 2, width_ratios=[4.2, 1], height_ratios=heights)
    upper = figure.add_subplot(grid[0, 0])
    lower = figure.add_subplot(grid[-2, 0], sharex=upper, sharey=upper)
    by_band = figure.add_subplot(grid[-2, 1], sharey=upper)
    by_time = figure.add_subplot(grid[-1, 0], sharex=upper)
    legend = figure.add_subplot(grid[0, 1])

    _spectrogram(figure, upper, frames, front_end)
    upper.set_title("Spectrogram", **_HEAD)
    if nearest is not None:
        beside = figure.add_subplot(grid[1, 0], sharex=upper, sharey=upper)
        _spectrogram(figure, beside, nearest, front_end)
        beside.set_title(_shortened(f"Nearest normal: {score.nearest}"), parse_math=False, **_HEAD)
    lit = "#333333" if _draw_map(figure, lower, map, front_end, score) else "white"
    for axes, colour in ((upper, "white"), (lower, lit)):
        _box(axes, regions, front_end, colour)
    _profiles(by_band, by_time, map, front_end)
    _list_regions(legend, regions)
    upper.set_xlim(0, frame_edges(len(map), front_end)[-1])
    figure.suptitle(f"{title}\n{verdict(score)}", parse_math=False, fontsize=11, color=_INK)
    save_figure(figure, path_out, dots_per_inch=dots_per_inch)


def verdict(score: Score) -> str:
    """A line such as ``score 12.3 · threshold 10.2 · ANOMALY``."""
    if score.threshold is None:
        return f"score {score.score:.4g} · no threshold, so no verdict"
    judged = "ANOMALY" if score.anomalous else "normal"
    return f"score {score.score:.4g} · threshold {score.threshold:.4g} · {judged}"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, apart from pyplot and its global state.

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
    """Writes a figure to a file by its ending, or as PNG to a stream; errors as of `draw_explanation`."""
    if not isinstance(path_out, (str, os.PathLike)):
        figure.savefig(path_out, format="png", dpi=dots_per_inch)
        return
    path = Path(path_out)
    kind = path.suffix.lstrip(".").lower()
    known = sorted(figure.canvas.get_supported_filetypes())
    if kind not in known:
        raise OptionError(f"{path}: no picture format {kind!r}; end the name in .png, .svg or .pdf")
    try:
        figure.savefig(path, format=kind, dpi=dots_per_inch)
    except OSError as error:
        raise OptionError(f"{path}: cannot be written: {error.strerror or error}") from error


_HEAD: dict[str, Any] = {"loc": "left", "fontsize": 9.5, "color": _INK}


def _spectrogram(figure: Figure, axes: Axes, frames: np.ndarray, front_end: FrontEnd) -> None:
    """Draws the levels in colours of their own range, so that a quieter recording is not all dark."""
    loudest = float(np.max(frames))
    low = max(float(np.percentile(frames, 1)), loudest - _RANGE_DB)
    colours: dict[str, Any] = {"cmap": "magma", "vmin": low, "vmax": max(loudest, low + 1)}
    sound = axes.imshow(frames.T, **_image(len(frames), front_end), **colours)
    figure.colorbar(sound, ax=axes, label="level [dB]", pad=0.01, aspect=18)
    _mark_bands(axes, front_end)
    axes.tick_params(labelbottom=False)


def _draw_map(figure: Figure, axes: Axes, map: np.ndarray, front_end: FrontEnd, score: Score) -> bool:
    """Draws the map; returns whether its ground is light.

    What is less than usual is as dark as what is usual: it is no find. A map in standard deviations is
    scaled to `_FIND` of them at least, so that a normal recording stays dark.
    """
    reach = float(np.percentile(np.abs(map), 99.7)) or float(np.max(np.abs(map))) or 1.0
    signed = not score.points and bool(np.sum(np.minimum(map, 0)) < -0.01 * np.sum(np.abs(map)))
    colours: dict[str, Any] = {"cmap": "viridis", "vmin": 0.0, "vmax": reach}
    if score.points:
        colours["vmax"] = max(reach, _FIND)
    elif signed:
        colours |= {"cmap": "PuOr_r", "vmin": -reach}
    image = axes.imshow(map.T, **_image(len(map), front_end), **colours)
    label = "above usual [std. dev.]" if score.points else "added to the score"
    figure.colorbar(image, ax=axes, label=label, pad=0.01, aspect=18, extend="max")
    axes.set_title(
        "Where it differs from normal running" if score.points else "Where the score comes from", **_HEAD
    )
    _mark_bands(axes, front_end)
    axes.tick_params(labelbottom=False)
    return signed


def _shortened(text: str) -> str:
    """At most `_LETTERS` of a text, the end of which says most."""
    return text if len(text) <= _LETTERS else f"{text[:16]}…{text[17 - _LETTERS :]}"


def _image(count: int, front_end: FrontEnd) -> dict[str, Any]:
    """Bins as they are; where there are more frames than dots, smoothed, so that none is passed over."""
    smoothing = "nearest" if count < _DOTS_ACROSS else "antialiased"
    extent = (0.0, frame_edges(count, front_end)[-1], 0, front_end.n_mels)
    return {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": smoothing}


def _mark_bands(axes: Axes, front_end: FrontEnd) -> None:
    """Bands stand at equal heights, as the detector sees them; ticks say their hertz."""
    axes.set_ylabel("frequency [Hz]")
    edges = band_edges(front_end)
    ticks = [hz for hz in _TICKS_HZ if edges[0] <= hz <= edges[-1]] or [round(edges[-1])]
    heights = np.interp(ticks, edges, np.arange(len(edges)))
    kept = [len(ticks) - 1]  # from the top down, since the lowest stand too close to each other
    for i in reversed(range(len(ticks))):
        if heights[kept[-1]] - heights[i] > front_end.n_mels / 14:
            kept.append(i)
    names = [f"{hz // 1000} k" if hz >= 1000 else str(hz) for hz in ticks]
    axes.set_yticks([heights[i] for i in kept], [names[i] for i in kept])


def _box(axes: Axes, regions: list[Region], front_end: FrontEnd, colour: str) -> None:
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
    """The mean of each band over time, and of each frame over the bands."""
    bands, frames = map.mean(axis=0), map.mean(axis=1)
    heights = np.arange(front_end.n_mels) + 0.5
    by_band.fill_betweenx(heights, bands, color="#31688e", linewidth=0)
    by_band.set_xlim(min(0.0, 1.05 * bands.min()), 1.05 * bands.max() if bands.max() > 0 else 1.0)
    by_band.tick_params(labelleft=False)
    by_band.set_title("By frequency", **_HEAD)
    times = np.arange(len(map)) * (front_end.hop / front_end.sample_rate)
    by_time.fill_between(times, frames, color="#31688e", linewidth=0)
    by_time.set_xlabel("time [s]")
    by_time.set_ylim(min(0.0, 1.05 * frames.min()), 1.05 * frames.max() if frames.max() > 0 else 1.0)
    by_time.set_title("By time", **_HEAD)
    for axes in (by_band, by_time):
        axes.spines[["top", "right"]].set_visible(False)


def _list_regions(axes: Axes, regions: list[Region]) -> None:
    axes.set_axis_off()
    lines = [
        f"{number}  {100 * r.share:.0f} % of it\n"
        f"    {r.start_seconds:.2f}–{r.end_seconds:.2f} s\n    {r.low_hz:.0f}–{r.high_hz:.0f} Hz"
        for number, r in enumerate(regions, start=1)
    ]
    text = "Strongest regions\nof what stands out\n\n" + "\n\n".join(lines or ["none"])
    axes.text(0.0, 1.0, text, transform=axes.transAxes, va="top", fontsize=9, color=_INK)

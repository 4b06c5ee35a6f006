"""Pictures that explain a score: what the recording is, and where it differs from normal ones."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

from auscult.errors import MissingExtraError, OptionError
from auscult.report.explanation import Explanation
from auscult.report.panels import (
    INK,
    TITLE_STYLE,
    draw_boxes,
    draw_envelope,
    draw_map,
    draw_profiles,
    draw_spectrograms,
    list_regions,
)
from auscult.report.timeline import draw_timeline
from auscult.report.title import fit_title, no_glyph_warnings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from auscult.model import Score

#: Width of the title of a panel, as a share of the panel: text is a little wider at other resolutions.
_TITLE_WIDTH = 0.97


def draw_explanation(
    path_out: str | os.PathLike[str] | IO[bytes],
    explained: Explanation,
    *,
    title: str,
    dots_per_inch: int = 130,
) -> None:
    """Draw the figure of `explanation_figure` and write it.

    Args:
        path_out: a file, whose extension sets the format (png, svg, pdf), or a binary stream for a PNG.
        explained, title: as of `explanation_figure`.
        dots_per_inch: resolution of raster formats; the figure is 11 inches wide.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OptionError: the format is not supported, or the file cannot be written.
    """
    save_figure(explanation_figure(explained, title=title), path_out, dots_per_inch=dots_per_inch)


def explanation_figure(explained: Explanation, *, title: str) -> Figure:
    """Draw the spectrogram of a recording, that of the nearest normal one, and the map of the deviation.

    Both spectrograms have one colour scale. The regions are boxed and numbered in the first and in the map,
    and named at the side. The median of the map over time and its mean over the bands are drawn next to it,
    with the limits of normal recordings as dashed lines. If impacts repeat, the spectrum of the envelope is
    drawn below. If the recording is a section of a longer one, the scores of all sections are above.

    Args:
        explained: what to draw.
        title: the name of the recording.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    row = 1 if explained.timeline else 0
    heights = [1.3] * row + [3.0, *([3.0] if explained.nearest is not None else []), 3.0, 1.0]
    heights += [1.3] if explained.impacts else []
    figure = new_figure(11.0, 0.95 * sum(heights))
    grid = figure.add_gridspec(len(heights), 2, width_ratios=[4.2, 1.1], height_ratios=heights)
    if explained.timeline is not None:
        above = figure.add_subplot(grid[0, 0])
        draw_timeline(above, explained.timeline)
        above.set_title("Score of each section; boxed: the one below", **TITLE_STYLE)
    upper = figure.add_subplot(grid[row, 0])
    legend_rows = slice(row, row + 1 + (explained.nearest is not None))
    row += 1
    spectrograms = [upper]
    if explained.nearest is not None:
        spectrograms.append(figure.add_subplot(grid[row, 0], sharey=upper))
        row += 1
    lower = figure.add_subplot(grid[row, 0], sharex=upper, sharey=upper)
    by_band = figure.add_subplot(grid[row, 1], sharey=upper)
    by_time = figure.add_subplot(grid[row + 1, 0], sharex=upper)
    legend = figure.add_subplot(grid[legend_rows, 1])

    draw_spectrograms(figure, spectrograms, explained)
    upper.set_title("Spectrogram", **TITLE_STYLE)
    light = draw_map(figure, lower, explained)
    for axes, colour in ((upper, "white"), (lower, INK if light else "white")):
        draw_boxes(axes, explained, colour)
    draw_profiles(by_band, by_time, explained)
    list_regions(legend, explained)
    if explained.impacts is not None:
        draw_envelope(figure.add_subplot(grid[row + 2, 0]), explained.impacts)
    heading = figure.suptitle(
        f"{title}\n{verdict_text(explained.score)}", parse_math=False, fontsize=11, color=INK
    )
    fit_title(heading, 0.97 * figure.bbox.width, lines_below=1)
    if explained.nearest is not None:
        _name_nearest(figure, spectrograms[1], explained)
    return figure


def _name_nearest(figure: Figure, axes: Axes, explained: Explanation) -> None:
    """Write the path of the nearest normal recording above its spectrogram, as much as its width holds."""
    differs = f"\nin another condition: {explained.nearest_differs}" if explained.nearest_differs else ""
    name = axes.set_title("Nearest normal", parse_math=False, **TITLE_STYLE)
    engine = figure.get_layout_engine()
    assert engine is not None  # of `new_figure`
    engine.execute(figure)  # only now the width is known
    name.set_text(f"{explained.nearest_name}{differs}")
    width, lines_below = _TITLE_WIDTH * axes.bbox.width, 1 if differs else 0
    fit_title(name, width, label="Nearest normal: ", lines_below=lines_below)


def verdict_text(score: Score) -> str:
    """Return a line such as ``score 12.3 · threshold 10.2 · ANOMALY``."""
    if score.verdict is None:
        return f"score {score.score:.4g} · no threshold, so no verdict"
    verdict = {"anomaly": "ANOMALY", "sensor": "sensor fault, not judged"}.get(score.verdict, score.verdict)
    if score.threshold is None:
        return f"score {score.score:.4g} · no threshold · {verdict}"
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
        with no_glyph_warnings():
            figure.savefig(path_out, format="png", dpi=dots_per_inch)
        return
    path = Path(path_out)
    extension = path.suffix.lstrip(".").lower()
    if extension not in figure.canvas.get_supported_filetypes():
        raise OptionError(f"{path}: unsupported image format {extension!r}; use .png, .svg or .pdf")
    try:
        with no_glyph_warnings():
            figure.savefig(path, format=extension, dpi=dots_per_inch)
    except OSError as error:
        raise OptionError(f"{path}: cannot be written: {error.strerror or error}") from error


def compact_png(data: bytes) -> bytes:
    """Return a PNG with a palette of 256 colours, a third of the size, for pages with many pictures."""
    from PIL import Image  # a dependency of matplotlib

    stream = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").quantize(256).save(stream, format="png", optimize=True)
    return stream.getvalue()

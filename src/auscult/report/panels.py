"""The panels of a picture that explains a score; they share one axis of frequency.

The colour maps are perceptually uniform and safe for readers with colour vision deficiency.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auscult.detectors.maps.map_limits import MapLimits, MapParts
from auscult.report.explanation import Explanation
from auscult.report.impacts import Impacts
from auscult.report.regions import MIN_SHARE, Region, band_edges, frame_edges
from auscult.report.spectrogram import height, row_edges, spectrogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

INK = "#333333"
UNIT_OF_LIMITS = "[× normal limit]"
TITLE_STYLE: dict[str, Any] = {"loc": "left", "fontsize": 9.5, "color": INK}
#: A z-score map is drawn between these multiples of what normal recordings show, on a logarithmic scale.
RANGE_IN_LIMITS = (0.25, 8.0)
_BLUE = "#31688e"
_GREY = "#9a9a9a"
_TICKS_HZ = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000)
_WIDTH_PIXELS = 600  # of the spectrogram, approximately
_RANGE_DB = 80.0  # below the loudest bin; without a limit, digital silence would take up the colour range
_LINE = 32  # characters of a line beside the pictures
_TICK_SPACING = 0.055  # least distance between labels, as a share of the axis


def draw_spectrograms(figure: Figure, axes: Sequence[Axes], explained: Explanation) -> None:
    """Draw the spectrograms of the recording and of the nearest normal one on one colour scale.

    Each has its own time axis, since the two can differ in length.
    """
    waveforms = [explained.waveform, *([explained.nearest] if explained.nearest is not None else [])]
    levels = [spectrogram(waveform) for waveform in waveforms]
    loudest = max(float(np.percentile(level, 99.9)) for level in levels)
    quietest = min(float(np.percentile(level, 2)) for level in levels)
    low = max(quietest, loudest - _RANGE_DB)
    colours: dict[str, Any] = {"cmap": "magma", "vmin": low, "vmax": max(loudest, low + 1)}
    starts = (explained.start_seconds, explained.nearest_start)
    for panel, waveform, level, start in zip(axes, waveforms, levels, starts, strict=False):
        extent = (start, start + waveform.seconds, 0.0, _top(explained))
        image = panel.imshow(level.T, extent=extent, **_image_options(len(level)), **colours)
        panel.set_xlim(start, start + waveform.seconds)
        set_frequency_ticks(panel, explained)
    axes[0].tick_params(labelbottom=False)
    figure.colorbar(image, ax=list(axes), label="level [dB]", pad=0.01, aspect=18 * len(axes))


def draw_map(figure: Figure, axes: Axes, explained: Explanation) -> bool:
    """Draw the map; return whether its background is light.

    A z-score map is drawn in multiples of what normal recordings show (`MapLimits.relative`), on a fixed
    colour scale: grey up to the limit, coloured above it, so that what is coloured is what is named. Only
    excess is anomalous: negative values are as dark as zero.
    """
    from matplotlib.colors import LogNorm

    score, map = explained.score, explained.map
    colours: dict[str, Any] = {"cmap": "inferno", "vmin": 0.0}
    light = False
    lowest, highest = RANGE_IN_LIMITS
    if score.maps_are_zscores:
        map = np.maximum((score.map_limits or MapLimits()).relative(map), lowest)
        colours = {"cmap": _grey_up_to_the_limit(), "norm": LogNorm(lowest, highest)}
        label = f"deviation {UNIT_OF_LIMITS}"
        title = "Deviation from normal recordings: grey is within their limit, colours exceed it"
    else:
        largest = float(np.percentile(np.abs(map), 99.7)) or float(np.max(np.abs(map))) or 1.0
        colours["vmax"] = largest
        light = bool(np.sum(np.minimum(map, 0)) < -0.01 * np.sum(np.abs(map)))
        if light:
            colours |= {"cmap": "PuOr_r", "vmin": -largest}
        label, title = "added to the score [score]", "Where the score comes from"
    edges = row_edges(explained.waveform.sample_rate)
    hertz = band_edges(explained.front_end)
    bands = np.searchsorted(hertz, (edges[1:] + edges[:-1]) / 2) - 1
    rows = np.full((len(map), len(bands)), np.nan)
    inside = (bands >= 0) & (bands < map.shape[1])
    rows[:, inside] = map[:, bands[inside]]
    half_hop = explained.front_end.hop / explained.front_end.sample_rate / 2
    first = explained.start_seconds - half_hop  # frames are centred
    extent = (first, first + 2 * half_hop * len(map), 0.0, _top(explained))
    image = axes.imshow(rows.T, extent=extent, **_image_options(len(map)), **colours)
    bar = figure.colorbar(image, ax=axes, label=label, pad=0.01, aspect=18, extend="max")
    if score.maps_are_zscores:
        bar.set_ticks([0.25, 0.5, 1, 2, 4, 8], labels=["¼", "½", "1", "2", "4", "8"])
        bar.ax.minorticks_off()
        bar.ax.axhline(1.0, color="white", linewidth=1.2, linestyle="--")
        axes.set_facecolor("black")  # a recording can end half a hop after the last frame
    axes.set_title(title, **TITLE_STYLE)
    set_frequency_ticks(axes, explained)
    axes.tick_params(labelbottom=False)
    return light


def _grey_up_to_the_limit() -> Colormap:
    """Colours for multiples of the limit in `RANGE_IN_LIMITS`: greys below 1, those of inferno above."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    lowest, highest = np.log(RANGE_IN_LIMITS)
    below = round(256 * -lowest / (highest - lowest))
    grey = np.repeat(np.linspace(0.0, 0.4, below)[:, None], 4, axis=1)
    grey[:, 3] = 1.0
    return ListedColormap(np.concatenate([grey, colormaps["inferno"](np.linspace(0.45, 1.0, 256 - below))]))


def draw_boxes(axes: Axes, explained: Explanation, colour: str) -> None:
    """Draw a numbered box around each region, and a line at each knock.

    Boxes and numbers are outlined, so that they are visible on dark and on bright colours.
    """
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    outline = [withStroke(linewidth=2.5, foreground="black" if colour == "white" else "white", alpha=0.6)]
    for number, region in enumerate(explained.regions, start=1):
        low, high = (min(float(height(hz)), _top(explained)) for hz in (region.low_hz, region.high_hz))
        if region.times:
            axes.vlines(region.times, low, high, color=colour, linewidth=0.8, linestyle=":")
        else:
            corner, width = (region.start_seconds, low), region.end_seconds - region.start_seconds
            edge: dict[str, Any] = {"edgecolor": colour, "linewidth": 1.1, "path_effects": outline}
            axes.add_patch(Rectangle(corner, width, high - low, fill=False, **edge))
        axes.annotate(
            str(number), (region.start_seconds, high), xytext=(3, -3), textcoords="offset points",
            ha="left", va="top", color=colour, fontsize=9, fontweight="bold", path_effects=outline,
        )  # fmt: skip


def draw_profiles(by_band: Axes, by_time: Axes, explained: Explanation) -> None:
    """Draw the median of each band and the mean of each frame, in multiples of the limits.

    A map that is not in standard deviations has no limits, and is drawn in the unit of the score.
    """
    map, unit = explained.map, "[score]"
    bands, frames = np.median(map, axis=0), map.mean(axis=1)
    if explained.score.maps_are_zscores:
        limits, parts = explained.score.map_limits or MapLimits(), MapParts.of(map)
        bands, frames, unit = parts.steady / limits.steady, parts.bursts / limits.burst, UNIT_OF_LIMITS
    edges = np.minimum(height(band_edges(explained.front_end)), _top(explained))
    by_band.fill_betweenx(np.repeat(edges, 2)[1:-1], np.repeat(bands, 2), color=_BLUE, linewidth=0)
    by_band.tick_params(labelleft=False)
    by_band.set_title("Steady: median over time", **TITLE_STYLE)
    by_band.set_xlabel(f"deviation {unit}")
    seconds = explained.start_seconds + frame_edges(len(map), explained.front_end)
    by_time.fill_between(np.repeat(seconds, 2)[1:-1], np.repeat(frames, 2), color=_BLUE, linewidth=0)
    by_time.set_xlabel("time [s]")
    by_time.set_ylabel(unit.replace(" limit", "\nlimit"))
    by_time.set_title("Bursts: mean over frequency, without what is steady", **TITLE_STYLE)
    least = 1e-6
    if explained.score.maps_are_zscores:
        least = 1.0
        by_band.axvline(1.0, color=INK, linewidth=0.9, linestyle="--")
        by_time.axhline(1.0, color=INK, linewidth=0.9, linestyle="--")
    by_band.set_xlim(min(0.0, float(bands.min())), 1.1 * max(float(bands.max()), least))
    by_time.set_ylim(min(0.0, float(frames.min())), 1.1 * max(float(frames.max()), least))
    for axes in (by_band, by_time):
        axes.spines[["top", "right"]].set_visible(False)


def draw_envelope(axes: Axes, impacts: Impacts) -> None:
    """Draw the spectrum of the envelope, with the repetition and its harmonics marked."""
    modulation = 100 * impacts.spectrum
    axes.plot(impacts.frequencies, modulation, color=_BLUE, linewidth=0.9)
    for harmonic in np.arange(1, 1 + int(impacts.frequencies[-1] / impacts.hertz)) * impacts.hertz:
        axes.axvline(harmonic, color=_GREY, linewidth=0.7, linestyle=":")
    axes.set_xlim(0.0, float(impacts.frequencies[-1]))
    axes.set_ylim(0.0, 1.1 * float(modulation[impacts.frequencies > 2.0].max()))
    title = f"Spectrum of the envelope, {impacts.band}: impacts at {impacts.hertz:.1f} Hz"
    axes.set_title(title, **TITLE_STYLE)
    axes.set_xlabel("repetitions per second [Hz]")
    axes.set_ylabel("modulation\n[%]")
    axes.spines[["top", "right"]].set_visible(False)


def list_regions(axes: Axes, explained: Explanation) -> None:
    """Write what the regions are."""
    axes.set_axis_off()
    entries = [_entry(str(number), region) for number, region in enumerate(explained.regions, start=1)]
    if explained.unnamed_share >= MIN_SHARE:
        entries.append(f"smaller parts, {100 * explained.unnamed_share:.0f} %")
    if impacts := explained.impacts_text():
        entries.append(f"impacts\n{impacts.replace(' (', chr(10) + '(')}")
    if explained.strongest is not None:
        most = _entry("", replace(explained.strongest, share=0.0))
        entries.insert(0, f"no part alone exceeds\nnormal recordings; most:\n{most}")
    heading = "Deviations"
    if any(region.kind != "region" for region in explained.regions):
        heading += "\n(% of all that exceeds normal)"
    nothing = "nothing beyond what\nnormal recordings show"
    text = f"{heading}\n\n" + "\n\n".join(entries or [nothing])
    axes.text(0.0, 1.0, text, transform=axes.transAxes, va="top", fontsize=8, color=INK)


def set_frequency_ticks(axes: Axes, explained: Explanation) -> None:
    """Label the frequency axis in hertz; it is linear up to 50 Hz and logarithmic above."""
    axes.set_ylabel("frequency [Hz]")
    top = _top(explained)
    ticks = [hz for hz in _TICKS_HZ if height(hz) <= top]
    shown = ticks[:1]
    for hz in ticks[1:]:
        if height(hz) - height(shown[-1]) > _TICK_SPACING * top:
            shown.append(hz)
    labels = [f"{hz // 1000} k" if hz >= 1000 else str(hz) for hz in shown]
    axes.set_yticks([float(height(hz)) for hz in shown], labels)
    axes.set_ylim(0.0, top)


def _entry(number: str, region: Region) -> str:
    """A region in a few short lines; the share is left out if it is 0."""
    name = "" if region.kind == "region" else region.kind
    share = f"{100 * region.share:.0f} %" if region.share else ""
    lines = [f"{number}  {', '.join(part for part in (name, share) if part)}", f"   {region.frequencies}"]
    lines.append("   " + textwrap.fill(region.moments, _LINE, subsequent_indent="   "))
    if region.level:
        lines.append(f"   {region.level} re nearest normal")
    if region.multiple is not None:
        lines.append(f"   up to {region.multiple:.2g} × normal limit")
    return "\n".join(lines)


def _top(explained: Explanation) -> float:
    """Height of the highest frequency."""
    return float(height(explained.waveform.sample_rate / 2))


def _image_options(count: int) -> dict[str, Any]:
    """Options of ``imshow``. With more columns than pixels the image is smoothed, so that none is lost."""
    smoothing = "nearest" if count < _WIDTH_PIXELS else "antialiased"
    return {"origin": "lower", "aspect": "auto", "interpolation": smoothing}

"""Small line, histogram and scatter charts as inline SVG, coloured by the style sheet of the page.

Series differ not only in colour but also in dash pattern or marker shape. The colours of series ``0`` to
``5`` and of the kinds ``normal`` and ``anomaly`` are defined in ``page.css``, for light and dark mode.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from auscult.report.markup import Markup, join, tag

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 8, 36
_DASHES = ("", "7 3", "2 2", "9 3 2 3", "4 2", "1 3")
_SHAPES = {"circle": "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0", "triangle": "M0-3.8L3.6 2.8H-3.6Z"}
_MIN_LOG = 1e-100  # smallest value on a logarithmic axis; ratios to smaller values may overflow


@dataclass(frozen=True)
class Axis:
    """The label and the range of an axis, linear or logarithmic."""

    label: str
    low: float
    high: float
    log: bool = False

    @classmethod
    def around(cls, label: str, values: Iterable[float], *, log: bool = False, margin: float = 0.04) -> Axis:
        """Return an axis that holds all finite values, with a margin.

        It is logarithmic if ``log`` and all values exceed 1e-100.
        """
        array = np.array([v for v in values if math.isfinite(v)] or [0.0, 1.0], dtype=np.float64)
        low, high = float(array.min()), float(array.max())
        log = log and low > _MIN_LOG
        if log:
            factor = (high / low) ** margin if high > low else 1.5
            return cls(label, low / factor, high * factor, True)
        space = (high - low) * margin or max(abs(high), 1.0) * 0.05
        return cls(label, low - space, high + space)

    def fraction(self, value: float) -> float:
        """Return the position of a value on the axis, from 0 to 1."""
        if self.log:
            return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Return round values within the range."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for steps in ((1,), (1, 3), (1, 2, 5)):
                ticks = [s * 10.0**d for d in decades for s in steps if self.low <= s * 10.0**d <= self.high]
                if len(ticks) >= 3:
                    return ticks[:: math.ceil(len(ticks) / 6)]
        span = self.high - self.low
        step = 10.0 ** math.floor(math.log10(span / 3))
        step *= next(s for s in (1, 2, 5, 10) if span / (step * s) <= 6)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


class Chart:
    """A chart to which lines, histograms and points are added; `to_markup` returns the SVG.

    Args:
        x: the horizontal axis.
        y: the vertical axis.
        alt: description for screen readers.
        width: in pixels.
        height: in pixels.
    """

    def __init__(self, x: Axis, y: Axis, *, alt: str, width: int = 340, height: int = 230) -> None:
        self.x, self.y, self.alt = x, y, alt
        self.width, self.height = width, height
        self._marks: list[Markup] = []

    def to_pixels(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel coordinates of a point, from the top left."""
        pixel_x = _LEFT + self.x.fraction(x) * (self.width - _LEFT - _RIGHT)
        pixel_y = self.height - _BOTTOM - self.y.fraction(y) * (self.height - _TOP - _BOTTOM)
        return round(pixel_x, 1), round(pixel_y, 1)

    def line(
        self, xs: Sequence[float], ys: Sequence[float], *, series: int, faint: bool = False, name: str = ""
    ) -> None:
        """Add a line through the finite points; ``name`` is shown as a tooltip."""
        finite = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
        points = _without_collinear([self.to_pixels(x, y) for x, y in finite])
        if points:
            path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
            dash = _DASHES[series % len(_DASHES)] or None
            style = f"line s{series % 6}" + (" faint" if faint else "")
            title = tag("title", name) if name else None
            self._marks.append(tag("path", title, d=path, class_=style, stroke_dasharray=dash))

    def steps(self, edges: Sequence[float], heights: Sequence[float], *, kind: str) -> None:
        """Add the filled outline of a histogram with N + 1 edges and N heights."""
        base = self.to_pixels(edges[0], max(self.y.low, 0.0))[1]
        path = f"M{self.to_pixels(edges[0], 0)[0]:g} {base:g}"
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            (x0, y), (x1, _) = self.to_pixels(left, height), self.to_pixels(right, height)
            path += f"L{x0:g} {y:g}L{x1:g} {y:g}"
        path += f"L{self.to_pixels(edges[-1], 0)[0]:g} {base:g}Z"
        dash = "4 2" if kind == "anomaly" else None
        self._marks.append(tag("path", d=path, class_=f"steps {kind}", stroke_dasharray=dash))

    def points(self, points: Sequence[tuple[float, float]], *, kind: str, shape: str) -> None:
        """Add markers of one kind (``normal``, ``anomaly``) and shape (``circle``, ``triangle``)."""
        for x, y in points:
            pixel_x, pixel_y = self.to_pixels(x, y)
            move = f"translate({pixel_x:g} {pixel_y:g})"
            self._marks.append(tag("path", d=_SHAPES[shape], transform=move, class_=f"point {kind}"))

    def vertical_line(self, x: float, label: str) -> None:
        """Add a labelled vertical line if it is within the axis."""
        if self.x.low <= x <= self.x.high:
            pixel_x, bottom = self.to_pixels(x, self.y.low)
            offset = -4 if pixel_x > self.width * 0.7 else 4
            anchor = "end" if offset < 0 else "start"
            self._marks.append(tag("path", d=f"M{pixel_x:g} {_TOP}V{bottom:g}", class_="vertical-line"))
            self._marks.append(tag("text", label, x=pixel_x + offset, y=_TOP + 9, text_anchor=anchor))

    def to_markup(self) -> Markup:
        """Return the SVG element."""
        bottom, right = self.height - _BOTTOM, self.width - _RIGHT
        frame: list[Markup] = []
        for value in self.x.ticks():
            pixel_x = self.to_pixels(value, self.y.low)[0]
            frame.append(tag("path", d=f"M{pixel_x:g} {_TOP}V{bottom}", class_="grid"))
            frame.append(tag("text", _tick_label(value), x=pixel_x, y=bottom + 14, text_anchor="middle"))
        for value in self.y.ticks():
            pixel_y = self.to_pixels(self.x.low, value)[1]
            frame.append(tag("path", d=f"M{_LEFT} {pixel_y:g}H{right}", class_="grid"))
            frame.append(tag("text", _tick_label(value), x=_LEFT - 5, y=pixel_y + 4, text_anchor="end"))
        middle = (_LEFT + right) / 2
        frame.append(tag("text", self.x.label, x=middle, y=self.height - 4, text_anchor="middle"))
        rotated = f"translate(11 {(_TOP + bottom) / 2:g}) rotate(-90)"
        frame.append(tag("text", self.y.label, transform=rotated, text_anchor="middle"))
        box = f"0 0 {self.width} {self.height}"
        return tag("svg", *frame, *self._marks, viewBox=box, role="img", aria_label=self.alt, class_="chart")


def legend(names: Sequence[str]) -> Markup:
    """Return a legend of the series, with a sample of each line."""
    items = []
    for series, name in enumerate(names):
        dash = _DASHES[series % len(_DASHES)] or None
        line = tag("path", d="M1 5H25", class_=f"line s{series % 6}", stroke_dasharray=dash)
        sample = tag("svg", line, viewBox="0 0 26 10", width=26, height=10, aria_hidden="true")
        items.append(tag("li", sample, name))
    return tag("ul", *items, class_="legend")


def kind_legend(kinds: Sequence[tuple[str, str | None, str]]) -> Markup:
    """Return a legend of kinds: (kind, marker shape or ``None`` for the fill of a histogram, name)."""
    items = []
    for kind, shape, name in kinds:
        if shape:
            mark = tag("path", d=_SHAPES[shape], transform="translate(6 5)", class_=f"point {kind}")
        else:
            dash = "4 2" if kind == "anomaly" else None
            mark = tag("path", d="M1 1H11V9H1Z", class_=f"steps {kind}", stroke_dasharray=dash)
        items.append(
            tag("li", tag("svg", mark, viewBox="0 0 12 10", width=12, height=10, aria_hidden="true"), name)
        )
    return tag("ul", *items, class_="legend")


def figure(caption: str, *children: Markup) -> Markup:
    """Return a figure element with a caption."""
    return tag("figure", tag("figcaption", caption), join(*children))


def _without_collinear(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Remove points on a straight line between their neighbours; ROC curves have many of them."""
    corners: list[tuple[float, float]] = []
    for x, y in points:
        while len(corners) >= 2:
            (ax, ay), (bx, by) = corners[-2:]
            if abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) > 1e-9 or (bx - ax) * (x - bx) < 0:
                break
            corners.pop()
        corners.append((x, y))
    return corners


def _tick_label(value: float) -> str:
    """A short number, with an exponent only if necessary."""
    if value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3):
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-")
    return f"{value:g}" if abs(value) < 1000 else f"{value:.0f}"

"""Small line, step and point charts as inline SVG, coloured by the page's style sheet, light or dark.

Colour never stands alone: each series also has its own dash or shape. Series ``0`` to ``5`` and the kinds
``normal`` and ``anomaly`` are named in ``page.css``.
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
_LEAST_LOG = 1e-100  # ratios to what is less may not be finite


@dataclass(frozen=True)
class Axis:
    """A labelled range, linear or logarithmic."""

    label: str
    low: float
    high: float
    log: bool = False

    @classmethod
    def around(cls, label: str, values: Iterable[float], *, log: bool = False, margin: float = 0.04) -> Axis:
        """Holds all values with a little room; logarithmic only if asked and all exceed 1e-100."""
        array = np.array([v for v in values if math.isfinite(v)] or [0.0, 1.0], dtype=np.float64)
        low, high = float(array.min()), float(array.max())
        log = log and low > _LEAST_LOG
        if log:
            room = (high / low) ** margin if high > low else 1.5
            return cls(label, low / room, high * room, True)
        room = (high - low) * margin or max(abs(high), 1.0) * 0.05
        return cls(label, low - room, high + room)

    def part(self, value: float) -> float:
        """Where on the axis a value lies, 0 to 1."""
        if self.log:
            return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values along the axis."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for steps in ((1,), (1, 3), (1, 2, 5)):
                found = [s * 10.0**d for d in decades for s in steps if self.low <= s * 10.0**d <= self.high]
                if len(found) >= 3:
                    return found[:: math.ceil(len(found) / 6)]
        span = self.high - self.low
        step = 10.0 ** math.floor(math.log10(span / 3))
        step *= next(s for s in (1, 2, 5, 10) if span / (step * s) <= 6)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


class Chart:
    """A chart in the making; `to_markup` gives the SVG."""

    def __init__(self, x: Axis, y: Axis, *, alt: str, width: int = 340, height: int = 230) -> None:
        self.x, self.y, self.alt = x, y, alt
        self.width, self.height = width, height
        self._marks: list[Markup] = []

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point."""
        across = _LEFT + self.x.part(x) * (self.width - _LEFT - _RIGHT)
        up = self.height - _BOTTOM - self.y.part(y) * (self.height - _TOP - _BOTTOM)
        return round(across, 1), round(up, 1)

    def line(
        self, xs: Sequence[float], ys: Sequence[float], *, series: int, faint: bool = False, name: str = ""
    ) -> None:
        """A line through finite points; ``name`` is told when pointed at."""
        known = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
        points = _without_collinear([self.place(x, y) for x, y in known])
        if points:
            path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
            dash = _DASHES[series % len(_DASHES)] or None
            style = f"line s{series % 6}" + (" faint" if faint else "")
            title = tag("title", name) if name else None
            self._marks.append(tag("path", title, d=path, class_=style, stroke_dasharray=dash))

    def steps(self, edges: Sequence[float], heights: Sequence[float], *, kind: str) -> None:
        """A histogram's outline, filled: one height between each two edges."""
        base = self.place(edges[0], max(self.y.low, 0.0))[1]
        path = f"M{self.place(edges[0], 0)[0]:g} {base:g}"
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            (x0, up), (x1, _) = self.place(left, height), self.place(right, height)
            path += f"L{x0:g} {up:g}L{x1:g} {up:g}"
        path += f"L{self.place(edges[-1], 0)[0]:g} {base:g}Z"
        dash = "4 2" if kind == "anomaly" else None
        self._marks.append(tag("path", d=path, class_=f"steps {kind}", stroke_dasharray=dash))

    def points(self, places: Sequence[tuple[float, float]], *, kind: str, shape: str) -> None:
        """Marks of one kind and shape (``circle``, ``triangle``)."""
        for x, y in places:
            across, up = self.place(x, y)
            move = f"translate({across:g} {up:g})"
            self._marks.append(tag("path", d=_SHAPES[shape], transform=move, class_=f"point {kind}"))

    def upright(self, x: float, label: str) -> None:
        """A vertical line with a name, where it lies within the axis."""
        if self.x.low <= x <= self.x.high:
            across, bottom = self.place(x, self.y.low)
            side = -4 if across > self.width * 0.7 else 4
            anchor = "end" if side < 0 else "start"
            self._marks.append(tag("path", d=f"M{across:g} {_TOP}V{bottom:g}", class_="upright"))
            self._marks.append(tag("text", label, x=across + side, y=_TOP + 9, text_anchor=anchor))

    def to_markup(self) -> Markup:
        """The SVG element."""
        bottom, right = self.height - _BOTTOM, self.width - _RIGHT
        frame: list[Markup] = []
        for value in self.x.ticks():
            across = self.place(value, self.y.low)[0]
            frame.append(tag("path", d=f"M{across:g} {_TOP}V{bottom}", class_="grid"))
            frame.append(tag("text", _number(value), x=across, y=bottom + 14, text_anchor="middle"))
        for value in self.y.ticks():
            up = self.place(self.x.low, value)[1]
            frame.append(tag("path", d=f"M{_LEFT} {up:g}H{right}", class_="grid"))
            frame.append(tag("text", _number(value), x=_LEFT - 5, y=up + 4, text_anchor="end"))
        middle = (_LEFT + right) / 2
        frame.append(tag("text", self.x.label, x=middle, y=self.height - 4, text_anchor="middle"))
        turned = f"translate(11 {(_TOP + bottom) / 2:g}) rotate(-90)"
        frame.append(tag("text", self.y.label, transform=turned, text_anchor="middle"))
        box = f"0 0 {self.width} {self.height}"
        return tag("svg", *frame, *self._marks, viewBox=box, role="img", aria_label=self.alt, class_="chart")


def legend(names: Sequence[str]) -> Markup:
    """What each series is, with a sample of its line."""
    items = []
    for series, name in enumerate(names):
        dash = _DASHES[series % len(_DASHES)] or None
        line = tag("path", d="M1 5H25", class_=f"line s{series % 6}", stroke_dasharray=dash)
        sample = tag("svg", line, viewBox="0 0 26 10", width=26, height=10, aria_hidden="true")
        items.append(tag("li", sample, name))
    return tag("ul", *items, class_="legend")


def kind_legend(kinds: Sequence[tuple[str, str | None, str]]) -> Markup:
    """The same for kinds: (kind, shape or ``None`` for a histogram's fill, name)."""
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
    """Charts under one caption."""
    return tag("figure", tag("figcaption", caption), join(*children))


def _without_collinear(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leaves out points in the middle of a straight run, of which a ROC curve has many."""
    kept: list[tuple[float, float]] = []
    for x, y in points:
        while len(kept) >= 2:
            (ax, ay), (bx, by) = kept[-2:]
            if abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) > 1e-9 or (bx - ax) * (x - bx) < 0:
                break
            kept.pop()
        kept.append((x, y))
    return kept


def _number(value: float) -> str:
    """A tick's text: short, with an SI-free exponent only where it must be."""
    if value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3):
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-")
    return f"{value:g}" if abs(value) < 1000 else f"{value:.0f}"

"""The data of line, histogram and scatter charts; ``templates/charts.html`` draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

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

    @staticmethod
    def tick_text(value: float) -> str:
        """Return a short number, with an exponent only if necessary."""
        if value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3):
            return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-")
        return f"{value:g}" if abs(value) < 1000 else f"{value:.0f}"


@dataclass(frozen=True)
class Mark:
    """A line, the outline of a histogram, or markers; without points, an entry of a legend.

    Attributes:
        kind: ``line``, ``steps``, ``circle`` or ``triangle``.
        style: ``s0`` to ``s5`` for series, ``normal`` or ``anomaly``, and ``faint`` for thin lines, as in
            ``page.css``: they differ not only in colour but also in dash pattern.
        name: its name in a legend, or the tooltip of a line.
        points: (x, y) of N points.
    """

    kind: str
    style: str
    name: str = ""
    points: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Chart:
    """A chart; ``threshold`` is the position of a vertical line, which is drawn if it is within the axis."""

    x: Axis
    y: Axis
    marks: Sequence[Mark]
    alt: str  # description for screen readers
    threshold: float | None = None
    height: int = 230  # of width 340
    left, right, top = 46, 330, 8  # edges of the plot

    @property
    def bottom(self) -> int:
        """The lower edge of the plot."""
        return self.height - 36

    def to_pixels(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel coordinates of a point, from the top left."""
        pixel_x = self.left + self.x.fraction(x) * (self.right - self.left)
        pixel_y = self.bottom - self.y.fraction(y) * (self.bottom - self.top)
        return round(pixel_x, 1), round(pixel_y, 1)

    def corners(self, mark: Mark) -> list[tuple[float, float]]:
        """Return the pixel coordinates of the points of a line that are finite and not on a straight line
        between their neighbours; ROC curves and histograms have many that are."""
        corners: list[tuple[float, float]] = []
        for x, y in [self.to_pixels(*point) for point in mark.points if all(map(math.isfinite, point))]:
            while len(corners) >= 2:
                (ax, ay), (bx, by) = corners[-2:]
                if abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) > 1e-9 or (bx - ax) * (x - bx) < 0:
                    break
                corners.pop()
            corners.append((x, y))
        return corners


@dataclass(frozen=True)
class Figure:
    """Charts with a caption, each with a label that may be empty, a legend, and a note below."""

    caption: str
    charts: Sequence[tuple[str, Chart | None]]
    legend: Sequence[Mark]
    note: str = ""

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auscult.report.chart import Axis, Chart, figure, kind_legend, legend

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(FINITE, min_size=1, max_size=20), st.booleans())
@example([1.0, 1e-306], True)
@example([1.0, 1e-99], True)
def test_an_axis_holds_all_values_and_has_ticks_within_the_range(values, log):
    axis = Axis.around("x", values, log=log)
    assert all(-1e-9 <= axis.fraction(value) <= 1 + 1e-9 for value in values)
    ticks = axis.ticks()
    tolerance = 1e-9 * max(abs(axis.low), abs(axis.high))
    assert len(ticks) >= 1
    assert all(axis.low - tolerance <= tick <= axis.high + tolerance for tick in ticks)
    assert ticks == sorted(set(ticks))


def test_ticks_are_round():
    assert Axis("x", 0, 1).ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert Axis("x", 0.9, 1100, log=True).ticks() == pytest.approx([1, 10, 100, 1000])


def test_a_logarithmic_axis_needs_positive_values():
    assert not Axis.around("x", [-1.0, 10.0], log=True).log
    assert Axis.around("x", [0.1, 10.0], log=True).fraction(1.0) == pytest.approx(0.5)


def test_an_axis_without_finite_values_has_a_range():
    axis = Axis.around("x", [math.nan, math.inf])
    assert axis.low < axis.high


def chart(**options):
    return Chart(
        Axis("false-positive rate", 0, 1), Axis("true-positive rate", 0, 1), alt="ROC <b>", **options
    )


def test_a_chart_is_an_accessible_image_with_labelled_axes():
    svg = ET.fromstring(chart().to_markup())
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == "ROC <b>"
    texts = {text.text for text in svg.iter("text")}
    assert {"false-positive rate", "true-positive rate", "0", "1"} <= texts


def test_the_corners_of_the_plot_are_the_ends_of_the_axes():
    roc = chart(width=340, height=230)
    assert roc.to_pixels(0, 0) == (46, 194)
    assert roc.to_pixels(1, 1) == (330, 8)


def test_points_on_straight_lines_are_left_out():
    roc = chart()
    roc.line([0, 0, 0, 0.5, 1], [0, 0.2, 1, 1, 1], series=0, name="mse <i>")
    (path,) = [p for p in ET.fromstring(roc.to_markup()).iter("path") if "line" in p.get("class")]
    assert path.get("d") == "M46 194L46 8L330 8"
    assert path.find("title").text == "mse <i>"


def test_a_line_that_turns_back_keeps_the_turning_point():
    roc = chart()
    roc.line([0, 1, 0.5], [0.5, 0.5, 0.5], series=0)
    assert 'd="M46 101L330 101L188 101"' in roc.to_markup()


def test_points_that_are_not_finite_are_left_out():
    roc = chart()
    roc.line([0, 0.5, 1], [0, math.nan, math.inf], series=0)
    assert "nan" not in roc.to_markup()
    assert "inf" not in roc.to_markup()


def test_series_differ_in_more_than_colour():
    roc = chart()
    for series in range(4):
        roc.line([0, 1], [0, 1 / (1 + series)], series=series)
    svg = ET.fromstring(roc.to_markup())
    dashes = [p.get("stroke-dasharray") for p in svg.iter("path") if "line" in p.get("class")]
    assert len(set(dashes)) == 4


def test_a_histogram_outline_starts_and_ends_on_the_base_line():
    roc = chart()
    roc.steps([0, 0.5, 1], [1, 0], kind="normal")
    assert 'd="M46 194L46 8L188 8L188 194L330 194L330 194Z"' in roc.to_markup()


def test_every_point_is_drawn():
    scatter = chart()
    scatter.points([(x, x) for x in np.linspace(0, 1, 7)], kind="anomaly", shape="triangle")
    assert len(re.findall('class="point anomaly"', scatter.to_markup())) == 7


def test_a_vertical_line_outside_the_axis_is_not_drawn():
    histogram = chart()
    histogram.vertical_line(0.5, "threshold")
    histogram.vertical_line(1.5, "outside")
    assert "threshold" in histogram.to_markup()
    assert "outside" not in histogram.to_markup()


def test_legends_and_captions_are_escaped():
    markup = figure(
        "<f>", legend(["<a>", "b"]), kind_legend([("normal", None, "<n>"), ("anomaly", "circle", "x")])
    )
    assert markup.count("<li>") == 4
    for unescaped in ("<a>", "<n>", "<f>"):
        assert unescaped not in markup

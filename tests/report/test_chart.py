import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auscult.report.chart import Axis, Chart, Figure, Mark

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


def chart(*marks, **options):
    return Chart(
        Axis("false-positive rate", 0, 1), Axis("true-positive rate", 0, 1), marks, "ROC <b>", **options
    )


@pytest.fixture
def drawn(environment):
    """Draws a chart and parses the SVG."""
    return lambda chart: ET.fromstring(environment.get_template("charts.html").module.svg(chart))


def paths(svg, name):
    return [path for path in svg.iter("path") if name in path.get("class").split()]


def test_a_chart_is_an_accessible_image_with_labelled_axes(drawn):
    svg = drawn(chart())
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == "ROC <b>"
    texts = {text.text for text in svg.iter("text")}
    assert {"false-positive rate", "true-positive rate", "0", "1"} <= texts
    assert len(paths(svg, "grid")) == 6 + 6


def test_pixels_are_linear_in_the_fractions_of_the_axes():
    roc = chart()
    (left, bottom), (right, top) = roc.to_pixels(0, 0), roc.to_pixels(1, 1)
    assert left < right
    assert bottom > top
    assert roc.to_pixels(0.25, 0.5) == pytest.approx((left + (right - left) / 4, (top + bottom) / 2))


def test_points_on_straight_lines_are_left_out():
    line = Mark("line", "s0", points=[(0, 0), (0, 0.2), (0, 1), (0.5, 1), (1, 1)])
    roc = chart(line)
    assert roc.corners(line) == [roc.to_pixels(x, y) for x, y in ((0, 0), (0, 1), (1, 1))]


def test_a_line_that_turns_back_keeps_the_turning_point():
    line = Mark("line", "s0", points=[(0, 0.5), (1, 0.5), (0.5, 0.5)])
    assert len(chart().corners(line)) == 3


def test_points_that_are_not_finite_are_left_out():
    line = Mark("line", "s0", points=[(0, 0), (0.5, math.nan), (1, math.inf)])
    assert chart().corners(line) == [chart().to_pixels(0, 0)]


def test_a_line_connects_the_corners_and_has_a_tooltip(drawn):
    line = Mark("line", "s0 faint", "mse <i>", [(0, 0), (0, 1), (1, 1)])
    (path,) = paths(drawn(chart(line)), "line")
    assert path.get("class") == "line s0 faint"
    corners = [tuple(map(float, point.split())) for point in path.get("d").removeprefix("M").split("L")]
    assert corners == chart().corners(line)
    assert path.find("title").text == "mse <i>"


def test_a_line_without_finite_points_is_not_drawn(drawn):
    assert paths(drawn(chart(Mark("line", "s0", points=[(0, math.nan)]))), "line") == []


def test_styles_differ_in_more_than_colour(environment):
    css, _, _ = environment.loader.get_source(environment, "page.css")
    rules = dict(re.findall(r"^\.(s\d|steps\.\w+) \{(.*?)\}", css, re.MULTILINE))
    dashes = {name: re.findall("stroke-dasharray: ([^;]*)", rule) for name, rule in rules.items()}
    series = [str(dashes[f"s{number}"]) for number in range(6)]
    assert len(set(series)) == 6
    assert dashes["steps.normal"] != dashes["steps.anomaly"]


def test_the_outline_of_a_histogram_is_closed(drawn):
    (path,) = paths(
        drawn(chart(Mark("steps", "normal", points=[(0, 0), (0, 1), (0.5, 1), (0.5, 0)]))), "steps"
    )
    assert path.get("d").endswith("Z")
    assert path.get("class") == "steps normal"


def test_every_point_is_drawn(drawn):
    scatter = chart(Mark("triangle", "anomaly", points=[(x, x) for x in np.linspace(0, 1, 7)]))
    markers = paths(drawn(scatter), "point")
    assert len({marker.get("transform") for marker in markers}) == 7
    assert {marker.get("class") for marker in markers} == {"point anomaly"}


@pytest.mark.parametrize(("threshold", "count"), [(0.5, 1), (0.9, 1), (1.5, 0), (None, 0)])
def test_a_threshold_outside_the_axis_is_not_drawn(drawn, threshold, count):
    svg = drawn(chart(threshold=threshold))
    assert len(paths(svg, "vertical-line")) == count
    assert [text.text for text in svg.iter("text")].count("threshold") == count


def test_captions_labels_legends_and_notes_are_escaped(environment):
    legend = [Mark("line", "s0", "<a>"), Mark("steps", "normal", "<b>"), Mark("circle", "anomaly", "<c>")]
    figure = Figure("<d>", [("<e>", chart()), ("<f>", None)], legend, "<g>")
    drawn = ET.fromstring(environment.get_template("charts.html").module.figure(figure))
    assert [item.find("svg/path").get("class") for item in drawn.iter("li")] == [
        "line s0",
        "steps normal",
        "point anomaly",
    ]
    assert all(f"<{letter}>" in "".join(drawn.itertext()) for letter in "abcdefg")

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
def test_an_axis_around_values_holds_them_and_has_ticks_inside(values, log):
    axis = Axis.around("x", values, log=log)
    assert all(-1e-9 <= axis.part(value) <= 1 + 1e-9 for value in values)
    ticks = axis.ticks()
    slack = 1e-9 * max(abs(axis.low), abs(axis.high))
    assert len(ticks) >= 1
    assert all(axis.low - slack <= tick <= axis.high + slack for tick in ticks)
    assert ticks == sorted(set(ticks))


def test_ticks_are_round():
    assert Axis("x", 0, 1).ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert Axis("x", 0.9, 1100, log=True).ticks() == pytest.approx([1, 10, 100, 1000])


def test_a_logarithmic_axis_needs_positive_values():
    assert not Axis.around("x", [-1.0, 10.0], log=True).log
    assert Axis.around("x", [0.1, 10.0], log=True).part(1.0) == pytest.approx(0.5)


def test_an_axis_of_nothing_finite_is_still_an_axis():
    axis = Axis.around("x", [math.nan, math.inf])
    assert axis.low < axis.high


def chart(**options):
    return Chart(
        Axis("false-positive rate", 0, 1), Axis("true-positive rate", 0, 1), alt="ROC <b>", **options
    )


def test_a_chart_is_an_accessible_image_with_both_axes_named():
    svg = ET.fromstring(chart().to_markup())
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == "ROC <b>"
    texts = {text.text for text in svg.iter("text")}
    assert {"false-positive rate", "true-positive rate", "0", "1"} <= texts


def test_the_corners_of_the_plot_are_where_the_axes_end():
    drawn = chart(width=340, height=230)
    assert drawn.place(0, 0) == (46, 194)
    assert drawn.place(1, 1) == (330, 8)


def test_a_line_goes_through_its_corners_alone():
    drawn = chart()
    drawn.line([0, 0, 0, 0.5, 1], [0, 0.2, 1, 1, 1], series=0, name="mse <i>")
    (path,) = [p for p in ET.fromstring(drawn.to_markup()).iter("path") if "line" in p.get("class")]
    assert path.get("d") == "M46 194L46 8L330 8"
    assert path.find("title").text == "mse <i>"


def test_a_line_that_turns_back_keeps_its_turn():
    drawn = chart()
    drawn.line([0, 1, 0.5], [0.5, 0.5, 0.5], series=0)
    assert 'd="M46 101L330 101L188 101"' in drawn.to_markup()


def test_values_that_are_not_finite_are_left_out():
    drawn = chart()
    drawn.line([0, 0.5, 1], [0, math.nan, math.inf], series=0)
    assert "nan" not in drawn.to_markup()
    assert "inf" not in drawn.to_markup()


def test_series_differ_in_more_than_colour():
    drawn = chart()
    for series in range(4):
        drawn.line([0, 1], [0, 1 / (1 + series)], series=series)
    svg = ET.fromstring(drawn.to_markup())
    dashes = [p.get("stroke-dasharray") for p in svg.iter("path") if "line" in p.get("class")]
    assert len(set(dashes)) == 4


def test_steps_close_on_the_base_line_at_the_height_of_their_bars():
    drawn = chart()
    drawn.steps([0, 0.5, 1], [1, 0], kind="normal")
    assert 'd="M46 194L46 8L188 8L188 194L330 194L330 194Z"' in drawn.to_markup()


def test_every_point_is_drawn():
    drawn = chart()
    drawn.points([(x, x) for x in np.linspace(0, 1, 7)], kind="anomaly", shape="triangle")
    assert len(re.findall('class="point anomaly"', drawn.to_markup())) == 7


def test_an_upright_outside_the_axis_is_not_drawn():
    drawn = chart()
    drawn.upright(0.5, "threshold")
    drawn.upright(1.5, "beyond")
    assert "threshold" in drawn.to_markup()
    assert "beyond" not in drawn.to_markup()


def test_legends_and_captions_are_escaped():
    made = figure(
        "<f>", legend(["<a>", "b"]), kind_legend([("normal", None, "<n>"), ("anomaly", "circle", "x")])
    )
    assert made.count("<li>") == 4
    for hostile in ("<a>", "<n>", "<f>"):
        assert hostile not in made

"""Titles with long paths fit the picture."""

from __future__ import annotations

import io

import pytest

from auscult.report.title import fit_title, shortened


@pytest.mark.parametrize("count", [1, 2, 20, 59])
def test_a_long_text_is_shortened_in_the_middle(count):
    text = "start/" + "x" * 60 + "/the_end.wav"
    assert len(shortened(text, count)) == count
    assert shortened(text, 40).startswith("start/…")
    assert shortened(text, 40).endswith("/the_end.wav")
    assert shortened(text, 100) == text


@pytest.mark.parametrize("letter", ["i", "W", "m"])
def test_a_title_of_narrow_or_wide_letters_fits_the_figure(letter):
    pytest.importorskip("matplotlib")
    from auscult.report.pictures import new_figure

    figure = new_figure(10.0, 6.0)
    title = figure.suptitle(f"data/{letter * 400}/the_file.wav\nscore 3", parse_math=False, fontsize=11)
    fit_title(title, 0.97 * figure.bbox.width, lines_below=1)
    assert 0.9 * figure.bbox.width < title.get_window_extent().width <= 0.97 * figure.bbox.width
    assert title.get_text().startswith("data/")
    assert title.get_text().endswith("/the_file.wav\nscore 3")


def test_a_short_title_is_unchanged():
    pytest.importorskip("matplotlib")
    from auscult.report.pictures import new_figure

    figure = new_figure(10.0, 6.0)
    title = figure.suptitle("data/a.wav\nscore 3", fontsize=11)
    fit_title(title, figure.bbox.width, lines_below=1)
    assert title.get_text() == "data/a.wav\nscore 3"


@pytest.mark.filterwarnings("error")
def test_any_file_name_can_be_drawn():
    pytest.importorskip("matplotlib")
    from auscult.report.pictures import new_figure, save_figure

    figure = new_figure(10.0, 6.0)
    title = figure.suptitle("ключ 日本 $x^2$ \r a\nb \udcff.wav", parse_math=False)
    fit_title(title, figure.bbox.width)
    assert title.get_text() == r"ключ 日本 $x^2$ \r a\nb \xff.wav"
    save_figure(figure, io.BytesIO())

"""CSV lines read back, whatever their cells contain."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.runtime.csv_lines import csv_line

CELLS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2)


@pytest.mark.parametrize("delimiter", [",", ";"])
@given(CELLS)
def test_cells_read_back(delimiter, cells):
    line = csv_line(cells, delimiter=delimiter)
    assert line.endswith("\n")
    assert list(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter)) == [cells]


@pytest.mark.parametrize("cell", ["a\rb", "\r", "a\nb", "a,b", 'a"b', "a\r\nb"])
def test_special_characters_are_quoted(cell):
    assert csv_line([cell, 1]).startswith('"')


def test_plain_cells_are_not_quoted():
    assert csv_line(["a.wav", 1.5, None, True]) == "a.wav,1.5,,True\n"

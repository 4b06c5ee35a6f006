"""Text as LaTeX: nothing that its default encodings cannot set."""

from __future__ import annotations

import pytest

from auscult.evaluation.latex_text import latex_text
from auscult.evaluation.table import Table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spectral_memory[k_source=1]", r"spectral\_memory[k\_source=1]"),
        ("50 % & #1 {x} $", r"50 \% \& \#1 \{x\} \$"),
        (r"a\b~c^d", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"),
        ("85.0 ± 7.1", r"85.0 $\pm$ 7.1"),
        ("+19.5 [-3.0, +36.0]", "$+$19.5 [$-$3.0, $+$36.0]"),
        ("auto-1 a+k=1 v1+2", "auto-1 a+k=1 v1+2"),
        ("“published …” – done", r"``published \dots{}'' -- done"),
        ("a < b | c > d", r"a \textless{} b \textbar{} c \textgreater{} d"),
        ("Lüfter Łódź", "Lüfter Łódź"),
        ("u\N{COMBINING DIAERESIS}", "ü"),
        ("中 σ", "U+4E2D U+03C3"),
    ],
)
def test_characters(text, expected):
    assert latex_text(text) == expected


def test_a_row_does_not_begin_with_a_bracket():
    rows = (("[x]", "1"), ("y", "2"))
    lines = Table(("a", "b"), rows, (), 1).to_latex().splitlines()
    assert r"{}[x] & 1 \\" in lines, "after a row, LaTeX takes [x] for its distance from the next"


def test_notes_are_below_the_table():
    lines = Table(("a", "b"), (("x", "1"),), ("In percent: 5 %.", "One seed.")).to_latex().splitlines()
    assert lines[lines.index(r"\end{tabular}") + 1 :] == [
        r"\par\smallskip",
        r"\begin{minipage}{\linewidth}",
        r"\footnotesize\raggedright",
        r"In percent: 5 \%.\par",
        r"One seed.\par",
        r"\end{minipage}",
    ]
    assert Table(("a", "b"), (("x", "1"),)).to_latex().splitlines()[-1] == r"\end{tabular}"

"""Titles with a path in them: printable, and shortened in the middle to the width that there is."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auscult.runtime.printable import printable

if TYPE_CHECKING:
    from matplotlib.text import Text


def fit_title(title: Text, width: float, *, label: str = "", lines_below: int = 0) -> None:
    """Shorten a title in the middle until it is at most ``width`` pixels wide.

    A label that is put before it, and a number of last lines, are kept.

    The start keeps a sixth of the characters and the end the rest, since paths differ at their end. Control
    characters and invalid bytes are shown as escapes: fonts cannot draw them.
    """
    text, *below = title.get_text().rsplit("\n", lines_below) if lines_below else [title.get_text()]
    line = printable(text)
    low, high = 1, len(line)  # numbers of characters: the lower one fits, or nothing does
    with no_glyph_warnings():
        while low < high:
            count = (low + high + 1) // 2
            if _width(title, label + shortened(line, count)) <= width:
                low = count
            else:
                high = count - 1
    title.set_text("\n".join([label + shortened(line, low), *below]))


@contextmanager
def no_glyph_warnings() -> Iterator[None]:
    """Characters that the font lacks, as in file names, are drawn as boxes, without a warning for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        yield


def shortened(text: str, count: int) -> str:
    """Return at most ``count`` characters of a text, with ``…`` in place of its middle."""
    if len(text) <= count:
        return text
    start = count // 6
    return f"{text[:start]}…{text[len(text) - (count - start - 1) :]}"


def _width(title: Text, text: str) -> float:
    title.set_text(text)
    return float(title.get_window_extent().width)

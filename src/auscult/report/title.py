"""Titles with a path in them, shortened in the middle to the width that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.text import Text


def fit_title(title: Text, width: float) -> None:
    """Shorten the first line of a title in the middle until it is at most ``width`` pixels wide.

    The start keeps a sixth of the characters and the end the rest, since paths differ at their end.
    """
    line, *rest = title.get_text().split("\n")
    low, high = 1, len(line)  # numbers of characters: the lower one fits, or nothing does
    while low < high:
        count = (low + high + 1) // 2
        if _width(title, shortened(line, count)) <= width:
            low = count
        else:
            high = count - 1
    title.set_text("\n".join([shortened(line, low), *rest]))


def shortened(text: str, count: int) -> str:
    """Return at most ``count`` characters of a text, with ``…`` in place of its middle."""
    if len(text) <= count:
        return text
    start = count // 6
    return f"{text[:start]}…{text[len(text) - (count - start - 1) :]}"


def _width(title: Text, text: str) -> float:
    title.set_text(text)
    return float(title.get_window_extent().width)

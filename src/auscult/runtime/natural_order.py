"""Sorting names by the numbers in them, as file managers do."""

from __future__ import annotations

import re


def natural_order(text: str) -> tuple[list[str | int], str]:
    """Return a sorting key by which runs of digits compare as numbers; the text itself breaks ties."""
    pieces: list[str | int] = list(re.split(r"([0-9]+)", text))
    pieces[1::2] = [int(digits) for digits in pieces[1::2]]
    return pieces, text

"""Notes that repeat for several fits of a benchmark, as one line each."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"\d[\d.,]*")
_MAX_NAMED = 3


def one_line_each(notes: Iterable[tuple[str, str]]) -> list[str]:
    """Join notes that are equal but for their numbers.

    Args:
        notes: what each note is about, such as ``fan autoencoder seed 0``, and its text.

    Returns:
        For each kind, in order of first appearance, ``NAME, NAME and 4 more: text``.
    """
    kinds: dict[str, dict[str, str]] = {}
    for name, text in notes:
        kinds.setdefault(_NUMBER.sub("#", text), {}).setdefault(name, text)
    lines = []
    for by_name in kinds.values():
        names, first = list(by_name), next(iter(by_name.values()))
        more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
        numbers = " (numbers of the first)" if len(set(by_name.values())) > 1 else ""
        lines.append(f"{', '.join(names[:_MAX_NAMED])}{more}: {first}{numbers}")
    return lines

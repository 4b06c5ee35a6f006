"""Recordings that repeat others: the same sound twice is no more normal running than once.

Scores of different sound are never the same twice in a row, and those of the same sound always are, whatever
the names and lossless formats of the files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.errors import FitError

#: Part of the scores of a recording from which on it repeats others.
_REPEATED = 0.1


class RepeatedSound:
    """Knows the scores of recordings."""

    def __init__(self) -> None:
        self._paths: dict[int, str] = {}  # where two scores follow each other, by their hash

    def add(self, path: str, parts: Sequence[np.ndarray]) -> None:
        """Add the scores of a recording.

        Args:
            path: of the recording.
            parts: (N,) scores of successive windows, in parts without a gap.

        Raises:
            FitError: it repeats a recording that was added before, or itself.
        """
        pairs = [
            hash(pair) for part in parts for pair in zip(part[:-1].tolist(), part[1:].tolist(), strict=True)
        ]
        new = dict.fromkeys(pairs, path)
        known = [self._paths[pair] for pair in new if pair in self._paths]
        repeated = len(known) + len(pairs) - len(new)
        if repeated > _REPEATED * len(pairs):
            other = max(set(known), key=known.count) if known else path
            where = "itself" if other == path else other
            raise FitError(
                f"{path}: repeats the sound of {where}, which would count twice as normal running: give each "
                "recording once, and others to verify the alarms"
            )
        self._paths |= new

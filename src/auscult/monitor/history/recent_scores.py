"""Recognises sound that a live source repeats: the same sound twice is no more normal running than once."""

from __future__ import annotations

import numpy as np


class RecentScores:
    """Knows the last scores of a machine.

    Scores of different sound are never the same twice in a row. Those of the same sound are if the windows
    begin at the same samples of it. Of a loop some time passes until they do again.

    Args:
        most: number of scores that are known.
    """

    def __init__(self, most: int = 20_000) -> None:
        # Hashes of two scores in a row each, in a ring; an array, since there may be hundreds of machines.
        self._pairs = np.zeros(most, np.int64)
        self._count = 0
        self._last: float | None = None

    def repeats(self, score: float) -> bool:
        """Add a score; return whether it and the one before follow each other as before.

        Example:
            >>> recent = RecentScores()
            >>> [recent.repeats(score) for score in (1.5, 2.5, 3.5, 2.5, 3.5, 4.5)]
            [False, False, False, False, True, False]
        """
        pair = hash((self._last, score))
        self._last = score
        if np.any(self._pairs[: self._count] == pair):
            return True
        self._pairs[self._count % len(self._pairs)] = pair
        self._count += 1
        return False

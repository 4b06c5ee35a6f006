"""Recognises sound that a live source repeats: the same sound twice is no more normal running than once."""

from __future__ import annotations

from collections import deque


class RecentScores:
    """Knows the last scores of a machine.

    Scores of different sound are never the same twice in a row. Those of the same sound are if the windows
    begin at the same samples of it. Of a loop some time passes until they do again.

    Args:
        most: number of scores that are known.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._order: deque[int] = deque(maxlen=most)  # of two scores in a row each, by their hash
        self._known: set[int] = set()
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
        if pair in self._known:
            return True
        if len(self._order) == self._order.maxlen:
            self._known.discard(self._order[0])
        self._order.append(pair)
        self._known.add(pair)
        return False

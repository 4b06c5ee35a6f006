"""The samples of a stream that are still needed, in the blocks in which they arrived, without copies."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np


class SampleBlocks:
    """A queue of blocks of one channel, without gaps between them.

    Args:
        first: index of the first sample that will be added.

    Attributes:
        first: index of the first sample that is needed.
        last: index after the last sample.
    """

    def __init__(self, first: int) -> None:
        self.first = self.last = first
        self._blocks: list[np.ndarray] = []
        self._starts: list[int] = []  # index of the first sample of each block

    def push(self, samples: np.ndarray) -> None:
        """Add the next samples (N,), which must not change any more."""
        if len(samples) and self.last + len(samples) > self.first:
            self._blocks.append(samples)
            self._starts.append(self.last)
        self.last += len(samples)

    def drop_before(self, index: int) -> None:
        """Forget the samples before an index, also those that have not been added yet."""
        self.first = index
        unused = len(self._starts) if index >= self.last else bisect_right(self._starts, index) - 1
        if unused > 0:
            del self._blocks[:unused], self._starts[:unused]

    def cut(self, first: int, last: int) -> list[np.ndarray]:
        """Return the samples from one index to another, which are held, as parts that follow each other."""
        begin, end = bisect_right(self._starts, first) - 1, bisect_left(self._starts, last)
        parts = self._blocks[begin:end]
        start = self._starts[end - 1]
        parts[-1] = parts[-1][: last - start]
        parts[0] = parts[0][first - self._starts[begin] :]
        return parts

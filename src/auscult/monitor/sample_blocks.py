"""The samples of a stream that are still needed, in the blocks in which they arrived, without copies."""

from __future__ import annotations

from collections import deque

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
        self._blocks: deque[tuple[int, np.ndarray]] = deque()  # index of the first sample, samples

    def push(self, samples: np.ndarray) -> None:
        """Add the next samples (N,), which must not change any more."""
        self._blocks.append((self.last, samples))
        self.last += len(samples)
        self.drop_before(self.first)

    def drop_before(self, index: int) -> None:
        """Forget the samples before an index, also those that have not been added yet."""
        self.first = index
        while self._blocks and self._blocks[0][0] + len(self._blocks[0][1]) <= index:
            self._blocks.popleft()

    def cut(self, first: int, last: int) -> list[np.ndarray]:
        """Return the samples from one index to another, which are held, as parts that follow each other."""
        return [
            samples[max(0, first - start) : last - start]
            for start, samples in self._blocks
            if start < last and first < start + len(samples)
        ]

"""The last seconds of a stream, from which the sound of an event is cut."""

from __future__ import annotations

from collections import deque

import numpy as np

#: Largest value of the stored integers.
_FULL_SCALE = 32767


class AudioRing:
    """Keeps the last samples of one channel as 16-bit integers with a scale for each block.

    Half of the memory of floating point matters with hundreds of machines.

    Args:
        capacity: number of samples that are kept at least.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._blocks: deque[tuple[int, float, np.ndarray]] = deque()  # first sample, scale, samples
        self._held = 0
        self.last = 0  # index after the last sample

    def push(self, samples: np.ndarray, first: int) -> None:
        """Add (N,) samples; ``first`` is the index of the first. Those beyond the capacity are forgotten."""
        if not len(samples):
            return
        scale = float(np.abs(samples).max()) / _FULL_SCALE or 1.0
        self._blocks.append((first, scale, np.round(samples / scale).astype(np.int16)))
        self._held += len(samples)
        self.last = first + len(samples)
        while self._held - len(self._blocks[0][2]) >= self.capacity:
            self._held -= len(self._blocks.popleft()[2])

    def cut(self, first: int, last: int) -> tuple[np.ndarray, int]:
        """Return the samples from one index to another, as far back as they are held without a gap.

        Returns:
            (N,) float32, and the index of the first of them.
        """
        parts: list[np.ndarray] = []
        start = last
        for block_first, scale, samples in reversed(self._blocks):
            if block_first >= last:
                continue
            end = block_first + len(samples)
            if end < start:  # a gap
                break
            begin = max(first, block_first)
            parts.append(samples[begin - block_first : start - block_first].astype(np.float32) * scale)
            start = begin
            if start <= first:
                break
        return (np.concatenate(parts[::-1]) if parts else np.zeros(0, np.float32)), start

"""Time axis and random generators of one simulated clip."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np


def seeded_rng(*keys: int | str) -> np.random.Generator:
    """Return a random generator that is seeded by the given keys alone.

    Generators of different keys are independent, so a clip does not depend on the number of other machines
    and clips.
    """
    entropy = [key if isinstance(key, int) else zlib.crc32(key.encode()) for key in keys]
    return np.random.default_rng(np.random.SeedSequence(entropy))


@lru_cache(maxsize=2)
def _times(samples: int, sample_rate: int) -> np.ndarray:
    return np.arange(samples) / sample_rate


@lru_cache(maxsize=4)
def _frequencies(samples: int, sample_rate: int) -> np.ndarray:
    return np.fft.rfftfreq(samples, 1 / sample_rate).astype(np.float32)


@dataclass(frozen=True)
class Take:
    """One clip to simulate: its length, its sample rate, and the seed keys of its random generators.

    Every source has a separate generator, seeded by its name. A clip with a fault and the same clip without
    it therefore have all other random numbers in common.
    """

    samples: int
    sample_rate: int
    keys: tuple[int | str, ...]

    def rng(self, source: str) -> np.random.Generator:
        """Return the random generator of one source in this clip."""
        return seeded_rng(*self.keys, source)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate

    def span(self, start: float, end: float) -> slice:
        """Return the samples from ``start`` to ``end`` seconds, clipped to the length of the clip."""
        first, last = (int(np.clip(t * self.sample_rate, 0, self.samples)) for t in (start, end))
        return slice(first, last)

    @cached_property
    def times(self) -> np.ndarray:
        """(N,) float64 times in seconds from the start."""
        return _times(self.samples, self.sample_rate)

    @cached_property
    def frequencies(self) -> np.ndarray:
        """(N // 2 + 1,) float32 frequencies in Hz of the bins of the clip's Fourier transform."""
        return _frequencies(self.samples, self.sample_rate)

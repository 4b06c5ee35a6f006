"""Time axis and chance of one simulated clip."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np


def stream(*keys: int | str) -> np.random.Generator:
    """Random numbers that depend on the given keys alone.

    Whoever draws under other keys, or not at all, changes nothing here; so a clip is the same whatever
    the number of machines and clips around it.
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
    """One clip to be simulated: its length, its sample rate, and the keys of its random numbers.

    Every source draws from a stream of its own name, so that a clip with a fault and the same clip
    without it share all other draws.
    """

    samples: int
    sample_rate: int
    keys: tuple[int | str, ...]

    def rng(self, source: str) -> np.random.Generator:
        """The random numbers of one source in this clip."""
        return stream(*self.keys, source)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate

    def span(self, start: float, end: float) -> slice:
        """The samples from ``start`` to ``end`` seconds, as far as they lie in the clip."""
        first, last = (int(np.clip(t * self.sample_rate, 0, self.samples)) for t in (start, end))
        return slice(first, last)

    @cached_property
    def times(self) -> np.ndarray:
        """(N,) float64, seconds from the start."""
        return _times(self.samples, self.sample_rate)

    @cached_property
    def frequencies(self) -> np.ndarray:
        """(N // 2 + 1,) float32, Hz of each bin of the whole clip's Fourier transform."""
        return _frequencies(self.samples, self.sample_rate)

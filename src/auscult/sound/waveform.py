"""One channel of sound in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Waveform:
    """One channel of sound or vibration.

    Attributes:
        samples: (N,) float32, full scale ±1 as decoded; never normalised, for level is evidence too.
        sample_rate: samples a second, Hz.
        path: the file it came from, or ``None`` for samples given in memory.
        notes: what was done on the way and the user should know ("resampled from 44100 Hz").
    """

    samples: np.ndarray
    sample_rate: int
    path: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

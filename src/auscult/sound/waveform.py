"""One channel of sound in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Waveform:
    """One channel of sound or vibration.

    Attributes:
        samples: (N,) float32, full scale ±1 as decoded. Never normalised, because the level carries
            information.
        sample_rate: sampling rate in Hz.
        path: the source file, or ``None`` for samples given in memory.
        notes: processing that the user should know about ("resampled from 44100 Hz to 16000 Hz").
    """

    samples: np.ndarray
    sample_rate: int
    path: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

"""One channel of sound in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from auscult.sound.measures import Measures


@dataclass(frozen=True)
class Waveform:
    """One channel of sound or vibration.

    Attributes:
        samples: (N,) float32 as decoded: full scale ±1 for files of integers, any unit for files of
            floating point. Never normalised, because the level carries information.
        sample_rate: sampling rate in Hz.
        path: the source file, or ``None`` for samples given in memory.
        notes: processing that the user should know about ("resampled from 44100 Hz to 16000 Hz").
        channels: number of channels of the file that ``samples`` is one of.
        measures: what was measured before the samples were resampled; ``None`` if they were not, or if
            they are a window of a longer recording.
        file_rate: sample rate of the file in Hz, if the samples were resampled.
        channel_names: names of the channels of a table; empty if they have none, and for audio.
    """

    samples: np.ndarray
    sample_rate: int
    path: str | None = None
    notes: tuple[str, ...] = field(default=())
    channels: int = 1
    measures: Measures | None = None
    file_rate: int | None = None
    channel_names: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

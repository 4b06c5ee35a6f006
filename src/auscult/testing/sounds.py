"""Sounds of a synthetic machine, without files."""

from __future__ import annotations

from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

#: Sample rate of the sounds, Hz: half the default one, for speed.
RATE = 8000


def machine_sound(
    seed: int, seconds: float = 1.0, *, broken: bool = False, shaft_hz: float = 47.0
) -> np.ndarray:
    """Return the sound of a fan, whose speed varies by 1 % from one recording to the next.

    Args:
        seed: of the random numbers; each gives another recording.
        seconds: length.
        broken: add a bearing fault: 31 impacts per second that ring at 2.6 kHz.
        shaft_hz: rotations per second; another value is another machine.

    Returns:
        (N,) float32 at `RATE`.
    """
    rng = np.random.default_rng([seed, 42])
    t = np.arange(round(seconds * RATE)) / RATE
    shaft = shaft_hz * (1 + 0.01 * rng.standard_normal())
    hum = sum(np.sin(2 * np.pi * k * shaft * t + rng.uniform(0, 6.3)) / k for k in range(1, 9))
    samples = 0.05 * hum + 0.02 * rng.standard_normal(len(t))
    if broken:
        since_impact = t % (1 / 31.0)
        samples = samples + 0.5 * np.exp(-since_impact / 0.004) * np.sin(2 * np.pi * 2600 * since_impact)
    return samples.astype(np.float32)


class SyntheticClip(AudioClip):
    """A recording in memory, which remembers the log-mels that a detector asks for.

    Args:
        samples: (N,) at `RATE`.
        path: its name in messages.
        metadata: further fields of its `Clip`.

    Attributes:
        front_ends: the front ends of all log-mels so far.
    """

    def __init__(self, samples: np.ndarray, path: str = "memory.wav", **metadata: Any) -> None:
        waveform = Waveform(np.asarray(samples, np.float32), RATE, path=path)
        super().__init__(Clip(path, **metadata), lambda: waveform)
        self.front_ends: set[FrontEnd] = set()

    def log_mel(self, front_end: FrontEnd) -> np.ndarray:
        self.front_ends.add(front_end)
        return super().log_mel(front_end)

"""Sounds in memory that tests of several folders use."""

from __future__ import annotations

from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.sound import Waveform

RATE = 8000  # Hz


def noise(seconds: float, seed: int = 0, level: float = 0.1, rate: int = RATE) -> np.ndarray:
    """White noise, (N,) float32, with a root mean square of ``level``."""
    return np.random.default_rng(seed).normal(0, level, round(seconds * rate)).astype(np.float32)


def recording(samples: np.ndarray, path: str = "x.wav", rate: int = RATE, **fields: Any) -> AudioClip:
    """A recording in memory; ``fields`` are those of its `Clip`."""
    waveform = Waveform(np.asarray(samples, np.float32), rate, path=path)
    return AudioClip(Clip(path, **fields), lambda: waveform)

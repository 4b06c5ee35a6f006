"""How much a mean spectrum differs from that of noise.

A machine has tones and resonances. Noise, as a microphone gives it where no machine runs, has a smooth
spectrum, although its level in each band may be that of the machine.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from auscult.spectrum.logmel import FrontEnd, log_mel

_REFERENCE_FRAMES = 1000
_EDGE_FRAMES = 8  # with at least so many frames, the first and the last are left out: they are half zeros


def spectral_detail(frames: np.ndarray, front_end: FrontEnd) -> float:
    """Return the RMS second difference of the mean spectrum from band to band, in dB.

    What differs between bands for white noise, and what the variation over time explains, is subtracted: for
    noise with a smooth spectrum the result is near 0.

    Args:
        frames: (T, n_mels) log-mel spectrogram in dB.
        front_end: the front end that it was computed with.
    """
    if front_end.n_mels < 3:
        return 0.0
    differences = np.diff(_inner(frames), 2, axis=1)  # (T, n_mels - 2)
    curve = differences.mean(axis=0, dtype=np.float64) - np.diff(_noise_spectrum(front_end), 2)
    by_chance = differences.var(axis=0, dtype=np.float64) / len(differences)
    return float(np.sqrt(max(0.0, float(np.mean(curve**2 - by_chance)))))


def _inner(frames: np.ndarray) -> np.ndarray:
    return frames[1:-1] if len(frames) >= _EDGE_FRAMES else frames


@lru_cache(maxsize=8)
def _noise_spectrum(front_end: FrontEnd) -> np.ndarray:
    """(n_mels,) mean log-mel spectrum of white noise: bands of few bins have a lower mean in dB."""
    front_end = replace(front_end, hop=front_end.n_fft)
    samples = np.random.default_rng(0).standard_normal(front_end.n_fft * _REFERENCE_FRAMES)
    spectrum = log_mel(samples, front_end)[1:-1].mean(axis=0, dtype=np.float64)
    spectrum.flags.writeable = False
    return spectrum

"""How loud a waveform is, and whether it was clipped: what a dead or overdriven microphone shows."""

from __future__ import annotations

import numpy as np

from auscult.sound.waveform import Waveform

SILENCE_DB = -90.0  # dB re full scale: RMS about the mean; the noise of 16-bit rounding alone is -101
FULL_SCALE = 32767 / 32768  # the largest positive value of 16 bits
CLIPPED_RUN = 3  # samples in a row at full scale: a peak that only touches it has one or two


def level_db(waveform: Waveform) -> float:
    """RMS about the mean in dB re full scale: a constant is silence too, at minus infinity."""
    power = float(np.var(waveform.samples, dtype=np.float64))
    return float(10.0 * np.log10(power)) if power > 0 else -np.inf


def clipped_samples(waveform: Waveform) -> int:
    """Samples in runs of at least :data:`CLIPPED_RUN` at full scale."""
    full = np.concatenate([[False], np.abs(waveform.samples) >= FULL_SCALE, [False]])
    edges = np.flatnonzero(np.diff(full))  # starts and ends by turns
    runs = edges[1::2] - edges[0::2]
    return int(runs[runs >= CLIPPED_RUN].sum())

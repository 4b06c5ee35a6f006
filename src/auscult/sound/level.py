"""Level and clipping of a waveform: signs of a dead or overdriven microphone."""

from __future__ import annotations

import numpy as np

from auscult.sound.waveform import Waveform

SILENCE_DB = -90.0  # dB re full scale, RMS about the mean; 16-bit rounding noise alone is at -101 dB
FULL_SCALE = 32767 / 32768  # the largest positive value of 16-bit samples
CLIPPED_RUN = 3  # consecutive samples at full scale; an unclipped peak that reaches it has one or two


def level_db(waveform: Waveform) -> float:
    """Return the RMS about the mean in dB re full scale; minus infinity for a constant signal."""
    power = float(np.var(waveform.samples, dtype=np.float64))
    return float(10.0 * np.log10(power)) if power > 0 else -np.inf


def clipped_samples(waveform: Waveform) -> int:
    """Return the number of samples in runs of at least :data:`CLIPPED_RUN` samples at full scale."""
    at_full_scale = np.concatenate([[False], np.abs(waveform.samples) >= FULL_SCALE, [False]])
    edges = np.flatnonzero(np.diff(at_full_scale))  # alternating starts and ends of runs
    run_lengths = edges[1::2] - edges[0::2]
    return int(run_lengths[run_lengths >= CLIPPED_RUN].sum())

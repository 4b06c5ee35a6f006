"""Change of sample rate."""

from __future__ import annotations

import numpy as np

from auscult.sound.waveform import Waveform


def resample(waveform: Waveform, sample_rate: int | None) -> Waveform:
    """The waveform at another sample rate (soxr, high quality), with a note that says so.

    Args:
        sample_rate: the wanted rate in Hz; ``None`` or the rate it has returns ``waveform`` itself.
    """
    if sample_rate is None or sample_rate == waveform.sample_rate:
        return waveform
    import soxr

    samples = soxr.resample(waveform.samples, waveform.sample_rate, sample_rate)
    note = f"resampled from {waveform.sample_rate} Hz to {sample_rate} Hz"
    return Waveform(
        np.asarray(samples, dtype=np.float32), sample_rate, path=waveform.path, notes=(*waveform.notes, note)
    )

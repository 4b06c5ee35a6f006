"""Level and clipping of a waveform: signs of a dead or overdriven microphone."""

from __future__ import annotations

import numpy as np

from auscult.sound.waveform import Waveform

SILENCE_DB = -90.0  # dB re 1, RMS about the mean; 16-bit rounding noise alone is at -101 dB
CLIPPED_RUN = 3  # equal samples at the largest or smallest value; a peak that is not clipped has one or two
#: A recording with fewer quantisation steps between its extremes is not checked for clipping.
#: A flat top must be more steps above one of its neighbours than the rounded peak of a slow oscillation.
_MIN_STEPS, _ROUNDED_STEPS = 64, 2.5
_BITS = range(5, 24)  # of the fraction of integer samples, such as 7 of 8-bit and 11 of 12-bit samples
#: A mean that differs from the usual one by more than this multiple of the RMS about the mean is an offset.
#: From about 1 on it raises scores, since it leaks into the lowest bands.
OFFSET_RATIO = 0.25


def level_db(waveform: Waveform) -> float:
    """Return the RMS about the mean in dB re 1; minus infinity for a constant signal.

    1 is the full scale of files of integers. In files of floating point in a physical unit it is that unit.
    """
    power = float(np.var(waveform.samples, dtype=np.float64))
    return float(10.0 * np.log10(power)) if power > 0 else -np.inf


def clipped_samples(waveform: Waveform) -> int:
    """Return the number of samples in flat tops: runs of equal samples at the largest or smallest value.

    Only the shape counts, not the value: a sensor or an amplifier may saturate below the full scale of the
    file, and files of floating point may contain any unit. The rounded peaks of a slow oscillation are flat
    for several samples too, but they are a single quantisation step above their neighbours.
    """
    samples = waveform.samples
    if len(samples) < CLIPPED_RUN:
        return 0
    extremes = [samples == samples.max(), samples == samples.min()]
    runs = np.concatenate([_runs(at_extreme) for at_extreme in extremes])
    if not len(runs) or samples.max() == samples.min():
        return 0
    step = _quantisation_step(samples)
    if float(samples.max()) - float(samples.min()) < _MIN_STEPS * step:
        return 0
    padded = np.concatenate([samples[:1], samples, samples[-1:]]).astype(np.float64)
    starts, ends = runs[:, 0], runs[:, 1]  # of the runs; in ``padded`` the sample before and the last one
    top = padded[ends]
    edges = np.maximum(np.abs(top - padded[starts]), np.abs(top - padded[ends + 1]))
    return int((ends - starts)[edges > _ROUNDED_STEPS * step].sum())


def has_offset(mean: float, level: float, usual: tuple[float, float] = (0.0, 0.0)) -> bool:
    """Whether a recording has a DC offset that others have not.

    Args:
        mean: mean of its samples.
        level: its RMS about the mean, dB re 1.
        usual: smallest and largest mean of the others; an offset that all have is normal.
    """
    difference = mean - min(max(mean, usual[0]), usual[1])
    return abs(difference) > OFFSET_RATIO * 10.0 ** (level / 20.0)


def _quantisation_step(samples: np.ndarray) -> float:
    """Return the unit of integer samples, or the smallest difference between values in any other unit."""
    values = np.unique(samples).astype(np.float64)
    for bits in _BITS:
        scaled = np.ldexp(values, bits)
        if np.array_equal(scaled, np.round(scaled)):
            return float(2.0**-bits)
    return float(np.diff(values).min())


def _runs(mask: np.ndarray) -> np.ndarray:
    """Return the (R, 2) starts and ends of the runs of at least `CLIPPED_RUN` true elements."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    runs = edges.reshape(-1, 2)  # alternating starts and ends
    return runs[runs[:, 1] - runs[:, 0] >= CLIPPED_RUN]

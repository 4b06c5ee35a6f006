"""Level and clipping of a waveform: signs of a dead or overdriven microphone."""

from __future__ import annotations

import numpy as np

from auscult.sound.waveform import Waveform

SILENCE_DB = -90.0  # dB re 1, RMS about the mean; 16-bit rounding noise alone is at -101 dB
CLIPPED_RUN = 3  # equal samples at the largest or smallest value; a peak that is not clipped has one or two
#: A recording with fewer quantisation steps between its extremes is not checked for clipping.
#: A flat top must be more steps above one of its neighbours than the rounded peak of a slow oscillation.
_MIN_STEPS, _ROUNDED_STEPS = 64, 2.5
#: Clipped samples are more than this multiple of the samples at the two values next to the extreme one. Of a
#: tone the ratio is 1.4 at most, and of at least this number, since a few can be equal by chance.
_PILE_UP, _PILE_UP_SAMPLES = 2.0, 8
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
    """Return the number of samples in flat tops: at the largest or smallest value, where it is cut off.

    Only the shape counts, not the value: a sensor or an amplifier may saturate below the full scale of the
    file, and files of floating point may contain any unit. A slow signal has runs of equal samples there, and
    a fast one many samples at the extreme value, but few at the values next to it.
    """
    samples = waveform.samples
    if len(samples) < CLIPPED_RUN or samples.max() == samples.min():
        return 0
    return sum(_piled_up(side) or _in_flat_runs(side) for side in (samples, -samples))


def _piled_up(samples: np.ndarray) -> int:
    """Return the number of (N,) samples at the largest value if it is too large for one that is not clipped,
    else 0."""
    top = samples == samples.max()
    count = int(np.count_nonzero(top))
    if count < _PILE_UP_SAMPLES:
        return 0
    below = samples[~top]
    next_to_it = below == below.max()
    beyond = below[~next_to_it]
    neighbours = np.count_nonzero(next_to_it) + (
        np.count_nonzero(beyond == beyond.max()) if len(beyond) else 0
    )
    return count if count > _PILE_UP * neighbours else 0


def _in_flat_runs(samples: np.ndarray) -> int:
    """Return the number of (N,) samples in runs at the largest value that are cut off: the rounded peaks of a
    slow oscillation are flat for several samples too, but a single quantisation step above their neighbours.
    """
    runs = _runs(samples == samples.max())
    if not len(runs):
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

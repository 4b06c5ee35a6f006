"""Signs of a sensor fault in the samples: held values, few values, clipping, mains hum, steady noise.

They are measured at the sample rate of the file, since resampling rounds off flat tops and fills gaps.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from auscult.sound.level import clipped_samples, level_db
from auscult.sound.measures import Measures
from auscult.sound.waveform import Waveform

#: A signal with no more different values than this is the rounding noise of a converter without a sensor.
FEW_VALUES = 3
#: Equal samples are counted as held from this run length on, and from this multiple of the longest run that
#: is expected by chance. Quiet recordings of few bits have long runs by chance.
MIN_HELD, CHANCE_FACTOR = 16, 3.0
#: A run at the largest or smallest value that is no longer than this is a clipped peak, seconds.
MAX_CLIPPED_SECONDS = 0.1
#: Samples closer to zero than this fraction of the standard deviation are equal, as are resampled zeros.
_TINY = 1e-6
#: Mains frequencies, Hz; the range of their harmonics that is looked at, Hz; half the width of a line, Hz.
MAINS_HZ = (50.0, 60.0)
_HUM_LOW_HZ, _HUM_HIGH_HZ, _LINE_HZ = 20.0, 2000.0, 3.0
_LEAST_POWER = 1e-30
_LEVEL_SECONDS, _LEVEL_MINIMUM = 0.005, 8  # length over which the level is measured; at least, samples
_QUIET_SECONDS = 0.002
_HUM_SECONDS = 0.5  # shorter recordings do not separate the lines
_HUM_SEGMENTS = 30  # seconds that are looked at, spread over the recording


def measure(waveform: Waveform) -> Measures:
    """Measure one channel, or return what was measured before it was resampled."""
    if waveform.measures is not None:
        return waveform.measures
    samples, rate = waveform.samples, waveform.sample_rate
    level = level_db(waveform) if len(samples) else -np.inf
    if level == -np.inf:
        return Measures(rate, level, constant=float(samples[0]) if len(samples) else 0.0)
    held_seconds, held_share = held_values(samples, rate)
    return Measures(
        rate,
        level,
        mean=float(samples.mean(dtype=np.float64)),
        few_values=has_few_values(samples),
        clipped_share=clipped_samples(waveform) / len(samples),
        held_seconds=held_seconds,
        held_share=held_share,
        level_without_hum=level_without_hum(samples, rate),
        fluctuation=level_fluctuation(samples, rate),
        quietest=quietest_level(samples, rate),
        level_change=level_change(samples),
    )


def has_few_values(samples: np.ndarray) -> bool:
    """Whether (N,) samples take no more than `FEW_VALUES` different values."""
    for some in (samples[:: max(1, len(samples) // 64)], samples):  # most recordings need the first only
        if len(np.unique(some)) > FEW_VALUES:
            return False
    return True


def held_values(samples: np.ndarray, sample_rate: int) -> tuple[float, float]:
    """Return the longest time that a value is held, in seconds, and the fraction of samples that are held.

    A gap that a recorder fills with zeros, or with the last value before it, is a run of equal samples. Runs
    are counted if they are longer than chance explains. Clipped peaks do not count.

    Args:
        samples: (N,) that are not all equal.
        sample_rate: in Hz.
    """
    tiny = np.abs(samples) <= _TINY * samples.std()
    equal = (samples[1:] == samples[:-1]) | (tiny[1:] & tiny[:-1])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]])))
    starts, lengths = edges[0::2], edges[1::2] - edges[0::2] + 1  # of runs of at least two equal samples
    chance = lengths < MIN_HELD
    by_chance = int(np.sum(lengths[chance] - 1)) + 1  # samples equal to the one before them
    probability = by_chance / (len(samples) - int(np.sum(lengths[~chance])) + 2)
    longest = np.log(len(samples)) / np.log(1.0 / min(probability, 0.99))
    held = lengths >= max(MIN_HELD, CHANCE_FACTOR * longest)
    values = samples[starts]
    at_the_top = (values == samples.max()) | (values == samples.min())
    held &= ~at_the_top | tiny[starts] | (lengths > MAX_CLIPPED_SECONDS * sample_rate)
    if not held.any():
        return 0.0, 0.0
    return float(lengths[held].max() / sample_rate), float(lengths[held].sum() / len(samples))


def level_fluctuation(samples: np.ndarray, sample_rate: int) -> float:
    """Return the standard deviation over time of the level of (N,) samples, in dB.

    It is the level over 5 ms of the differences of successive samples, in which high frequencies count.
    """
    blocks = _short_blocks(np.diff(samples), sample_rate)
    if len(blocks) < 2:
        return 0.0
    return float(np.std(_level_db(np.square(blocks).mean(axis=1, dtype=np.float64))))


def quietest_level(samples: np.ndarray, sample_rate: int) -> float | None:
    """Return the lowest level of (N,) samples over 2 ms, RMS about the mean of these 2 ms, in dB re 1.

    It shows a gap that a recorder fills with a value and its rounding noise. Values that do not change at all
    are left to `held_values`, since clipped peaks do not either. It is ``None`` if nothing remains.
    """
    blocks = _short_blocks(samples, sample_rate, _QUIET_SECONDS)
    deviations = blocks - blocks.mean(axis=1, keepdims=True)
    power = np.square(deviations).mean(axis=1, dtype=np.float64)[np.ptp(blocks, axis=1) > 0]
    return float(_level_db(power.min())) if len(power) else None


def level_change(samples: np.ndarray) -> float:
    """Return by how much the levels of the quarters of (N,) samples differ, RMS about the mean, in dB."""
    powers = np.array(
        [np.var(quarter, dtype=np.float64) for quarter in np.array_split(samples, 4) if len(quarter)]
    )
    return float(np.ptp(_level_db(powers)))


@lru_cache(maxsize=2)
def _hann(length: int) -> np.ndarray:
    return np.hanning(length).astype(np.float32)


def _short_blocks(samples: np.ndarray, sample_rate: int, seconds: float = _LEVEL_SECONDS) -> np.ndarray:
    """(M, length) blocks of so many seconds of (N,) samples, without the rest."""
    length = max(_LEVEL_MINIMUM, round(seconds * sample_rate))
    return samples[: len(samples) // length * length].reshape(-1, length)


def _level_db(power: np.ndarray) -> np.ndarray:
    return np.asarray(10.0 * np.log10(np.maximum(power, _LEAST_POWER)))


def level_without_hum(samples: np.ndarray, sample_rate: int) -> float | None:
    """Return the level of (N,) samples without the lines at multiples of 50 Hz, or of 60 Hz if that is lower.

    The RMS is in dB re 1, above 20 Hz. It is ``None`` if the recording is too short to tell.
    """
    if len(samples) < _HUM_SECONDS * sample_rate or sample_rate < 8 * MAINS_HZ[0]:
        return None
    length = min(len(samples), sample_rate)
    count = min(_HUM_SEGMENTS, len(samples) // length)
    starts = np.linspace(0, len(samples) - length, count).round().astype(int)
    window = _hann(length)
    power = np.zeros(length // 2 + 1)
    for start in starts:
        segment = samples[start : start + length]
        spectrum = np.fft.rfft((segment - np.float32(segment.mean(dtype=np.float64))) * window)
        power += spectrum.real**2 + spectrum.imag**2
    power *= 2.0 / (count * length * np.square(window).sum())  # the sum over bins is the mean square
    frequencies = np.arange(len(power)) * (sample_rate / length)
    half_width = max(_LINE_HZ, 2.0 * sample_rate / length)
    rest = np.inf
    for mains in MAINS_HZ:
        distance = np.abs(frequencies - mains * np.maximum(1.0, np.round(frequencies / mains)))
        is_line = (distance <= half_width) & (frequencies <= _HUM_HIGH_HZ)
        rest = min(rest, float(power[(frequencies >= _HUM_LOW_HZ) & ~is_line].sum()))
    return float(10.0 * np.log10(max(rest, _LEAST_POWER)))

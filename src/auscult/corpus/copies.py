"""Copies and overlapping pieces of recordings, at whatever level, polarity, sample rate or delay.

The spectra of both are divided by their moduli, so that each frequency counts alike, and correlated over all
delays (the phase transform: C. Knapp and G. Carter, "The generalized correlation method for estimation of
time delay", IEEE Trans. ASSP 24, 1976). Copies have a peak of about 1, pieces that share half of their length
one of about 0.4, and recordings of the same machine at different times noise, even if they have strong tones
in common. Two microphones that recorded the same run have a lower peak, down to 0.08, but a single one; the
strokes of a machine that repeats itself exactly have several. A few thousand frequencies are enough, so that
recordings are compared in one transform of limited length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.corpus.sound_print import PERIOD, SoundPrint, nearest_spectra

#: Peaks are above this many standard deviations of the noise, which are 1 / √length …
DEVIATIONS = 10.0
#: … and above this, or this many times as high as the rest of the correlation.
MIN_PEAK = 0.5
MIN_DOMINANCE = 2.25
#: Beyond this many recordings, only every fourth frequency is compared, which takes a fourth of the time …
MAX_FINE = 250
_COARSE = 4
#: … and beyond this many, each is compared only with the `NEAREST` ones by spectrum.
MAX_ALL_PAIRS = 1000
NEAREST = 256
_PEAK_WIDTH = 32  # samples on both sides of a peak that belong to it
_ROWS = 64  # correlated at a time, to limit memory


def copies(prints: Sequence[SoundPrint]) -> list[tuple[int, int]]:
    """Return the pairs of indices of recordings that are copies of each other or overlap."""
    from scipy import fft  # slow to import, and scoring does not need it

    audible = [i for i, sound in enumerate(prints) if sound.phase_codes.any()]
    if len(audible) < 2:
        return []
    stride = 1 if len(audible) <= MAX_FINE else _COARSE
    period = PERIOD // stride
    phases = np.stack([prints[i].phases[::stride] for i in audible])
    lengths = np.array([min(period, prints[i].samples) for i in audible])
    nearest = None
    if len(audible) > MAX_ALL_PAIRS:
        nearest = nearest_spectra(np.stack([prints[i].spectrum for i in audible]), NEAREST)
    pairs = []
    for row in range(len(audible) - 1):
        later = np.arange(row + 1, len(audible)) if nearest is None else nearest[row]
        for first in range(0, len(later), _ROWS):
            others = later[first : first + _ROWS]
            correlation = fft.irfft(phases[row] * phases[others].conj(), n=period, axis=1)
            correlation = np.abs(correlation, out=correlation)
            peaks = correlation.max(axis=1)
            shortest = np.minimum(lengths[row], lengths[others])
            for k in np.flatnonzero(peaks > DEVIATIONS / np.sqrt(shortest)):
                if peaks[k] > MIN_PEAK or peaks[k] > MIN_DOMINANCE * _rest(correlation[k]):
                    pairs.append((audible[row], audible[others[k]]))
    return pairs


def _rest(correlation: np.ndarray) -> float:
    """The largest value of a circular correlation beyond its peak."""
    centred = np.roll(correlation, _PEAK_WIDTH - int(correlation.argmax()))
    return float(centred[2 * _PEAK_WIDTH + 1 :].max())

"""Copies and overlapping pieces of recordings, at whatever level, polarity, sample rate or delay.

The spectra of both are divided by their moduli, so that each frequency counts alike, and correlated over all
delays (the phase transform: C. Knapp and G. Carter, "The generalized correlation method for estimation of
time delay", IEEE Trans. ASSP 24, 1976). Copies have a peak of about 1, pieces that share half of their length
one of about 0.4, and recordings of the same machine at different times noise, even if they have strong tones
in common. A few thousand frequencies are enough, so that recordings are compared in a transform of 4096.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import fft

from auscult.corpus.sound_print import PERIOD, SoundPrint, nearest_spectra

#: Peaks above this are copies; at most …
MIN_PEAK = 0.15
#: … but at least so many standard deviations of the noise, for recordings shorter than the transform.
_DEVIATIONS = 10.0
#: Beyond this many recordings, each is compared only with the `NEAREST` ones by spectrum.
MAX_ALL_PAIRS = 1000
NEAREST = 256
_ROWS = 256  # correlated at a time, to limit memory


def copies(prints: Sequence[SoundPrint]) -> list[tuple[int, int]]:
    """Return the pairs of indices of recordings that are copies of each other or overlap."""
    audible = [i for i, sound in enumerate(prints) if sound.phase_codes.any()]
    if len(audible) < 2:
        return []
    phases = np.stack([prints[i].phases for i in audible])
    lengths = np.array([min(PERIOD, prints[i].samples) for i in audible])
    nearest = None
    if len(audible) > MAX_ALL_PAIRS:
        nearest = nearest_spectra(np.stack([prints[i].spectrum for i in audible]), NEAREST)
    pairs = []
    for row in range(len(audible) - 1):
        later = np.arange(row + 1, len(audible)) if nearest is None else nearest[row]
        for first in range(0, len(later), _ROWS):
            others = later[first : first + _ROWS]
            correlation = fft.irfft(phases[row] * phases[others].conj(), n=PERIOD, axis=1)
            peaks = np.abs(correlation).max(axis=1)
            shortest = np.minimum(lengths[row], lengths[others])
            is_copy = peaks > np.maximum(MIN_PEAK, _DEVIATIONS / np.sqrt(shortest))
            pairs += [(audible[row], audible[other]) for other in others[is_copy]]
    return pairs

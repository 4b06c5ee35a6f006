"""Bands into which spectra are summed for the trend."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from auscult.spectrum import FrontEnd
from auscult.spectrum.logmel import mel_edges

#: Number of bands.
BANDS = 10


def band_levels(spectrum: np.ndarray) -> np.ndarray:
    """Return the level of the total spectrum and of `BANDS` groups of bands, dB.

    Args:
        spectrum: (n_mels,) log-mel, dB.
    """
    power = 10 ** (spectrum.astype(np.float64) / 10)
    groups = np.add.reduceat(power, _first_bands(len(power)))
    return 10 * np.log10(np.concatenate([[power.sum()], groups])).astype(np.float32)


def band_edges(front_end: FrontEnd) -> np.ndarray:
    """Return (K, 2) lowest and highest frequencies of the groups of `band_levels` in Hz."""
    edges = mel_edges(front_end)
    between = (edges[1:] + edges[:-1]) / 2  # band i is centred between the values i and i + 1
    first = _first_bands(front_end.n_mels)
    return np.stack([between[first], between[[*first[1:], front_end.n_mels]]], axis=1)


@lru_cache(maxsize=8)
def _first_bands(bands: int) -> np.ndarray:
    """Return the first band of each group."""
    return np.array([group[0] for group in np.array_split(np.arange(bands), min(BANDS, bands))])

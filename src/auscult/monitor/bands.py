"""Bands into which spectra are summed for the trend."""

from __future__ import annotations

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
    groups = _groups(power)
    return 10 * np.log10(np.array([power.sum(), *(group.sum() for group in groups)])).astype(np.float32)


def band_edges(front_end: FrontEnd) -> np.ndarray:
    """Return (K, 2) lowest and highest frequencies of the groups of `band_levels` in Hz."""
    edges = mel_edges(front_end)
    between = (edges[1:] + edges[:-1]) / 2  # band i is centred between the values i and i + 1
    groups = _groups(np.arange(front_end.n_mels))
    return np.array([[between[group[0]], between[group[-1] + 1]] for group in groups])


def _groups(values: np.ndarray) -> list[np.ndarray]:
    return np.array_split(values, min(BANDS, len(values)))

"""A spectrogram that resolves 10 Hz at the bottom and knocks at the top.

Frequencies are drawn on an axis that is linear up to `LINEAR_HZ` and logarithmic above, since a shaft turns
at 10 Hz and a bearing rings at 10 kHz.
"""

from __future__ import annotations

import numpy as np

from auscult.sound import Waveform

#: Below it the frequency axis is linear, Hz.
LINEAR_HZ = 50.0
#: Up to the first frequency the spectrogram has long frames, from the second on short ones, Hz.
SPLIT_HZ = (100.0, 400.0)
#: Lengths of the long and the short frames, seconds.
FRAME_SECONDS = (0.256, 0.032)
#: Short frames are made shorter until a recording has so many.
MIN_FRAMES = 60
#: Rows of a spectrogram.
ROWS = 320
_LEAST_POWER = 1e-20
_COLUMNS = 1200  # of a spectrogram, at most about this many


def height(hertz: np.ndarray | float) -> np.ndarray:
    """Return the height of frequencies on the axis; 0 Hz is at 0."""
    return np.arcsinh(np.asarray(hertz, np.float64) / LINEAR_HZ)


def row_edges(sample_rate: int) -> np.ndarray:
    """Return the (ROWS + 1,) frequencies between the rows of a spectrogram, from 0 to half the rate, Hz."""
    return LINEAR_HZ * np.sinh(np.linspace(0.0, float(height(sample_rate / 2)), ROWS + 1))


def spectrogram(waveform: Waveform) -> np.ndarray:
    """Return the (columns, ROWS) float32 power density of a waveform, dB re 1²/Hz.

    Columns are equally spaced over the waveform. Frames are long for low frequencies and short for high ones.
    """
    rate, samples = waveform.sample_rate, waveform.samples.astype(np.float64)
    long_seconds, short_seconds = FRAME_SECONDS
    long = _power_of_two(min(long_seconds, waveform.seconds / 2) * rate)
    short = min(long, _power_of_two(min(short_seconds, waveform.seconds / MIN_FRAMES) * rate))
    count = max(1, min(_COLUMNS, 4 * len(samples) // short))
    middles = (np.arange(count) + 0.5) * len(samples) / count
    edges = row_edges(rate)
    low = _densities(samples, rate, long, middles, edges)
    high = _densities(samples, rate, short, middles, edges)
    below, above = (10 * np.log10(power + _LEAST_POWER) for power in (low, high))
    share = np.interp((edges[1:] + edges[:-1]) / 2, SPLIT_HZ, (0.0, 1.0))  # of the short frames
    return ((1 - share) * below + share * above).astype(np.float32)


def _power_of_two(length: float) -> int:
    """The power of two nearest to a number of samples, at least 16."""
    return int(max(16, 2 ** round(np.log2(max(length, 1.0)))))


def _densities(
    samples: np.ndarray, rate: int, length: int, middles: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """Return the (columns, rows) power density of frames around sample positions, averaged over each row.

    If the columns are further apart than frames are long, each is the maximum of several frames, so that no
    knock is lost.
    """
    window = np.hanning(length + 1)[:-1]
    weights = _row_weights(np.fft.rfftfreq(length, 1 / rate), edges)
    scale = 2 / (rate * np.sum(window**2))
    padded = np.pad(samples, (0, max(0, length - len(samples))))
    spacing = len(samples) / len(middles)
    offsets = np.arange(max(1, round(spacing / (length / 2)))) * (length / 2)
    offsets -= offsets.mean()
    power = np.zeros((len(middles), len(edges) - 1))
    for first in range(0, len(middles), 64):  # few at a time, to limit memory
        rows = slice(first, first + 64)
        for offset in offsets:
            starts = np.clip(middles[rows] + offset - length / 2, 0, len(padded) - length).astype(int)
            frames = padded[starts[:, None] + np.arange(length)] * window
            density = scale * np.abs(np.fft.rfft(frames)) ** 2
            power[rows] = np.maximum(power[rows], density @ weights.T)
    return power


def _row_weights(bins: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the (rows, bins) weights of the bins of a transform in each row.

    A row is the mean of the bins in it; a row without any is interpolated between the two nearest bins.
    """
    weights = ((bins >= edges[:-1, None]) & (bins < edges[1:, None])).astype(np.float64)
    for row in np.flatnonzero(~weights.any(axis=1)):
        position = np.interp((edges[row] + edges[row + 1]) / 2, bins, np.arange(len(bins)))
        below = min(int(position), len(bins) - 2)
        weights[row, below : below + 2] = 1 - (position - below), position - below
    return weights / weights.sum(axis=1, keepdims=True)

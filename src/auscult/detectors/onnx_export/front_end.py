"""From samples to log-mel frames: ONNX counterpart of `auscult.spectrum.logmel`, in float64 as well.

The Fourier transform of real frames of n samples is a product with a matrix of cosines and one of sines. Two
symmetries leave a quarter of the multiplications, so that it takes half the time of ONNX Runtime's own DFT on
one core. Samples j and n − j are first added for the cosines, which are even, and subtracted for the sines,
which are odd. And bins k and n/2 − k share their partial sums over even j and over odd j, which are added for
bin k and subtracted for bin n/2 − k. If the bands use bins of the lower half only, as those for the orders of
a shaft do, just these bins are computed.
"""

from __future__ import annotations

import math

import numpy as np

from auscult.detectors.onnx_export.graph import Graph, Value
from auscult.spectrum import FrontEnd, mel_filters


def log_mel(samples: Value, front_end: FrontEnd) -> Value:
    """Compute the (1 + N // hop, n_mels) float32 log-mel, in dB, of (N,) float32 samples."""
    graph, half = samples.graph, front_end.n_fft // 2
    frames = _frames(samples, front_end)  # (T, n_fft)
    filters = mel_filters(front_end)
    used = 1 + int(max(np.flatnonzero(filters.any(axis=1)), default=0))  # number of bins that are needed
    n_low = min(half // 2 + 1, used)  # number of bins in the lower half; the upper ones share partial sums
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(half + 1) / front_end.n_fft)
    window[half] /= 2  # the middle sample is paired with itself
    real, imaginary = [], []
    for first in (2, 1):  # even samples, then odd ones; the window is 0 at sample 0
        left = frames.slice(first, half + 1, 2, axis=1)
        right = frames.slice(front_end.n_fft - first, half - 1, -2, axis=1)
        j = np.arange(first, half + 1, 2)
        real.append((left + right) @ _windowed_waves(graph, np.cos, j, n_low, front_end.n_fft, window))
        imaginary.append((left - right) @ _windowed_waves(graph, np.sin, j, n_low, front_end.n_fft, window))
    low = (real[0] + real[1]).square() + (imaginary[0] + imaginary[1]).square()  # (T, n_low)
    power = low @ filters[:n_low]  # (T, n_mels)
    if used > n_low:
        upper_filters = filters[half - np.arange(n_low)] * (np.arange(n_low) < half / 2)[:, None]
        high = (real[0] - real[1]).square() + (imaginary[0] - imaginary[1]).square()
        power = power + high @ upper_filters
    return (graph.Log(graph.Max(power, front_end.floor)) * (10 / math.log(10))).float()


def _frames(samples: Value, front_end: FrontEnd) -> Value:
    """Return (T, n_fft) float64 frames, centred by padding with zeros at both ends."""
    graph, half = samples.graph, front_end.n_fft // 2
    padded = graph.Pad(samples.double(), np.array([half, half]))
    last = graph.Div(samples.count(), np.array(front_end.hop))  # index of the last frame
    # Frames are assembled from pieces whose length divides both the hop and the frame length.
    piece = math.gcd(front_end.hop, front_end.n_fft)
    end = last * np.array(front_end.hop) + np.array(front_end.n_fft)
    pieces = graph.Slice(padded, np.array([0]), graph.Unsqueeze(end, np.array([0]))).reshape(-1, piece)
    starts = graph.Range(np.array(0), last + np.array(1), np.array(1)) * np.array(front_end.hop // piece)
    indices = graph.Unsqueeze(starts, np.array([1])) + np.arange(front_end.n_fft // piece)
    return graph.Gather(pieces, indices).reshape(-1, front_end.n_fft)


def _windowed_waves(
    graph: Graph, wave: np.ufunc, j: np.ndarray, bins: int, n_fft: int, window: np.ndarray
) -> Value:
    """Return (J, bins) windowed cosines or sines at samples j (J,), ``wave(2π j k / n_fft)`` for bin k.

    To keep the file small, it contains only one period, from which ONNX Runtime builds the matrix once, when
    it loads the file.
    """
    period = wave(2 * np.pi * np.arange(n_fft) / n_fft)
    indices = graph.Mod(graph.Mul(j[:, None], np.arange(bins)), np.array(n_fft))
    return graph.Gather(period, indices) * window[j, None]

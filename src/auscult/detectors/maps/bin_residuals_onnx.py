"""Map of bin residuals: ONNX counterpart of `auscult.detectors.maps.bin_residuals`."""

from __future__ import annotations

import numpy as np

from auscult.detectors.maps.bin_residuals import CONTEXT, SMOOTHING, BinResiduals
from auscult.detectors.maps.map_profile_onnx import band_smoothing, smoothed_over_frames
from auscult.detectors.onnx_export.graph import Value
from auscult.detectors.onnx_export.windows import context_windows


def residual_map(frames: Value, bins: BinResiduals) -> Value:
    """`BinResiduals.map` of (T, B) float32 log-mel frames in dB; (T, B) float64."""
    over_frames, over_bands = SMOOTHING
    relative = frames.double() - _median(frames).double()
    padding = np.array([CONTEXT // 2, 0, CONTEXT // 2, 0])
    windows = context_windows(frames.graph.Pad(relative, padding, mode="edge"), CONTEXT)
    weights = bins.weights @ band_smoothing(bins.weights.shape[1], over_bands)  # also smooths over bands
    return smoothed_over_frames((windows - bins.mean.astype(np.float64)) @ weights, over_frames)


def _median(values: Value) -> Value:
    """Return the median of all values, a scalar."""
    graph, flat = values.graph, values.reshape(-1)
    count = flat.count()

    def smallest_of_largest(number: Value) -> Value:
        largest, _ = graph.TopK(flat, number.reshape(1), sorted=0, outputs=2)
        return graph.ReduceMin(largest, keepdims=0)

    upper = (count - np.array(1)) / np.array(2) + np.array(1)
    lower = count / np.array(2) + np.array(1)  # the same if the count is odd
    return (smallest_of_largest(upper) + smallest_of_largest(lower)) * np.float32(0.5)

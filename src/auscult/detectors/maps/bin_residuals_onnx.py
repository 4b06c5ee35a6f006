"""Bin residuals and their map: ONNX counterpart of `auscult.detectors.maps.bin_residuals`."""

from __future__ import annotations

import numpy as np

from auscult.detectors.maps.bin_residuals import CONTEXT, SHARPENING, SMOOTHING, BinResiduals
from auscult.detectors.maps.map_profile_onnx import band_smoothing, smoothed_over_frames
from auscult.detectors.onnx_export.graph import Value
from auscult.detectors.onnx_export.windows import context_windows


def bin_residuals(frames: Value, bins: BinResiduals) -> Value:
    """`BinResiduals.residuals` of (T, B) float32 log-mel frames in dB; (T, B) float64."""
    relative = frames.double() - _median(frames).double()
    padding = np.array([CONTEXT // 2, 0, CONTEXT // 2, 0])
    windows = context_windows(frames.graph.Pad(relative, padding, mode="edge"), CONTEXT)
    return (windows - bins.mean.astype(np.float64)) @ bins.weights.astype(np.float64)


def smoothed(residuals: Value, bands: int) -> Value:
    """`smoothed` of (T, B) float64 residuals of B bands; (T, B) float64."""
    over_frames, over_bands = SMOOTHING
    return smoothed_over_frames(residuals @ band_smoothing(bands, over_bands), over_frames)


def sharpened(map: Value, residuals: Value) -> Value:
    """`sharpened` of a (T, B) float64 map by (T, B) float64 residuals; (T, B) float64."""
    share = residuals / map.graph.Sqrt(residuals.square() + SHARPENING**2)
    return map + map.graph.Max(map, np.float64(0.0)) * share


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

"""Smoothed z-scores of maps: ONNX counterpart of `auscult.detectors.maps.map_profile`."""

from __future__ import annotations

import numpy as np

from auscult.detectors.maps.map_profile import SMOOTHING, MapProfile
from auscult.detectors.onnx_export.graph import Value


def smoothed_zscore(map: Value, profile: MapProfile) -> Value:
    """`MapProfile.smoothed_zscore` of a (T, B) raw map; (T, B) float32."""
    from scipy.ndimage import gaussian_filter1d

    graph, (over_frames, over_bands) = map.graph, SMOOTHING
    # Smoothing over bands is a product with a matrix; over frames, whose number is unknown, a weighted sum.
    across = gaussian_filter1d(np.eye(len(profile.centre)), over_bands, axis=0, mode="nearest")
    zscore = (map.double() - profile.centre) / profile.floored_spread @ across.T
    radius = int(4 * over_frames + 0.5)  # where SciPy truncates the kernel
    kernel = gaussian_filter1d(np.eye(1, 2 * radius + 1, radius)[0], over_frames)
    padded = graph.Pad(zscore, np.array([radius, 0, radius, 0]), mode="edge")
    terms = [padded.slice(i, i - 2 * radius or None) * weight for i, weight in enumerate(kernel)]
    return graph.Sum(*terms).float()

"""Standardised and resized maps: ONNX counterpart of `auscult.detectors.maps.map_profile`."""

from __future__ import annotations

import numpy as np

from auscult.detectors.maps.map_profile import SMOOTHING, MapProfile
from auscult.detectors.onnx_export.graph import INT64, Value


def smoothed_zscore(map: Value, profile: MapProfile) -> Value:
    """`MapProfile.smoothed_zscore` of a (T, B) raw map; (T, B) float32."""
    zscore = (map.double() - profile.centre) / profile.floored_spread
    over_frames, over_bands = SMOOTHING
    return smoothed_over_frames(zscore @ band_smoothing(len(profile.centre), over_bands), over_frames).float()


def band_smoothing(bands: int, sigma: float) -> np.ndarray:
    """Return the (B, B) float64 matrix M so that ``map @ M`` is smoothed over bands.

    ``sigma`` is the standard deviation of SciPy's Gaussian filter, which repeats the edge.
    """
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(np.eye(bands), sigma, axis=0, mode="nearest").T)


def smoothed_over_frames(map: Value, sigma: float) -> Value:
    """Smooth a (T, B) float64 map over the frames, whose number is known only when the graph runs."""
    from scipy.ndimage import gaussian_filter1d

    radius = int(4 * sigma + 0.5)  # where SciPy truncates the kernel
    kernel = gaussian_filter1d(np.eye(1, 2 * radius + 1, radius)[0], sigma)
    padded = map.graph.Pad(map, np.array([radius, 0, radius, 0]), mode="edge")
    terms = [padded.slice(i, i - 2 * radius or None) * weight for i, weight in enumerate(kernel)]
    return map.graph.Sum(*terms)


def resized(map: Value, frames: Value, bands: tuple[int, int]) -> Value:
    """`resized` of a (T, B) map.

    Args:
        map: (T, B) of any type.
        frames: T', the new number of frames, int64.
        bands: B and B', the present and the new number of bands.

    Returns:
        (T', B') float32.
    """
    graph, map = map.graph, map.double()
    if bands[0] != bands[1]:
        map = map @ _shares(*bands)
    length = map.count()
    sums = graph.Pad(graph.CumSum(map, np.array(0)), np.array([1, 0, 0, 0]))
    ratio = length.double() / frames.double()
    edges = graph.Range(np.array(0), frames + np.array(1), np.array(1)).double() * ratio
    below = graph.Min(graph.Cast(edges, to=INT64), length - np.array(1))
    fraction = graph.Unsqueeze(edges - below.double(), np.array([1]))
    left = graph.Gather(sums, below)
    at_edges = left + fraction * (graph.Gather(sums, below + np.array(1)) - left)
    return ((at_edges.slice(1, None) - at_edges.slice(None, -1)) / ratio).float()


def _shares(present: int, new: int) -> np.ndarray:
    """Return the (B, B') matrix of the share of each present band in the range of each new one."""
    lower, upper = np.arange(present)[:, None], np.arange(1, present + 1)[:, None]
    edges = np.linspace(0, present, new + 1)
    overlap = np.maximum(np.minimum(upper, edges[1:]) - np.maximum(lower, edges[:-1]), 0.0)
    return overlap * (new / present)

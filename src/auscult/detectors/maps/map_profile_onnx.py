"""Maps that point: the twin of `auscult.detectors.maps.map_profile.MapProfile.pointing`."""

from __future__ import annotations

import numpy as np

from auscult.detectors.maps.map_profile import SMOOTHING, MapProfile
from auscult.detectors.onnx_export.graph import Value


def pointing(map: Value, profile: MapProfile) -> Value:
    """A raw map (T, B) as one that points, (T, B) float32."""
    from scipy.ndimage import gaussian_filter1d

    graph, (over_frames, over_bands) = map.graph, SMOOTHING
    across = gaussian_filter1d(np.eye(len(profile.centre)), over_bands, axis=0, mode="nearest")
    odd = (map.double() - profile.centre) / profile.unit @ across.T
    reach = int(4 * over_frames + 0.5)  # where SciPy cuts the bell off
    bell = gaussian_filter1d(np.eye(1, 2 * reach + 1, reach)[0], over_frames)
    padded = graph.Pad(odd, np.array([reach, 0, reach, 0]), mode="edge")
    parts = [padded.cut(i, i - 2 * reach or None) * weight for i, weight in enumerate(bell)]
    return graph.Sum(*parts).float()

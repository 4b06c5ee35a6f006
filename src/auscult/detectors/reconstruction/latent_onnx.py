"""The score ``latent`` of `gamma_vae` in an ONNX graph; the counterpart of that part of its ``score``."""

from __future__ import annotations

import numpy as np

from auscult.detectors.onnx_export.graph import GraphEvidence, Value
from auscult.detectors.onnx_export.windows import spread_over_frames
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.densities_onnx import distance


def latent_evidence(shape: Value, scale: Value, context: int, bands: int, density: Gaussian) -> GraphEvidence:
    """Return the score ``latent`` and its map.

    Args:
        shape, scale: (V, latents) float32, the posterior of each window.
        context: frames in one window.
        bands: number of mel bands.
        density: of a clip's mean code, (2 · latents,).
    """
    graph = shape.graph
    codes = graph.Log(graph.Concat(shape, scale, axis=1).double())  # (V, 2 · latents)
    latent, _, nearest_mean = distance(codes.mean(0), density)
    deviation = codes - nearest_mean
    share = deviation @ (density.precision @ deviation.mean(0))  # (V,), whose mean is the distance
    by_window = graph.Unsqueeze(share, np.array([1])) * np.full(context, 1 / bands)  # (V, context)
    frames = spread_over_frames(by_window, context, 1).float()  # (T, 1)
    return GraphEvidence({"latent": latent}, {"latent": frames * np.ones((1, bands), np.float32)})

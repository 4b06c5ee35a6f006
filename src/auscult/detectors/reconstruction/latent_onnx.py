"""The score of `gamma_vae` by its codes: the twin of what its ``score`` adds to the residual's."""

from __future__ import annotations

import numpy as np

from auscult.detectors.onnx_export.graph import GraphEvidence, Value
from auscult.detectors.onnx_export.windows import spread_over_frames
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.densities_onnx import distance


def latent_evidence(shape: Value, scale: Value, context: int, bands: int, density: Gaussian) -> GraphEvidence:
    """``latent`` and its map.

    Args:
        shape, scale: (V, latents) float32 of the posterior of each window.
        density: of a clip's mean code, (2 · latents,).
    """
    graph = shape.graph
    codes = graph.Log(graph.Concat(shape, scale, axis=1).double())  # (V, 2 · latents)
    latent, _, nearer = distance(codes.mean(0), density)
    away = codes - nearer
    share = away @ (density.precision @ away.mean(0))  # (V,), whose mean is the distance
    rows = graph.Unsqueeze(share, np.array([1])) * np.full(context, 1 / bands)  # (V, context)
    frames = spread_over_frames(rows, context, 1).float()  # (T, 1)
    return GraphEvidence({"latent": latent}, {"latent": frames * np.ones((1, bands), np.float32)})

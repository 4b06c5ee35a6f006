"""Scores and maps of reconstruction residuals as an ONNX graph; follows ``residuals.py`` beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auscult.detectors.onnx_export.graph import GraphEvidence, Value
from auscult.detectors.onnx_export.windows import spread_over_frames
from auscult.detectors.reconstruction.residuals import LEAST_SQUARE
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.densities_onnx import distance


def residual_evidence(
    residual: Value, context: int, precisions: Mapping[str, np.ndarray], density: Gaussian
) -> GraphEvidence:
    """Every score and map of a residual (V, context · bands) float32.

    Args:
        precisions: domain to (bands, bands).
        density: of the pooled residual, (2 · bands,).
    """
    graph, bands = residual.graph, len(density.precision) // 2
    rows = residual.double().reshape(-1, bands)  # (V · context, bands)
    squares = rows.square()
    mean, mean_square = rows.mean(0), squares.mean(0)

    pooled = graph.Concat(mean, graph.Log(mean_square + LEAST_SQUARE), axis=0)
    pooled_distance, pooled_shares, _ = distance(pooled, density)
    of_band = pooled_shares.reshape(2, bands).sum(0)

    each = np.stack(list(precisions.values()))  # (domains, bands, bands)
    towards_mean = each @ mean  # (domains, bands)
    of_mean = (towards_mean * mean).sum(1)
    near_mean = graph.Gather(towards_mean, graph.ArgMin(of_mean, axis=0, keepdims=0))
    scatter = rows.transposed() @ rows / rows.count().double()  # (bands, bands)
    of_rows = (each * scatter).sum(2).sum(1)
    near_rows = graph.Gather(each, graph.ArgMin(of_rows, axis=0, keepdims=0))

    shares = {
        "mse": squares / float(bands),
        "mahalanobis": rows * near_mean,
        "mahalanobis_frames": rows * (rows @ near_rows),
        "residual_gaussian": (squares + LEAST_SQUARE) * (of_band / (mean_square + LEAST_SQUARE)),
    }
    return GraphEvidence(
        scores={
            "mse": mean_square.mean(),
            "mahalanobis": graph.ReduceMin(of_mean, keepdims=0),
            "mahalanobis_frames": graph.ReduceMin(of_rows, keepdims=0),
            "residual_gaussian": pooled_distance,
        },
        maps={
            name: spread_over_frames(share.reshape(-1, context * bands), context, bands).float()
            for name, share in shares.items()
        },
    )

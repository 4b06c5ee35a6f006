"""Scores and maps of reconstruction residuals in an ONNX graph; the counterpart of ``residuals.py``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auscult.detectors.onnx_export.graph import GraphEvidence, Value
from auscult.detectors.onnx_export.windows import spread_over_frames
from auscult.detectors.reconstruction.residuals import SQUARE_FLOOR
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.densities_onnx import distance


def residual_evidence(
    residual: Value, context: int, precisions: Mapping[str, np.ndarray], density: Gaussian
) -> GraphEvidence:
    """Return every score and map of a residual.

    Args:
        residual: (V, context · bands) float32.
        context: frames in one window.
        precisions: domain to (bands, bands).
        density: of the pooled residual, (2 · bands,).
    """
    graph, bands = residual.graph, len(density.precision) // 2
    rows = residual.double().reshape(-1, bands)  # (V · context, bands)
    squares = rows.square()
    mean, mean_square = rows.mean(0), squares.mean(0)

    pooled = graph.Concat(mean, graph.Log(mean_square + SQUARE_FLOOR), axis=0)
    pooled_distance, pooled_shares, _ = distance(pooled, density)
    band_share = pooled_shares.reshape(2, bands).sum(0)

    stacked = np.stack(list(precisions.values()))  # (domains, bands, bands)
    precision_times_mean = stacked @ mean  # (domains, bands)
    mean_distances = (precision_times_mean * mean).sum(1)  # (domains,)
    nearest_to_mean = graph.Gather(precision_times_mean, graph.ArgMin(mean_distances, axis=0, keepdims=0))
    scatter = graph.Gemm(rows, rows, transA=1) / rows.count().double()  # (bands, bands)
    row_distances = (stacked * scatter).sum(2).sum(1)  # (domains,)
    nearest_to_rows = graph.Gather(stacked, graph.ArgMin(row_distances, axis=0, keepdims=0))

    shares = {
        "mse": squares / float(bands),
        "mahalanobis": rows * nearest_to_mean,
        "mahalanobis_frames": rows * (rows @ nearest_to_rows),
        "residual_gaussian": (squares + SQUARE_FLOOR) * (band_share / (mean_square + SQUARE_FLOOR)),
    }
    return GraphEvidence(
        scores={
            "mse": mean_square.mean(),
            "mahalanobis": graph.ReduceMin(mean_distances, keepdims=0),
            "mahalanobis_frames": graph.ReduceMin(row_distances, keepdims=0),
            "residual_gaussian": pooled_distance,
        },
        maps={
            name: spread_over_frames(share.reshape(-1, context * bands), context, bands).float()
            for name, share in shares.items()
        },
    )

"""Nearest normal vectors: ONNX counterpart of `auscult.detectors.statistics.neighbours`."""

from __future__ import annotations

import numpy as np

from auscult.detectors.onnx_export.graph import Value
from auscult.detectors.statistics.neighbours import MIN_DISTANCE


def scores_and_nearest(
    squares: Value, target: np.ndarray, density: np.ndarray, alpha: np.ndarray, scale: np.ndarray
) -> dict[str, tuple[Value, Value]]:
    """`Neighbours.scores_and_nearest` with the Euclidean distance.

    Args:
        squares: (N, ...) float64 squared distances from the N normal vectors, in each space.
        target: (N,) as in `Neighbours`.
        density: (..., N) as in `Neighbours`.
        alpha: (...) as in `Neighbours`.
        scale: (..., 2) as in `Neighbours`.

    Returns:
        Score name to scores (...) and indices (...) of the normal vectors that attain them.
    """
    graph = squares.graph
    distance = graph.Max(graph.Sqrt(squares), np.float64(MIN_DISTANCE))
    by_clip = np.moveaxis(density, -1, 0)  # (N, ...)
    by_score = {
        "density": distance / by_clip,
        "nearest": distance,
        "variance": graph.Log(distance) - alpha * np.log(by_clip),
        "domain": distance / np.moveaxis(scale[..., target.astype(int)], -1, 0),
    }
    return {
        name: (
            graph.ReduceMin(values, np.array([0]), keepdims=0),
            graph.ArgMin(values, axis=0, keepdims=0),
        )
        for name, values in by_score.items()
    }

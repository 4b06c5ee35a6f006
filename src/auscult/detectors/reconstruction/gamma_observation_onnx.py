"""Scores and maps of `gamma_observation` in an ONNX graph; the counterpart of its ``score``."""

from __future__ import annotations

import numpy as np

from auscult.detectors.onnx_export.graph import INT64, GraphEvidence, Value
from auscult.detectors.onnx_export.windows import spread_over_frames
from auscult.detectors.reconstruction.gamma_likelihood import SMALLEST_DEVIANCE
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.densities_onnx import distance


def deviance_evidence(
    log_ratio: Value, deviance: Value, density: Gaussian, *, context: int, bands: int, top: float
) -> GraphEvidence:
    """Return every score and map.

    Args:
        log_ratio, deviance: (V, context · bands) float32, one value for each element of every window.
        density: of log-ratios and logarithms of deviances, (2 · bands,).
        context: frames in one window.
        bands: number of mel bands.
        top: share of the frames that ``deviance_top`` averages.
    """
    graph = log_ratio.graph
    log_ratio, deviance = (
        spread_over_frames(values.double(), context, bands) for values in (log_ratio, deviance)
    )  # (T, bands)
    by_frame, frames = deviance.mean(1), deviance.count()
    n_top = graph.Max(graph.Cast(graph.Round(frames.double() * top), to=INT64), np.array(1))
    highest, highest_frames = graph.TopK(by_frame, n_top.reshape(1), outputs=2)
    by_band = deviance.mean(0)
    pooled = graph.Concat(log_ratio.mean(0), graph.Log(graph.Max(by_band, SMALLEST_DEVIANCE)), axis=0)
    density_distance, shares, _ = distance(pooled, density)

    weight = graph.Expand(frames.double() / n_top.double(), n_top.reshape(1))  # (n_top,)
    frame_weights = graph.ScatterElements(by_frame * 0.0, highest_frames, weight)  # (T,)
    relative = deviance / graph.Max(by_band, SMALLEST_DEVIANCE)
    maps = {
        "deviance_top": graph.Unsqueeze(frame_weights, np.array([1])) * deviance / float(bands),
        "deviance": deviance / float(bands),
        "log_ratio_gaussian": relative * shares.reshape(2, bands).sum(0),
    }
    return GraphEvidence(
        scores={
            "deviance_top": highest.mean(),
            "deviance": by_frame.mean(),
            "log_ratio_gaussian": density_distance,
        },
        maps={name: map_.float() for name, map_ in maps.items()},
    )

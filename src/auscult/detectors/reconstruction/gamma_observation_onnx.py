"""The trained network, scores and maps of `gamma_observation` in ONNX graphs; the counterpart of parts of
``gamma_observation.py`` and ``observation.py``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from auscult.detectors.onnx_export.graph import INT64, GraphEvidence, Value
from auscult.detectors.onnx_export.windows import spread_over_frames
from auscult.detectors.reconstruction.code_samples import EPSILON, SMALLEST_SHAPE
from auscult.detectors.reconstruction.gamma_likelihood import (
    LINEAR_ABOVE,
    LOG_VARIANCE_LIMIT,
    NATS_PER_DECIBEL,
    SHAPE_RANGE,
    SMALLEST_DEVIANCE,
)
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.densities_onnx import distance

if TYPE_CHECKING:
    from auscult.detectors.training.layers_onnx import TrainedNetwork


def network_outputs(network: TrainedNetwork, x: Value, *, gamma_codes: bool) -> dict[str, Value]:
    """Return the outputs of the network for windows x (N, width), all float32.

    Args:
        network: the trained network.
        x: log-mel windows in dB.
        gamma_codes: codes have a gamma distribution; otherwise a Gaussian one.

    Returns:
        ``log_ratio`` (N, width) of each value to its expectation, ``deviance`` (N, width), ``code``
        (N, 2 · latents): see `GammaObservation.codes`, and ``shapes`` (1, bands).
    """
    graph = x.graph
    mean, sd, log_shape = (network.weights[f"observation.{name}"] for name in ("mean", "sd", "log_shape"))
    x = (x - mean) / sd
    h = network.stack("encoder", x)  # (N, hidden)
    first, second = network.linear("first", h), network.linear("second", h)  # (N, latents)
    if gamma_codes:
        first = graph.Softplus(first) + np.float32(SMALLEST_SHAPE)
        second = graph.Softplus(second) + np.float32(EPSILON)
        code_mean, code = first * second, (first.log(), second.log())
    else:
        limit = np.float32(LOG_VARIANCE_LIMIT)
        second = graph.Clip(second, -limit, limit)
        code_mean, code = first, (first, second)
    level = network.linear("level", network.stack("decoder", code_mean))
    log_ratio = (x - level) * (np.float32(NATS_PER_DECIBEL) * sd)
    lowest, highest = SHAPE_RANGE
    shapes = np.exp(log_shape.clip(math.log(lowest), math.log(highest)))  # (1, bands)
    shape_of_value = np.tile(shapes, mean.shape[1] // shapes.shape[1])  # (1, width)
    return {
        "log_ratio": log_ratio,
        "deviance": np.float32(2) * shape_of_value * _divergence(log_ratio),
        "code": graph.Concat(*code, axis=1),
        "shapes": graph.Identity(shapes),
    }


def _divergence(log_ratio: Value) -> Value:
    """Return `gamma_likelihood.divergence` in float32."""
    one, near = np.float32(1), log_ratio.graph.Min(log_ratio, np.float32(LINEAR_ABOVE))
    return near.exp() * (one + log_ratio - near) - log_ratio - one


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

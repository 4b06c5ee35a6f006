"""The trained network of `gamma_vae` and its score ``latent`` in ONNX graphs; the counterpart of parts of
``gamma_vae.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auscult.detectors.onnx_export.graph import GraphEvidence, Value
from auscult.detectors.onnx_export.windows import spread_over_frames
from auscult.detectors.reconstruction.code_samples import BOOST, EPSILON, SMALLEST_SHAPE
from auscult.detectors.reconstruction.gamma_kl import log_gamma
from auscult.detectors.reconstruction.gamma_vae_config import GammaVAEConfig
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.densities_onnx import distance

if TYPE_CHECKING:
    from auscult.detectors.training.layers_onnx import TrainedNetwork


def posterior(network: TrainedNetwork, x: Value, config: GammaVAEConfig) -> tuple[Value, Value]:
    """Return shape and scale of the posterior of windows x (N, width), each (N, latents) float32."""
    graph = x.graph
    h = network.stack("encoder", x)  # (N, hidden)
    first, second = network.linear("fc_mu", h), network.linear("fc_var", h)  # (N, latents)
    if config.head == "softmax":
        first, second = graph.Softmax(first), graph.Softmax(second)
    else:
        first = graph.Softplus(first) + np.float32(SMALLEST_SHAPE)
        second = graph.Softplus(second) + np.float32(EPSILON)
    if config.latent == "shape_scale":
        return first, second
    first, second = graph.Max(first, np.float32(EPSILON)), graph.Max(second, np.float32(EPSILON))
    if config.latent == "shape_rate":
        return first, graph.Reciprocal(second)
    return first.square() / second, second / first


def posterior_mean(shape: Value, scale: Value, sampler: str) -> Value:
    """Return the mean of the distribution that is sampled, (N, latents) float32; see `GammaVAE.moments`."""
    if sampler == "weibull":  # in float64, the type of the numbers in `log_gamma`
        return (scale.double() * log_gamma(1.0 + 1.0 / shape.double()).exp()).float()
    if sampler == "boosted_uncorrected":
        shape = shape + np.float32(BOOST)
    return shape * scale


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

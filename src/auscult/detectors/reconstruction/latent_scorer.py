"""The score of latent codes: how far the mean code of a recording is from those of normal recordings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.detectors.base import Evidence
from auscult.detectors.reconstruction.scorer import Outputs, Scorer
from auscult.spectrum import spread_over_frames

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value


@dataclass(frozen=True)
class LatentScorer(Scorer):
    """Squared Mahalanobis distance of the mean code (``latent``).

    The code of a window is the logarithms of shape and scale of its posterior, the outputs ``shape`` and
    ``scale`` of the network, each (V, latents). A code has no frequency axis, so maps distribute a share
    evenly over the bands of its frame.

    Attributes:
        latents: width of ``shape`` and ``scale``.
    """

    scores = ("latent",)
    vector = "latent"

    latents: int

    @property
    def size(self) -> int:
        return 2 * self.latents

    @staticmethod
    def codes(outputs: Outputs) -> np.ndarray:
        """Return the (V, 2 · latents) float64 code of each window."""
        parameters = np.concatenate([outputs["shape"], outputs["scale"]], axis=1)
        return np.log(parameters.astype(np.float64))

    def pooled(self, windows: np.ndarray, outputs: Outputs) -> np.ndarray:
        return self.codes(outputs).mean(axis=0)

    def evidence(self, windows: np.ndarray, outputs: Outputs, *, explain: bool) -> Evidence:
        density, codes = self.density, self.codes(outputs)
        distance, _, nearest_mean = density.distance(codes.mean(axis=0))
        scores = {"latent": float(distance)}
        if not explain:
            return Evidence(scores)
        deviation = codes - nearest_mean
        share = deviation @ (density.precision @ deviation.mean(axis=0))  # (V,); mean: squared distance
        by_window = np.repeat(share[:, None] / self.bands, self.config.context, axis=1)
        frames = spread_over_frames(by_window, self.config.context).astype(np.float32)
        return Evidence(scores, {"latent": np.repeat(frames, self.bands, axis=1)})

    def evidence_in_graph(self, windows: Value, output: Callable[[str], Value]) -> GraphEvidence:
        from auscult.detectors.onnx_export.graph import GraphEvidence
        from auscult.detectors.onnx_export.windows import spread_over_frames
        from auscult.detectors.statistics.densities_onnx import distance

        graph, density = windows.graph, self.density
        codes = graph.Log(graph.Concat(output("shape"), output("scale"), axis=1).double())  # (V, 2 · latents)
        latent, _, nearest_mean = distance(codes.mean(0), density)
        deviation = codes - nearest_mean
        share = deviation @ (density.precision @ deviation.mean(0))  # (V,)
        by_window = graph.Unsqueeze(share, np.array([1])) * np.full(self.config.context, 1 / self.bands)
        frames = spread_over_frames(by_window, self.config.context, 1).float()  # (T, 1)
        return GraphEvidence({"latent": latent}, {"latent": frames * np.ones((1, self.bands), np.float32)})

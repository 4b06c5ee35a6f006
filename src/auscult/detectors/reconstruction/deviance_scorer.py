"""Scores of the deviance of mel power from the power that a network expects; see `gamma_likelihood`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.detectors.base import Evidence
from auscult.detectors.reconstruction.scorer import Outputs, Scorer
from auscult.spectrum import spread_over_frames

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

#: Lower limit of a band's mean deviance before its logarithm is taken.
_SMALLEST_DEVIANCE = 1e-6


@dataclass(frozen=True)
class DevianceScorer(Scorer):
    """The mean deviance, and a density of log-ratios and deviances by band.

    The outputs of the network are ``log_ratio``, log(x/μ), and ``deviance``, 2k·d_IS(x|μ), each (V, width).
    The value of a frame is the mean over the windows that contain it. Scores: ``deviance_top``, the mean
    deviance over bands in the frames where it is highest; ``deviance``, the same over all frames;
    ``log_ratio_gaussian``, the squared Mahalanobis distance of the clip's mean log(x/μ) and logarithm of its
    mean deviance, band by band, from those of normal clips.

    Attributes:
        top: share of the frames that ``deviance_top`` averages.
    """

    scores = ("deviance_top", "deviance", "log_ratio_gaussian")
    vector = "log_ratio"

    top: float

    def pooled(self, windows: np.ndarray, outputs: Outputs) -> np.ndarray:
        """Return (2 · bands,): means of log(x/μ), then logarithms of mean deviances."""
        return _pooled(*self._by_frame(outputs))

    def evidence(self, windows: np.ndarray, outputs: Outputs, *, explain: bool) -> Evidence:
        log_ratio, deviance = self._by_frame(outputs)  # (T, bands)
        by_frame = deviance.mean(axis=1)  # (T,)
        n_top = max(1, round(self.top * len(by_frame)))
        top_frames = np.argsort(-by_frame, kind="stable")[:n_top]
        distance, shares, _ = self.density.distance(_pooled(log_ratio, deviance))
        scores = {
            "deviance_top": float(by_frame[top_frames].mean()),
            "deviance": float(by_frame.mean()),
            "log_ratio_gaussian": float(distance),
        }
        if not explain:
            return Evidence(scores)
        frames, bands = deviance.shape
        frame_weights = np.zeros((frames, 1))
        frame_weights[top_frames] = frames / n_top
        relative = deviance / np.maximum(deviance.mean(axis=0), _SMALLEST_DEVIANCE)
        maps = {
            "deviance_top": frame_weights * deviance / bands,
            "deviance": deviance / bands,
            "log_ratio_gaussian": relative * shares.reshape(2, bands).sum(axis=0),
        }
        return Evidence(scores, {name: map_.astype(np.float32) for name, map_ in maps.items()})

    def evidence_in_graph(self, windows: Value, output: Callable[[str], Value]) -> GraphEvidence:
        from auscult.detectors.onnx_export.graph import INT64, GraphEvidence
        from auscult.detectors.onnx_export.windows import spread_over_frames
        from auscult.detectors.statistics.densities_onnx import distance

        graph, bands = windows.graph, self.bands
        log_ratio, deviance = (
            spread_over_frames(output(name).double(), self.config.context, bands)
            for name in ("log_ratio", "deviance")
        )  # (T, bands)
        by_frame, frames = deviance.mean(1), deviance.count()
        n_top = graph.Max(graph.Cast(graph.Round(frames.double() * self.top), to=INT64), np.array(1))
        highest, highest_frames = graph.TopK(by_frame, n_top.reshape(1), outputs=2)
        by_band = graph.Max(deviance.mean(0), _SMALLEST_DEVIANCE)
        pooled = graph.Concat(log_ratio.mean(0), graph.Log(by_band), axis=0)
        density_distance, shares, _ = distance(pooled, self.density)

        weight = graph.Expand(frames.double() / n_top.double(), n_top.reshape(1))  # (n_top,)
        frame_weights = graph.ScatterElements(by_frame * 0.0, highest_frames, weight)  # (T,)
        maps = {
            "deviance_top": graph.Unsqueeze(frame_weights, np.array([1])) * deviance / float(bands),
            "deviance": deviance / float(bands),
            "log_ratio_gaussian": deviance / by_band * shares.reshape(2, bands).sum(0),
        }
        return GraphEvidence(
            scores={
                "deviance_top": highest.mean(),
                "deviance": by_frame.mean(),
                "log_ratio_gaussian": density_distance,
            },
            maps={name: map_.float() for name, map_ in maps.items()},
        )

    def update(self, clips: Sequence[tuple[np.ndarray, Outputs]], target: np.ndarray) -> list[str]:
        super().update(clips, target)
        count = int(self.density.counts.sum())
        return [f"the density of log-ratios is now fitted to {count} recordings", "deviances unchanged"]

    def _by_frame(self, outputs: Outputs) -> tuple[np.ndarray, np.ndarray]:
        """Return log(x/μ) and deviance of every frame, each (T, bands) float64."""
        by_window = (outputs[name].astype(np.float64) for name in ("log_ratio", "deviance"))
        log_ratio, deviance = (spread_over_frames(values, self.config.context) for values in by_window)
        return log_ratio, deviance


def _pooled(log_ratio: np.ndarray, deviance: np.ndarray) -> np.ndarray:
    return np.r_[log_ratio.mean(axis=0), np.log(np.maximum(deviance.mean(axis=0), _SMALLEST_DEVIANCE))]

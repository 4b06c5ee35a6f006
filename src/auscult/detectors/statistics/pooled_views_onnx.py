"""Pooled views: ONNX counterpart of `auscult.detectors.statistics.pooled_views`.

The length of a clip is known only when the graph runs, so the graph computes weights and windows over time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from auscult.detectors.onnx_export.graph import INT64, Graph, Value
from auscult.detectors.statistics.pooled_views import DB, GWRP_R, MODULATION_FLOOR, MODULATION_RANGES


class PooledFrames:
    """The frames of a clip, with intermediate values that several views share.

    Args:
        frames: (T, B) float32 log-mel in dB.
    """

    def __init__(self, frames: Value) -> None:
        self.graph: Graph = frames.graph
        self.frames = frames.double()
        self.length = frames.count()  # T
        descending, order = self.graph.TopK(frames, self.length.reshape(1), axis=0, outputs=2)
        self.descending, self._order = descending.double(), order

    def views(self, names: Sequence[str]) -> list[Value]:
        """Return each view, (B,) float64."""
        return [self._view(name) for name in names]

    def distribute_over_frames(self, share: Value, view: str, reference: Value) -> Value:
        """`pooled_views.distribute_over_frames` of a share (B,) and a reference (B,); (T, B) float64."""
        graph, frames = self.graph, self.frames
        if view == "std":
            weight = (frames - frames.mean(0)).square()
        elif view in MODULATION_RANGES:
            weight = self._band_passed(view).square()
        elif view == "spectrum":
            level = frames.mean(1, keepdims=True)
            weight = graph.Exp((frames - frames.max()) / DB) * graph.Abs(frames - level - reference)
        else:
            # Sorting the order gives the rank of each frame.
            _, rank = graph.TopK(self._order, self.length.reshape(1), axis=0, largest=0, outputs=2)
            weight = graph.Gather(self._gwrp_weights(GWRP_R[view]), rank) * graph.Abs(frames - reference)
        total = weight.sum(0)
        positive = graph.Greater(total, np.float64(0))
        uniform = graph.Expand(1.0 / self.length.double(), graph.Shape(frames))
        parts = graph.Where(positive, weight / graph.Where(positive, total, np.float64(1)), uniform)
        return parts * share * self.length.double()

    def _view(self, name: str) -> Value:
        graph = self.graph
        if name in MODULATION_RANGES:
            power = self._modulation_spectrum().square().sum(2) / self.length.double()  # (B, K)
            largest = graph.Where(self._modulation_bins(name), power, np.float64(0)).max(1)
            return graph.Log(largest + MODULATION_FLOOR)
        if name == "std":
            return graph.Sqrt((self.frames - self.frames.mean(0)).square().mean(0))
        if name == "spectrum":
            power = graph.Log(graph.Exp(self.frames / DB).mean(0)) * DB
            return power - power.mean()
        return self._gwrp_weights(GWRP_R[name]) @ self.descending

    def _gwrp_weights(self, r: float) -> Value:
        """Return the (T,) weight of each rank, largest value first."""
        ranks = self.graph.Range(np.array(0), self.length, np.array(1))
        powers = self.graph.Pow(np.float64(r), ranks.double())
        return powers / powers.sum()

    def _modulation_spectrum(self) -> Value:
        """Return the (B, T // 2 + 1, 2) spectrum of each band's level minus its mean, with a Hann window.

        The last axis is real and imaginary part.
        """
        graph = self.graph
        index = graph.Range(np.array(0), self.length, np.array(1)).double()
        phase = (index + 1.0) / (self.length.double() + 1.0)
        window = graph.Unsqueeze(0.5 - graph.Cos(phase * (2 * math.pi)) * 0.5, np.array([1]))
        centred = (self.frames - self.frames.mean(0)) * window  # (T, B)
        return graph.DFT(graph.Unsqueeze(centred.transposed(), np.array([2])), None, np.array(1), onesided=1)

    def _modulation_bins(self, view: str) -> Value:
        """Return the (T // 2 + 1,) bool mask of the bins that a view uses: at least one, and never bin 0."""
        graph, half = self.graph, self.length / np.array(2)
        low, high = (
            graph.Cast(graph.Ceil(self.length.double() * edge), to=INT64) for edge in MODULATION_RANGES[view]
        )
        low = graph.Min(graph.Max(low, np.array(1)), half)
        high = graph.Max(high, low + np.array(1))
        bins = graph.Range(np.array(0), half + np.array(1), np.array(1))
        return graph.And(graph.GreaterOrEqual(bins, low), graph.Less(bins, high))

    def _band_passed(self, view: str) -> Value:
        """Return the (T, B) level, band-passed to a view's modulation range, up to a constant factor."""
        graph, half = self.graph, self.length / np.array(2)
        bins = graph.Range(np.array(0), half + np.array(1), np.array(1))
        # Each bin counts twice, also for its mirror image, which a one-sided spectrum lacks; the bin at half
        # the frame rate has none.
        is_nyquist = graph.Equal(bins + bins, self.length)
        multiplicity = graph.Where(is_nyquist, np.float64(1), np.float64(2))
        gain = graph.Where(self._modulation_bins(view), multiplicity, np.float64(0))
        spectrum = self._modulation_spectrum() * graph.Unsqueeze(gain, np.array([1]))
        signal = graph.DFT(spectrum, self.length, np.array(1), inverse=1)  # (B, T, 2)
        return graph.Squeeze(signal.slice(0, 1, axis=2), np.array([2])).transposed()

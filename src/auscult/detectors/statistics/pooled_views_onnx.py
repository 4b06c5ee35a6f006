"""A clip as one vector for each view, and where in time its parts came from: the twin of
`auscult.detectors.statistics.pooled_views`.

A clip's length is known only when the graph runs, so weights and windows over time are worked out there too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from auscult.detectors.onnx_export.graph import INT64, Graph, Value
from auscult.detectors.statistics.pooled_views import DB, PACES, RANKED, STILL


class PooledFrames:
    """The frames of a clip, and what several views make use of.

    Args:
        frames: (T, B) float32 log-mel in dB.
    """

    def __init__(self, frames: Value) -> None:
        self.graph: Graph = frames.graph
        self.frames = frames.double()
        self.length = frames.count()  # T
        falling, order = self.graph.TopK(frames, self.length.reshape(1), axis=0, outputs=2)
        self.falling, self._order = falling.double(), order

    def views(self, names: Sequence[str]) -> list[Value]:
        """Each view, (B,) float64."""
        return [self._view(name) for name in names]

    def shared_out(self, share: Value, view: str, usual: Value) -> Value:
        """`auscult.detectors.statistics.pooled_views.shared_out` of a share (B,) that was compared with ``usual`` (B,);
        (T, B) float64."""
        graph, frames = self.graph, self.frames
        if view == "std":
            odd = (frames - frames.mean(0)).square()
        elif view in PACES:
            odd = self._at_pace(view).square()
        elif view == "spectrum":
            level = frames.mean(1, keepdims=True)
            odd = graph.Exp((frames - frames.max()) / DB) * graph.Abs(frames - level - usual)
        else:
            rank = self._order  # of the order again: the place of each frame in it
            _, rank = graph.TopK(rank, self.length.reshape(1), axis=0, largest=0, outputs=2)
            odd = graph.Gather(self._weights(RANKED[view]), rank) * graph.Abs(frames - usual)
        total = odd.sum(0)
        some = graph.Greater(total, np.float64(0))
        even = graph.Expand(1.0 / self.length.double(), graph.Shape(frames))
        parts = graph.Where(some, odd / graph.Where(some, total, np.float64(1)), even)
        return parts * share * self.length.double()

    def _view(self, name: str) -> Value:
        graph = self.graph
        if name in PACES:
            strength = self._fluctuation().square().sum(2) / self.length.double()  # (B, K)
            paced = graph.Where(self._pace(name), strength, np.float64(0)).max(1)
            return graph.Log(paced + STILL)
        if name == "std":
            return graph.Sqrt((self.frames - self.frames.mean(0)).square().mean(0))
        if name == "spectrum":
            power = graph.Log(graph.Exp(self.frames / DB).mean(0)) * DB
            return power - power.mean()
        return self._weights(RANKED[name]) @ self.falling

    def _weights(self, r: float) -> Value:
        """(T,) weight of each place in the falling order."""
        places = self.graph.Range(np.array(0), self.length, np.array(1))
        falling = self.graph.Pow(np.float64(r), places.double())
        return falling / falling.sum()

    def _fluctuation(self) -> Value:
        """(B, T // 2 + 1, 2) spectrum of each band's level about its mean, under a Hann window: real parts
        and imaginary ones."""
        graph = self.graph
        places = graph.Range(np.array(0), self.length, np.array(1)).double()
        turns = (places + 1.0) / (self.length.double() + 1.0)
        window = graph.Unsqueeze(0.5 - graph.Cos(turns * (2 * math.pi)) * 0.5, np.array([1]))
        away = (self.frames - self.frames.mean(0)) * window  # (T, B)
        return graph.DFT(graph.Unsqueeze(away.transposed(), np.array([2])), None, np.array(1), onesided=1)

    def _pace(self, view: str) -> Value:
        """(T // 2 + 1,) bool, the bins that a modulation view looks at: never none, and never the mean."""
        graph, half = self.graph, self.length / np.array(2)
        first, last = (graph.Cast(graph.Ceil(self.length.double() * edge), to=INT64) for edge in PACES[view])
        first = graph.Min(graph.Max(first, np.array(1)), half)
        last = graph.Max(last, first + np.array(1))
        bins = graph.Range(np.array(0), half + np.array(1), np.array(1))
        return graph.And(graph.GreaterOrEqual(bins, first), graph.Less(bins, last))

    def _at_pace(self, view: str) -> Value:
        """(T, B), in proportion to what swings at the pace of a view, when it swings."""
        graph, half = self.graph, self.length / np.array(2)
        bins = graph.Range(np.array(0), half + np.array(1), np.array(1))
        # All bins but the one at half the frame rate have a mirror image, which is left out here.
        alone = graph.Equal(bins + bins, self.length)
        twice = graph.Where(alone, np.float64(1), np.float64(2))
        weight = graph.Where(self._pace(view), twice, np.float64(0))
        kept = self._fluctuation() * graph.Unsqueeze(weight, np.array([1]))
        swing = graph.DFT(kept, self.length, np.array(1), inverse=1)  # (B, T, 2)
        return graph.Squeeze(swing.cut(0, 1, axis=2), np.array([2])).transposed()

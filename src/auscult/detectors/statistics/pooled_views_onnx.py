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
            by_rank = graph.Unsqueeze(self._gwrp_weights(GWRP_R[view]), np.array([1]))
            of_frames = graph.ScatterElements(
                frames, self._order, graph.Expand(by_rank, graph.Shape(frames)), axis=0
            )
            weight = of_frames * graph.Abs(frames - reference)
        total = weight.sum(0)
        positive = graph.Greater(total, np.float64(0))
        scale = share * self.length.double() / graph.Where(positive, total, np.float64(1))
        uniform = graph.Where(positive, np.float64(0), share)  # where no frame has a weight
        return weight * scale + uniform

    def _view(self, name: str) -> Value:
        graph = self.graph
        if name in MODULATION_RANGES:
            bins = self._modulation_bins(name)
            largest = [graph.Where(bins, power, np.float64(0)).max(1) for power in self._modulation_powers()]
            pairs = graph.Concat(*(graph.Unsqueeze(value, np.array([1])) for value in largest), axis=1)
            return graph.Log(self._of_bands(pairs.reshape(-1), axis=0) + MODULATION_FLOOR)
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

    def _windowed_pairs(self) -> Value:
        """Return each band's level minus its mean, with a Hann window, as (P, T, 2).

        Two neighbouring bands are real and imaginary part of one signal, which halves the number of Fourier
        transforms. The last pair of an odd number of bands has a band of zeros.
        """
        graph = self.graph
        index = graph.Range(np.array(0), self.length, np.array(1)).double()
        phase = (index + 1.0) / (self.length.double() + 1.0)
        # The Hann window as a squared sine: ONNX Runtime before 1.21 has no cosine in float64.
        window = graph.Unsqueeze(graph.Sin(phase * math.pi).square(), np.array([1]))
        centred = (self.frames - self.frames.mean(0)) * window  # (T, B)
        missing = graph.Mod(self.frames.count(1), np.array(2)).reshape(1)
        padded = graph.Pad(centred, graph.Concat(np.array([0, 0, 0]), missing, axis=0))
        return graph.Transpose(padded.reshape(0, -1, 2), perm=(1, 0, 2))

    def _of_bands(self, values: Value, axis: int) -> Value:
        """Return the values without those of a band of zeros that completes the last pair."""
        stop = self.frames.count(1).reshape(1)
        return self.graph.Slice(values, np.array([0]), stop, np.array([axis]))

    def _modulation_powers(self) -> tuple[Value, Value]:
        """Return the (P, T // 2 + 1) modulation power of the first and of the second band of each pair.

        The spectrum of a real signal is the Hermitian part of that of a pair, and that of an imaginary one is
        the rest.
        """
        graph = self.graph
        spectrum = graph.DFT(self._windowed_pairs(), None, np.array(1))  # (P, T, 2)
        bins = graph.Range(np.array(0), self.length / np.array(2) + np.array(1), np.array(1))
        positive = graph.Gather(spectrum, bins, axis=1)
        negative = graph.Gather(spectrum, graph.Mod(self.length - bins, self.length), axis=1)
        conjugate = negative * np.array([1.0, -1.0])
        scale = self.length.double() * 4.0
        first, second = (
            (part.square().sum(2) / scale) for part in (positive + conjugate, positive - conjugate)
        )
        return first, second

    def _modulation_range(self, view: str) -> tuple[Value, Value]:
        """Return the first bin that a view uses and the one after the last: at least one, and never bin 0."""
        graph = self.graph
        low, high = (
            graph.Cast(graph.Ceil(self.length.double() * edge), to=INT64) for edge in MODULATION_RANGES[view]
        )
        low = graph.Min(graph.Max(low, np.array(1)), self.length / np.array(2))
        return low, graph.Max(high, low + np.array(1))

    def _modulation_bins(self, view: str) -> Value:
        """Return the (T // 2 + 1,) bool mask of the bins that a view uses."""
        graph, (low, high) = self.graph, self._modulation_range(view)
        bins = graph.Range(np.array(0), self.length / np.array(2) + np.array(1), np.array(1))
        return graph.And(graph.GreaterOrEqual(bins, low), graph.Less(bins, high))

    def _band_passed(self, view: str) -> Value:
        """Return the (T, B) level, band-passed to a view's modulation range, up to a constant factor.

        To keep only some bins of the Fourier transform of T frames is a circular convolution with the sum of
        the cosines of these bins. It is computed with transforms of a power of two, which ONNX Runtime is
        several times faster at than at other lengths: at least 2T, so that neither end of the clip reaches
        the other.
        """
        graph, (low, high) = self.graph, self._modulation_range(view)
        doublings = graph.Ceil(graph.Log(self.length.double() * 2.0) / math.log(2))
        size = graph.Cast(graph.Pow(np.float64(2), doublings), to=INT64)
        index = graph.Range(np.array(0), size, np.array(1))
        lag = graph.Where(graph.Less(index + index, size), index, index - size)
        # The sum of cosines, 2 cos(2π k lag / T) over the bins k, in closed form.
        angle = lag.double() * (2 * math.pi) / self.length.double()
        upper, lower = (graph.Sin(angle * (edge.double() - 0.5)) for edge in (high, low))
        is_multiple = graph.Equal(graph.Mod(lag, self.length), np.array(0))
        half_sine = graph.Where(is_multiple, np.float64(1), graph.Sin(angle * 0.5))
        count = (high - low).double() * 2.0
        kernel = graph.Where(is_multiple, count, (upper - lower) / half_sine)
        gain = graph.DFT(graph.Unsqueeze(kernel, np.array([0, 2])), None, np.array(1)).slice(0, 1, axis=2)
        # The same gain for real and imaginary part: ONNX Runtime broadcasts over first axes only quickly.
        spectrum = graph.DFT(self._windowed_pairs(), size, np.array(1)) * graph.Concat(gain, gain, axis=2)
        signal = graph.DFT(spectrum, None, np.array(1), inverse=1)
        within = graph.Slice(signal, np.array([0]), self.length.reshape(1), np.array([1]))
        return self._of_bands(graph.Transpose(within, perm=(1, 0, 2)).reshape(0, -1), axis=1)

"""Context windows and back: the twin of `auscult.spectrum.windows`."""

from __future__ import annotations

import numpy as np

from auscult.detectors.onnx_export.graph import Value


def context_windows(frames: Value, context: int) -> Value:
    """(T, bands) frames as (T - context + 1, context · bands) windows, oldest frame first."""
    shifted = [frames.cut(i, i - context + 1 or None) for i in range(context)]
    return frames.graph.Concat(*shifted, axis=1)


def spread_over_frames(rows: Value, context: int, bands: int) -> Value:
    """(V, context · bands) float64 values of windows as (V + context - 1, bands): each frame gets the mean
    over its windows."""
    graph = rows.graph
    parts = [rows.cut(i * bands, (i + 1) * bands, axis=1) for i in range(context)]
    shifted = [graph.Pad(part, np.array([i, 0, context - 1 - i, 0])) for i, part in enumerate(parts)]
    total = graph.Sum(*shifted)
    windows, frames = rows.count(), total.count()
    before = graph.Range(np.array(0), frames, np.array(1))
    held = graph.Min(before + np.array(1), frames - before, windows, np.array(context))  # windows of a frame
    return total / graph.Unsqueeze(held.double(), np.array([1]))

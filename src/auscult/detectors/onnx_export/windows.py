"""Context windows and their inverse: ONNX counterpart of `auscult.spectrum.windows`."""

from __future__ import annotations

import numpy as np

from auscult.detectors.onnx_export.graph import Value


def context_windows(frames: Value, context: int) -> Value:
    """Return (T - context + 1, context · bands) windows of (T, bands) frames, oldest frame first."""
    shifted = [frames.slice(i, i - context + 1 or None) for i in range(context)]
    return frames.graph.Concat(*shifted, axis=1)


def spread_over_frames(values: Value, context: int, bands: int) -> Value:
    """Map (V, context · bands) float64 values of windows to (V + context - 1, bands) values of frames.

    Each frame gets the mean over the windows that contain it.
    """
    graph = values.graph
    parts = [values.slice(i * bands, (i + 1) * bands, axis=1) for i in range(context)]
    shifted = [graph.Pad(part, np.array([i, 0, context - 1 - i, 0])) for i, part in enumerate(parts)]
    total = graph.Sum(*shifted)
    n_windows, n_frames = values.count(), total.count()
    index = graph.Range(np.array(0), n_frames, np.array(1))
    # Number of windows that contain each frame.
    count = graph.Min(index + np.array(1), n_frames - index, n_windows, np.array(context))
    return total / graph.Unsqueeze(count.double(), np.array([1]))

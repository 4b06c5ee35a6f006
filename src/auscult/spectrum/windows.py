"""Context windows: a few consecutive frames as one vector, without copying."""

from __future__ import annotations

import numpy as np


def context_windows(frames: np.ndarray, context: int) -> np.ndarray:
    """Return every ``context`` consecutive frames as one row, oldest frame first.

    Args:
        frames: (T, bands), C-contiguous; other arrays are copied.
        context: number of frames in one window.

    Returns:
        (T - context + 1, context · bands) read-only view of ``frames``; no rows if T < context.
    """
    frames = np.ascontiguousarray(frames)
    count, bands = max(0, len(frames) - context + 1), frames.shape[1]
    row, column = frames.strides
    return np.lib.stride_tricks.as_strided(
        frames, shape=(count, context * bands), strides=(row, column), writeable=False
    )


def spread_over_frames(rows: np.ndarray, context: int) -> np.ndarray:
    """Map values of context windows back to frames: each frame gets the mean over its windows.

    Args:
        rows: (V, context · bands), one value for every element of every context window.
        context: number of frames in one window.

    Returns:
        (V + context - 1, bands) of the same dtype; no frames if there are no windows.
    """
    count, bands = len(rows), rows.shape[1] // context
    if not count:
        return np.zeros((0, bands), dtype=rows.dtype)
    blocks = rows.reshape(count, context, bands)
    total = np.zeros((count + context - 1, bands), dtype=rows.dtype)
    windows = np.zeros((count + context - 1, 1), dtype=rows.dtype)
    for offset in range(context):
        total[offset : offset + count] += blocks[:, offset]
        windows[offset : offset + count] += 1
    return total / windows

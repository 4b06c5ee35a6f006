"""Pooling of the frames of a clip into one vector: relative deviation pooling and the generalised mean.

Wilkinghoff, Yadav & Tan, "Temporal pooling strategies for training-free anomalous sound detection with
self-supervised audio embeddings", arXiv:2603.04605 (2026), sections III-D to III-F. The generalised mean is
from Radenović, Tolias & Chum (IEEE TPAMI 41, 2019). With frames x_t, their mean μ and deviations
δ_t = ‖x_t − μ‖ / max_s ‖x_s − μ‖:

    w_t = (1 + δ_t)^γ / Σ_s (1 + δ_s)^γ          pooled = (Σ_t w_t · max(x_t, 0)^p)^(1/p)

(The paper describes w_t in words; this formula is the form in which two reimplementations agree.) γ = 0
weights all frames equally; a high γ emphasises rare frames. p = 1 is the plain weighted mean, which keeps
signs. For p > 1 negative entries count as 0, as in the paper, and p → ∞ is the maximum.
"""

from __future__ import annotations

import numpy as np


def deviation_weights(frames: np.ndarray, gamma: float) -> np.ndarray:
    """The weight of each frame in relative deviation pooling.

    Args:
        frames: (F, D), at least one.
        gamma: 0 or more.

    Returns:
        (F,) float64, positive, with sum 1; equal if all frames are equal.
    """
    frames = frames.astype(np.float64)
    deviation = np.linalg.norm(frames - frames.mean(axis=0), axis=1)  # (F,)
    largest = deviation.max()
    weights = (1 + (deviation / largest if largest > 0 else deviation)) ** gamma
    return weights / weights.sum()


def generalised_mean(frames: np.ndarray, weights: np.ndarray, power: float) -> np.ndarray:
    """The weighted generalised mean of each feature over the frames.

    Args:
        frames: (F, D).
        weights: (F,) positive, with sum 1.
        power: at least 1; 1 is the plain mean.

    Returns:
        (D,) float64.
    """
    frames = frames.astype(np.float64)
    if power == 1:
        return weights @ frames
    frames = np.maximum(frames, 0.0)
    largest = frames.max(axis=0)  # (D,) divided out first, so that no power overflows
    ratios = np.divide(frames, largest, out=np.zeros_like(frames), where=largest > 0)
    return largest * (weights @ ratios**power) ** (1 / power)

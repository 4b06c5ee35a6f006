"""Pooling of the encoded frames of a recording into one vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.detectors.embedding.clip_encoder import EncodedClip
from auscult.detectors.embedding.config import EmbeddingMemoryConfig
from auscult.detectors.embedding.pooling import deviation_weights, generalised_mean


@dataclass(frozen=True)
class ClipEmbedding:
    """The frames of a clip as encoded, and their pooled vector.

    Attributes:
        frames: (F, D) float32.
        seconds: (F,) times of the middles of the frames.
        weights: (F,) of relative deviation pooling.
        pooled: (D,) float64.
    """

    frames: np.ndarray
    seconds: np.ndarray
    weights: np.ndarray
    pooled: np.ndarray

    @classmethod
    def of(cls, clip: EncodedClip, config: EmbeddingMemoryConfig) -> ClipEmbedding:
        """Pool an encoded clip by the options ``rdp_gamma`` and ``gem_power``."""
        weights = deviation_weights(clip.frames, config.rdp_gamma)
        pooled = generalised_mean(clip.frames, weights, config.gem_power)
        return cls(clip.frames, clip.seconds, weights, pooled)

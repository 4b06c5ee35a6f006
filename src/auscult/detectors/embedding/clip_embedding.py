"""Encoding a recording and pooling its frames into one vector."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.embedding.config import MIN_SECONDS, EmbeddingMemoryConfig
from auscult.detectors.embedding.encoder import Encoder
from auscult.detectors.embedding.encoder_report import encoder_rate
from auscult.detectors.embedding.pooling import deviation_weights, generalised_mean
from auscult.errors import TooShortAudio, UnsupportedAudio
from auscult.sound import resample
from auscult.spectrum import log_mel

#: Minimum length of the encoder's input, seconds; a shorter clip is repeated up to it.
MIN_ENCODER_SECONDS = 1.0


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


def embed_clip(recording: AudioClip, encoder: Encoder, config: EmbeddingMemoryConfig) -> ClipEmbedding:
    """Encode and pool a recording.

    Raises:
        AudioError: the recording cannot be used, or the encoder returns NaN or infinity for it.
        OptionError: the encoder cannot run on it.
    """
    waveform = recording.waveform()
    if waveform.seconds < MIN_SECONDS:
        raise TooShortAudio(
            recording.clip.path, f"shorter than the {MIN_SECONDS:g} s that embedding_memory needs"
        )
    sample_rate, _ = encoder_rate(encoder, config)
    resampled = resample(waveform, sample_rate)
    if encoder.kind == "waveform":
        signal, rate = resampled.samples, float(sample_rate)
    else:
        signal = log_mel(resampled.samples, replace(config.front_end, sample_rate=sample_rate))
        rate = sample_rate / config.front_end.hop
    window, minimum = (max(1, round(s * rate)) for s in (config.window_seconds, MIN_ENCODER_SECONDS))
    frames, positions = encoder.encode(signal, window, minimum)  # (F, D), (F,)
    if not np.all(np.isfinite(frames)):
        raise UnsupportedAudio(recording.clip.path, f"{config.encoder} returns NaN or infinity for it")
    weights = deviation_weights(frames, config.rdp_gamma)
    pooled = generalised_mean(frames, weights, config.gem_power)
    return ClipEmbedding(frames, positions / rate, weights, pooled)

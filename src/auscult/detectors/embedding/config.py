"""The options of `EmbeddingMemory`."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.detectors.base import Config
from auscult.detectors.embedding.encoder import INPUTS
from auscult.detectors.statistics.neighbours import METRICS
from auscult.errors import OptionError
from auscult.sound.limits import MAX_RATE, MIN_RATE

#: Minimum length of a clip, seconds; a shorter one is an error.
MIN_SECONDS = 0.1


@dataclass
class EmbeddingMemoryConfig(Config):
    """Settings of `EmbeddingMemory`."""

    encoder: str = ""  # path of an ONNX file, required; see docs/encoders.md
    encoder_input: str = "auto"  # auto (by the shape of the file's input), waveform, log_mel
    encoder_output: str = ""  # name of the output with the features; required if the file has several
    # Sample rate of the encoder, Hz, to which recordings are resampled; none: that in the file's metadata
    # (sample_rate), else 16000.
    encoder_rate: int | None = None
    embed_encoder: bool = True  # true: the model file contains the encoder; false: only its path and SHA-256
    window_seconds: float = 10.0  # maximum length per run; longer clips are split into windows
    threads: int = 1  # of the encoder; 0: one per core
    # Of the encoder: cpu, cuda, auto, or names of execution providers of ONNX Runtime joined by +.
    device: str = "cpu"
    encoder_batch: int = 1  # windows of equal length encoded at once; more need an encoder that takes several
    rdp_gamma: float = 9.0  # emphasis of frames far from the clip's mean; 0: equal weights
    gem_power: float = 3.0  # of the generalised mean over the frames; 1: the plain mean, which keeps signs
    metric: str = "cosine"  # cosine, euclidean
    neighbours: int = 1  # from which the density around a normal clip is computed

    def __post_init__(self) -> None:
        super().__post_init__()
        for option, choices in (("encoder_input", INPUTS), ("metric", METRICS)):
            if getattr(self, option) not in choices:
                raise OptionError(f"{option}={getattr(self, option)!r}: choose one of {', '.join(choices)}")
        if self.encoder_rate is not None and not MIN_RATE <= self.encoder_rate <= MAX_RATE:
            raise OptionError(
                f"encoder_rate={self.encoder_rate}: it must be from {MIN_RATE} to {MAX_RATE} Hz"
            )
        if self.window_seconds < MIN_SECONDS or self.neighbours < 1:
            raise OptionError(f"neighbours must be positive, window_seconds at least {MIN_SECONDS:g}")
        if self.encoder_batch < 1 or not self.device:
            raise OptionError("encoder_batch must be at least 1, and device must not be empty")
        if self.threads < 0 or self.rdp_gamma < 0 or self.gem_power < 1:
            raise OptionError("threads and rdp_gamma must not be negative, gem_power must be at least 1")

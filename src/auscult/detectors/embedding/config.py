"""The options of `EmbeddingMemory`."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.detectors.base import Config
from auscult.detectors.embedding.encoder import INPUTS
from auscult.detectors.statistics.neighbours import METRICS
from auscult.errors import OptionError
from auscult.runtime.option_fields import option
from auscult.sound.limits import MAX_RATE, MIN_RATE

#: Minimum length of a clip, seconds; a shorter one is an error.
MIN_SECONDS = 0.1


@dataclass
class EmbeddingMemoryConfig(Config):
    """Settings of `EmbeddingMemory`."""

    encoder: str = option("", "ONNX file of the pretrained encoder. See docs/how-to/encoders.md.")
    encoder_input: str = option(
        "auto", "Input of the encoder; auto: according to its shape in the file.", choices=INPUTS
    )
    encoder_output: str = option(
        "", "Name of the encoder's output with the features; required if it has several outputs."
    )
    encoder_rate: int | None = option(
        None,
        "Sample rate of the encoder, to which recordings are resampled; none: sample_rate in the metadata of "
        "the file, otherwise 16000.",
        unit="Hz",
    )
    embed_encoder: bool = option(
        True, "Store the encoder in the model file; false: only its path and SHA-256."
    )
    window_seconds: float = option(
        10.0, "Maximum length that is encoded at once; longer recordings are split into windows.", unit="s"
    )
    threads: int = option(1, "Threads of the encoder; 0: one for each core.")
    device: str = option(
        "cpu",
        "Device of the encoder: cpu, cuda, auto, or execution providers of ONNX Runtime, joined by +.",
    )
    encoder_batch: int = option(
        1,
        "Windows of equal length that are encoded at once; more than 1 needs an encoder that takes several.",
    )
    rdp_gamma: float = option(9.0, "Emphasis of frames far from the recording's mean; 0: equal weights.")
    gem_power: float = option(
        3.0, "Power of the generalised mean over the frames; 1: the plain mean, which keeps signs."
    )
    metric: str = option("cosine", "Distance between embeddings.", choices=METRICS)
    neighbours: int = option(1, "Neighbours from which the density around a normal recording is computed.")

    def __post_init__(self) -> None:
        super().__post_init__()
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

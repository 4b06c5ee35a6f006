"""What a fit reports about its encoder: rate, window and frames per clip, and warnings about its output."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.detectors.embedding.config import EmbeddingMemoryConfig
from auscult.detectors.embedding.encoder import Encoder
from auscult.errors import OptionError
from auscult.findings import Finding
from auscult.sound.limits import MAX_RATE, MIN_RATE

#: Sample rate of encoders whose file does not give one, Hz.
DEFAULT_RATE = 16_000
#: Numbers of classes of AudioSet, in YAMNet and in most other taggers.
AUDIOSET_CLASSES = (521, 527)
#: Largest difference from 1 of the sum of probabilities, which may have been quantised.
_SUM_TOLERANCE = 0.02
#: Below this share of positive features the generalised mean with a power above 1 removes most information.
_FEW_POSITIVE = 0.1


@dataclass(frozen=True)
class ClipOutput:
    """What the report needs of an encoder's output for one clip.

    Attributes:
        frames: number of frames.
        features: number of features.
        probabilities: why they look like class probabilities, or ``None`` if they do not.
        positive: share of the features that are positive in at least one frame.
    """

    frames: int
    features: int
    probabilities: str | None
    positive: float

    @classmethod
    def of(cls, frames: np.ndarray) -> ClipOutput:
        """Summarise the frames (F, D) of a clip."""
        count, features = frames.shape
        return cls(count, features, probability_reason(frames), float((frames > 0).any(axis=0).mean()))


def encoder_rate(encoder: Encoder, config: EmbeddingMemoryConfig) -> tuple[int, str]:
    """The sample rate of an encoder in Hz, and where it is from.

    Returns:
        The rate, and ``option``, ``metadata`` (of the file) or ``default``.

    Raises:
        OptionError: the file gives a rate that is not a number of Hz in the range of audio files, and no
            option replaces it.
    """
    if config.encoder_rate is not None:
        return config.encoder_rate, "option"
    if encoder.sample_rate is None:
        return DEFAULT_RATE, "default"
    rate = _hertz(encoder.sample_rate)
    if rate is None:
        raise OptionError(
            f"encoder={encoder.path!r}: its metadata give sample_rate as {encoder.sample_rate!r}, which is "
            f"not a number of Hz from {MIN_RATE} to {MAX_RATE}: set encoder_rate"
        )
    return rate, "metadata"


def encoder_facts(
    encoder: Encoder, config: EmbeddingMemoryConfig, outputs: Sequence[ClipOutput]
) -> dict[str, Any]:
    """The facts about an encoder, JSON-serialisable; ``outputs``: those for the clips of the fit."""
    rate, rate_from = encoder_rate(encoder, config)
    steps_per_second = rate if encoder.kind == "waveform" else rate / config.front_end.hop
    counts = [output.frames for output in outputs]
    return {
        "input": encoder.kind,
        "output": encoder.output,
        "rate": rate,
        "rate_from": rate_from,
        "window_seconds": encoder.length / steps_per_second if encoder.length else config.window_seconds,
        "frames_per_clip": [min(counts), max(counts)],
    }


def encoder_findings(
    encoder: Encoder, config: EmbeddingMemoryConfig, outputs: Sequence[ClipOutput]
) -> Iterator[Finding]:
    """Findings about the rate and the output of an encoder; ``outputs`` as for `encoder_facts`."""
    name = os.path.basename(encoder.path)
    declared = None if encoder.sample_rate is None else _hertz(encoder.sample_rate)
    if config.encoder_rate is not None and declared not in (None, config.encoder_rate):
        yield Finding(
            "encoder_rate",
            f"encoder_rate is {config.encoder_rate} Hz, but {name} gives its sample rate as "
            f"{declared} Hz: omit encoder_rate to use that",
        )
    if all(output.probabilities for output in outputs):
        yield Finding(
            "probabilities",
            f"the output {encoder.output} of {name} looks like class probabilities "
            f"({outputs[0].probabilities}), which say little about machines: use the features before the "
            "classifier, by `encoder_output=NAME` if the file has them, else by another export; see "
            "docs/how-to/export-an-encoder.md",
        )
    if config.gem_power != 1 and all(output.positive < _FEW_POSITIVE for output in outputs):
        share = 100 * max(output.positive for output in outputs)
        yield Finding(
            "few_positive",
            f"at most {share:.0f} % of the features of {name} are positive in any recording; pooling with "
            f"gem_power={config.gem_power:g} sets negative values to 0, so that recordings can hardly be "
            "distinguished: set `gem_power=1`",
        )


def probability_reason(frames: np.ndarray) -> str | None:
    """Why the output of an encoder looks like class probabilities, or ``None`` if it does not.

    Args:
        frames: (F, D).
    """
    columns = frames.shape[1]
    if columns in AUDIOSET_CLASSES:
        return f"{columns} columns, like the classes of AudioSet"
    in_range = frames.min() >= 0 and frames.max() <= 1
    if columns > 1 and in_range and np.all(np.abs(frames.sum(axis=1) - 1) <= _SUM_TOLERANCE):
        return "all values are between 0 and 1, and those of a frame sum to 1"
    return None


def _hertz(text: str) -> int | None:
    """A sample rate in Hz from text, or ``None`` if it is not a number of the range of audio files."""
    try:
        rate = float(text)
    except ValueError:
        return None
    return round(rate) if MIN_RATE <= rate <= MAX_RATE else None

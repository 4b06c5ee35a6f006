"""One channel of sound in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from auscult.errors import EmptyAudio, NonFiniteAudio, OptionError
from auscult.findings import Finding
from auscult.sound.measures import Measures


@dataclass(frozen=True)
class Waveform:
    """One channel of sound or vibration.

    Attributes:
        samples: (N,) float32 as decoded: full scale ±1 for files of integers, any unit for files of
            floating point. Never normalised, because the level carries information.
        sample_rate: sampling rate in Hz.
        path: the source file, or ``None`` for samples given in memory.
        notes: what the user should know about the file and its processing, such as that it was resampled.
        channels: number of channels of the file that ``samples`` is one of.
        measures: what was measured before the samples were resampled; ``None`` if they were not, or if
            they are a window of a longer recording.
        file_rate: sample rate of the file in Hz, if the samples were resampled.
        channel_names: names of the channels of a table; empty if they have none, and for audio.
    """

    samples: np.ndarray
    sample_rate: int
    path: str | None = None
    notes: tuple[Finding, ...] = field(default=())
    channels: int = 1
    measures: Measures | None = None
    file_rate: int | None = None
    channel_names: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def waveform_of(samples: np.ndarray, sample_rate: int, path: str = "<memory>") -> Waveform:
    """Make a waveform of samples in memory, which are copied.

    Args:
        samples: (N,) floating point; ±1 is the full scale of files of integers.
        sample_rate: in Hz.
        path: name of the recording in messages.

    Raises:
        OptionError: more than one channel, integer samples, or a sample rate that is not positive.
        EmptyAudio: there are no samples.
        NonFiniteAudio: NaN or infinity among them.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise OptionError(f"samples must be one channel of shape (N,), got shape {samples.shape}")
    if samples.dtype.kind != "f":
        raise OptionError(
            f"samples must be floating point with full scale ±1, got {samples.dtype}; divide 16-bit "
            "samples by 32768"
        )
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, int | np.integer) or sample_rate < 1:
        raise OptionError(f"sample_rate must be a positive whole number, got {sample_rate!r}")
    if not samples.size:
        raise EmptyAudio(path, "no samples")
    with np.errstate(over="ignore"):
        copied = samples.astype(np.float32)
    if not np.all(np.isfinite(copied)):
        raise NonFiniteAudio(path, "samples contain NaN, infinity or values beyond the range of float32")
    return Waveform(copied, int(sample_rate), path=path)

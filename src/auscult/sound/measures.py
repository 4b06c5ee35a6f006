"""What is measured on the samples of a recording to recognise a sensor fault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measures:
    """Measures of the samples of one channel, at the sample rate of the file.

    Attributes:
        sample_rate: of the file, Hz.
        level: RMS about the mean, dB re 1; minus infinity for a constant signal.
        mean: mean of the samples, the DC offset.
        constant: the value of a constant signal; ``None`` if the samples vary.
        few_values: whether the samples take no more than three different values.
        clipped_share: fraction of the samples that are clipped.
        held_seconds: length of the longest run of equal samples that is too long to be chance; 0 if there is
            none.
        held_share: fraction of the samples in such runs.
        level_without_hum: RMS of what is not at multiples of the mains frequency, dB re 1; ``None``
            for recordings that are too short to tell.
        fluctuation: standard deviation of the level of the differences of the samples over 5 ms, dB; that of
            noise is small.
        quietest: lowest level over 2 ms in which the samples vary, RMS about the mean, dB re 1; ``None`` if
            there is none.
        level_change: difference between the levels of the loudest and the quietest quarter, dB.
    """

    sample_rate: int
    level: float
    mean: float = 0.0
    constant: float | None = None
    few_values: bool = False
    clipped_share: float = 0.0
    held_seconds: float = 0.0
    held_share: float = 0.0
    level_without_hum: float | None = None
    fluctuation: float = 0.0
    quietest: float | None = None
    level_change: float = 0.0

    @property
    def hum(self) -> float | None:
        """By how much multiples of the mains frequency raise the level, dB; ``None`` if unknown."""
        return None if self.level_without_hum is None else self.level - self.level_without_hum

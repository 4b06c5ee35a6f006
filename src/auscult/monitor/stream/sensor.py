"""Faults of a sensor in a live stream: what it delivers then says nothing about the machine.

About every second of samples is checked, at the rate of the source, since resampling rounds off flat tops and
fills gaps. A fault counts after two such seconds in a row, and is over after three good ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.model.normal_range import NormalRange
from auscult.sound import Waveform
from auscult.sound.defects import has_few_values, held_values
from auscult.sound.level import SILENCE_DB, clipped_samples, level_db

Kind = Literal["silent", "stuck", "clipped", "wrong rate", "source gone", "off for too long"]

#: Seconds with a fault after which it counts, and seconds without one after which it is over.
_APPEAR, _CLEAR = 2, 3
#: Largest fractions of held and of clipped samples, and by what factor they must exceed those of normal
#: recordings.
_HELD, _CLIPPED, _FACTOR = 0.5, 0.01, 3.0
#: Largest relative deviation of the number of samples from the time that has passed, and over which time.
_RATE_TOLERANCE, _RATE_SECONDS = 0.03, 30.0
#: If the time of one block differs by more from that of its samples, the clock was set, seconds.
_CLOCK_SET = 0.9


@dataclass(frozen=True)
class Condition:
    """A fault of the sensor or of the way to it.

    Attributes:
        kind: what it is.
        detail: a sentence for people.
    """

    kind: Kind
    detail: str


class SensorWatch:
    """Checks the samples of one channel of a live source.

    Args:
        sample_rate: of the source, Hz.
        normal: the range of the normal recordings; ``None`` if unknown.
        needed: sample rate of the model, Hz. A source below this rate, and below that of all normal
            recordings, lacks part of the spectrum.

    Attributes:
        condition: the present fault, or ``None``.
    """

    def __init__(self, sample_rate: int, normal: NormalRange | None = None, needed: int = 0) -> None:
        self.condition: Condition | None = None
        self._low_rate: Condition | None = None
        if sample_rate < (min(needed, normal.sample_rate) if normal else needed):
            detail = f"{sample_rate} Hz, but the model needs {needed} Hz: set the rate of the source"
            self._low_rate = Condition("wrong rate", detail)
        self._rate, self._normal = sample_rate, normal
        self._pending: list[np.ndarray] = []  # less than a second that is not checked yet
        self._held = 0  # number of samples of it
        self._candidate: Condition | None = None
        self._seconds = 0  # in a row with the candidate, or without a fault
        self._rate_from: tuple[int, float] | None = None  # index of a sample, and its time
        self._block: tuple[int, float] | None = None  # the same of the last block
        self._rate_condition: Condition | None = None

    def push(self, samples: np.ndarray, first: int, time: float) -> Condition | None:
        """Check the next samples.

        Args:
            samples: (N,) of one channel.
            first: index of the first of them.
            time: when it was recorded, seconds.

        Returns:
            The present fault, or ``None``.
        """
        self._check_rate(first, time)
        self._pending.append(samples)
        self._held += len(samples)
        if self._held >= self._rate:
            held = np.concatenate(self._pending)
            of_rate = self._low_rate or self._rate_condition
            for start in range(0, self._held - self._rate + 1, self._rate):
                self._count(of_rate or self._fault(held[start : start + self._rate]))
            rest = held[self._held - self._held % self._rate :]
            self._pending, self._held = [rest], len(rest)
        return self.condition

    def interrupt(self, detail: str) -> Condition:
        """Nothing arrives: a fault at once. It is over after three good seconds."""
        self._pending, self._held = [], 0
        self._rate_from, self._rate_condition = None, None
        self._candidate, self._seconds = None, 0
        self.condition = Condition("source gone", detail)
        return self.condition

    def _count(self, fault: Condition | None) -> None:
        kind, candidate = (c.kind if c else None for c in (fault, self._candidate))
        self._seconds = self._seconds + 1 if kind == candidate else 1
        self._candidate = fault
        if self._seconds >= (_APPEAR if fault else _CLEAR):
            self.condition = fault

    def _fault(self, samples: np.ndarray) -> Condition | None:
        """Return the fault of about a second of samples."""
        normal = self._normal
        if not np.all(np.isfinite(samples)):
            return Condition("stuck", "the samples are not numbers: check the driver and the source")
        if samples.min() == samples.max():
            return Condition("silent", f"all samples are {samples[0]:.3g}: check microphone, cable and gain")
        waveform = Waveform(samples, self._rate)
        level = level_db(waveform)
        if level < SILENCE_DB and not (normal and normal.level < SILENCE_DB):
            return Condition("silent", f"the level is {level:.0f} dB: check microphone, cable and gain")
        if has_few_values(samples) and not (normal and normal.few_values):
            return Condition("silent", "the samples have no more than three values: is a sensor connected?")
        held = held_values(samples, self._rate)[1]
        if held > max(_HELD, _FACTOR * (normal.held_share if normal else 0.0)):
            return Condition("stuck", f"{100 * held:.0f} % of the samples repeat the one before")
        clipped = clipped_samples(waveform) / len(samples)
        if clipped > max(_CLIPPED, _FACTOR * (normal.clipped_share if normal else 0.0)):
            return Condition("clipped", f"{100 * clipped:.1f} % of the samples are clipped: lower the gain")
        return None

    def _check_rate(self, first: int, time: float) -> None:
        """Compare the number of samples with the time that has passed."""
        before, self._block = self._block, (first, time)
        if before and abs(time - before[1] - (first - before[0]) / self._rate) > _CLOCK_SET:
            self._rate_from = None
        if self._rate_from is None:
            self._rate_from = first, time
            return
        start, started = self._rate_from
        elapsed = time - started
        if elapsed < _RATE_SECONDS:
            return
        measured = (first - start) / elapsed
        self._rate_from, self._rate_condition = (first, time), None
        if abs(measured / self._rate - 1) > _RATE_TOLERANCE:
            detail = f"{measured:.0f} samples arrive each second instead of {self._rate}"
            self._rate_condition = Condition("wrong rate", detail)

"""Which sound of a source is normal running, while there is no model that knows the machine.

A second of sound counts if the sensor is sound, the machine is not much quieter than it was, and the same is
true of the seconds around it: those before a stop or a fault of the sensor, and those after a start, may be
of a machine that is running down or up, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.monitor.learning.folder import QUIET_DB, loud_level
from auscult.monitor.stream.gate import GateSettings
from auscult.monitor.stream.sensor import Condition, SensorWatch
from auscult.sound.level import level_db
from auscult.sound.live import Block
from auscult.sound.waveform import Waveform

#: Seconds of sound in a segment.
SEGMENT_SECONDS = 20
#: Fewest seconds of a segment: shorter ones are left out.
_FEWEST_SECONDS = 5
#: Level of constant samples, dB.
_LOWEST_DB = -200.0

State = Literal["running", "quiet", "settling", "sensor"]


@dataclass(frozen=True)
class Piece:
    """Sound of normal running without a gap.

    Attributes:
        samples: (N,) float32.
        first: index of the first of them.
        time: when it began, in seconds since 1970 (UTC).
    """

    samples: np.ndarray
    first: int
    time: float


class NormalListener:
    """Takes normal running from the blocks of a source.

    Args:
        sample_rate: of the source, Hz.
        settings: seconds that are left out before a stop and after a start.

    Attributes:
        state: what the last second was.
        condition: the present fault of the sensor, or ``None``.
        level: of the last second, dB re full scale.
    """

    def __init__(self, sample_rate: int, settings: GateSettings | None = None) -> None:
        self.state: State = "running"
        self.condition: Condition | None = None
        self.level = _LOWEST_DB
        self._rate = sample_rate
        self._settings = settings or GateSettings()
        self._sensor = SensorWatch(sample_rate)
        self._levels: list[float] = []  # of the seconds with a sound sensor
        self._samples: list[np.ndarray] = []  # less than a second
        self._first, self._time = 0, 0.0  # of these
        self._next: int | None = None  # index that the next block should have
        self._seconds: list[Piece] = []  # that may still be withdrawn, or are not written yet
        self._settling = 0.0

    @property
    def held(self) -> float:
        """Seconds of normal running that are not in a segment yet, without those that may be withdrawn."""
        return max(0.0, len(self._seconds) - self._settings.run_down)

    def push(self, block: Block) -> Iterator[Piece]:
        """Add the first channel of a block, and yield the segments that are complete."""
        if self._next not in (None, block.first):
            yield from self.interrupt()
        if not self._samples:
            self._first, self._time = block.first, block.time
        self._next = block.end
        self._samples.append(block.samples[:, 0])
        held = np.concatenate(self._samples)
        while len(held) >= self._rate:
            second, held = held[: self._rate], held[self._rate :]
            yield from self._second(Piece(second, self._first, self._time))
            self._first, self._time = self._first + self._rate, self._time + 1.0
        self._samples = [held] if len(held) else []

    def interrupt(self) -> Iterator[Piece]:
        """Yield what is complete, since the samples that follow it are missing."""
        self._samples, self._next = [], None
        yield from self._end(withdraw=0)

    def _second(self, second: Piece) -> Iterator[Piece]:
        self.condition = self._sensor.push(second.samples, second.first, second.time)
        if self.condition:
            self.state = "sensor"
            yield from self._end(withdraw=self._settings.run_down)
            return
        self.level = max(level_db(Waveform(second.samples, self._rate)), _LOWEST_DB)
        self._levels.append(self.level)
        if self.level < loud_level(self._levels) - QUIET_DB:
            if self.state != "quiet":
                yield from self._end(withdraw=self._settings.run_down)
            self.state, self._settling = "quiet", self._settings.settle
            return
        if self.state == "running" and self._seconds and self.level > self._recent_level() + QUIET_DB:
            yield from self._end(withdraw=0)  # it has just been switched on
            self._settling = self._settings.settle
        if self._settling > 0:
            self.state, self._settling = "settling", self._settling - 1
            return
        self.state = "running"
        self._seconds.append(second)
        if len(self._seconds) >= SEGMENT_SECONDS + self._settings.run_down:
            yield _joined(self._seconds[:SEGMENT_SECONDS])
            self._seconds = self._seconds[SEGMENT_SECONDS:]

    def _recent_level(self) -> float:
        return float(np.median(self._levels[-len(self._seconds) - 1 : -1]))

    def _end(self, withdraw: float) -> Iterator[Piece]:
        """Yield what remains, without the last seconds."""
        kept = self._seconds[: max(0, len(self._seconds) - round(withdraw))]
        self._seconds = []
        if len(kept) >= _FEWEST_SECONDS:
            yield _joined(kept)


def _joined(seconds: list[Piece]) -> Piece:
    return Piece(np.concatenate([s.samples for s in seconds]), seconds[0].first, seconds[0].time)

"""A simulated machine as a live source."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

from auscult.errors import OptionError
from auscult.simulation.running import Running
from auscult.sound.live.clock import Pacer
from auscult.sound.live.source import BLOCK_SECONDS, Block, Interruption, Source


@dataclass(frozen=True)
class ScheduledFault:
    """A fault that begins and ends at given times.

    Attributes:
        start: seconds since the source was opened.
        end: likewise.
        name: of the fault.
        severity: from 0 to 1.
    """

    start: float
    end: float
    name: str
    severity: float = 1.0


class SimulatedSource(Source):
    """Continuous sound of a simulated machine, as from a microphone.

    The time of a block is the start time plus its index divided by the sample rate, at any speed.

    Args:
        running: the machine; its faults can be set while the source is read.
        speed: 1 for real time, ``math.inf`` for as fast as possible.
        seconds: after which the source ends; by default it is endless.
        schedule: faults that begin and end by themselves.
        start_time: time of the first sample, in seconds since 1970; by default now.
        block_seconds: length of a block.

    Raises:
        OptionError: a speed that is not positive.
    """

    def __init__(
        self,
        running: Running,
        *,
        speed: float = 1.0,
        seconds: float = math.inf,
        schedule: tuple[ScheduledFault, ...] = (),
        start_time: float | None = None,
        block_seconds: float = BLOCK_SECONDS,
    ) -> None:
        super().__init__(f"simulated {running.name}")
        if not speed > 0:
            raise OptionError(f"speed must be positive, got {speed}")
        self.running = running
        self.sample_rate, self.channels = running.sample_rate, 1
        self._speed, self._seconds, self._schedule = speed, seconds, schedule
        self._start_time = start_time
        self._block = max(1, round(block_seconds * running.sample_rate))

    def __iter__(self) -> Iterator[Block | Interruption]:
        pacer = Pacer(self._speed, self._closed)
        start = time.time() if self._start_time is None else self._start_time
        index = 0
        planned: ScheduledFault | None = None
        while index < self._seconds * self.sample_rate:
            now = next((f for f in self._schedule if f.start <= index / self.sample_rate < f.end), None)
            if now != planned:
                self.running.set_fault(now.name if now else None, now.severity if now else 1.0)
                planned = now
            samples = self.running.read(self._block)
            pacer.wait_until((index + len(samples)) / self.sample_rate)
            if self._closed.is_set():
                return
            yield Block(samples[:, None], index, start + index / self.sample_rate)
            index += len(samples)
        yield Interruption("the simulation has ended", "ended")

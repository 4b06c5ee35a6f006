"""Scores of simulated faults that grow over hours and days, for `bench.drift`; all of it is simulated.

A fault of a unit grows from inaudible to a high severity, by the same number of dB in each hour, and then
stays for three hours. One minute is rendered for each step of the growth, under the conditions of its hour,
and stands for the time to the next step. Scores are stored; what is there is not computed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from auscult.simulation.faults import SEVERITIES, Fault
from auscult.simulation.take import seeded_rng
from bench.machine_scores import PER_HOUR, PER_MINUTE, UnitScores, score_minute

#: Level of a fault at the start and at the end of the growth, dB relative to medium severity.
FROM, TO = -30.0, SEVERITIES["high"]
#: Hours that it stays.
STAYS = 3


@dataclass(frozen=True)
class Growth:
    """How fast a fault grows.

    Attributes:
        hours: from the first to the last level.
        step: hours for which one rendered minute stands.
    """

    hours: int
    step: float

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.hours} h" if self.hours < 48 else f"{self.hours // 24} days"


GROWTHS = (Growth(4, 0.25), Growth(24, 1.0), Growth(120, 3.0))


class GrowingFault:
    """A fault of a unit that grows.

    Args:
        scores: of the unit without it.
        growth: how fast.
        start: hour, since the unit was installed, at which it begins.
        folder: for the scores.

    Attributes:
        name: kind of the fault.
    """

    def __init__(self, scores: UnitScores, growth: Growth, start: int, folder: Path) -> None:
        self.scores, self.growth, self.start = scores, growth, start
        unit = scores.unit
        names = list(unit.machine.fault_levels)
        rng = seeded_rng(unit.seed, unit.kind, "growing fault")
        self.name = names[int(rng.integers(len(names)))]
        self._path = folder / scores.detector / unit.name / f"growing_{growth.hours}_{start}.npz"

    @property
    def end(self) -> int:
        """The hour at which it ends."""
        return min(self.start + self.growth.hours + STAYS, self.scores.course.hours)

    def level(self, hours: float) -> float:
        """Return the level of the fault so many hours after the start, dB relative to medium severity."""
        return FROM + (TO - FROM) * min(hours / self.growth.hours, 1.0)

    def hour(self, hour: int) -> np.ndarray:
        """Return (PER_HOUR,) scores of an hour since the installation; NaN while the machine is off."""
        step = self.growth.step
        parts = max(1, round(1 / step))
        indices = ((hour - self.start) + np.arange(parts) / parts) / step
        minutes = self._minutes[indices.astype(int)]
        repeated = [np.tile(minute, -(-PER_HOUR // (parts * PER_MINUTE))) for minute in minutes]
        return np.concatenate([part[: PER_HOUR // parts + 1] for part in repeated])[:PER_HOUR]

    @cached_property
    def _minutes(self) -> np.ndarray:
        """(steps, 60) scores, NaN where the machine is off."""
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = self._path.with_name(f"unfinished_{self._path.name}")
            np.savez_compressed(unfinished, scores=self._render())
            unfinished.rename(self._path)
        with np.load(self._path) as stored:
            return stored["scores"]

    def _render(self) -> np.ndarray:
        scores = self.scores
        steps = round((self.end - self.start) / self.growth.step)
        rendered = np.full((steps, PER_MINUTE), np.nan, np.float32)
        for index in range(steps):
            after = index * self.growth.step
            hour = self.start + int(after)
            if scores.course.running[hour]:
                fault = Fault(self.name, "growing", self.level(after))
                rendered[index] = score_minute(scores.model, scores.renderer.hour(hour, fault).running)[0]
        return rendered

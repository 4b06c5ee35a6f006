"""What happens to a simulated machine over weeks: shifts, speeds and loads, drift, events nearby, and faults.

A course is drawn once, hour by hour, from the seed of the unit alone. It says nothing about sound; see
`bench.machine_minutes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auscult.simulation.faults import SEVERITIES, Fault
from auscult.simulation.folder import MACHINE_TYPES
from auscult.simulation.machine import Machine
from auscult.simulation.take import seeded_rng

#: Hours of a day and of a week.
DAY, WEEK = 24, 168
#: How machines change over weeks: hardly; much in the first days; steadily.
DRIFTS = ("steady", "running-in", "wear")
#: Points of a spectral curve, one each octave from 60 Hz.
OCTAVES = 13
#: Hours that a fault lasts.
FAULT_HOURS = 2
#: Mean number of sounds nearby in an hour of running.
EVENTS_PER_HOUR = 0.3
#: Number of speeds or loads in which a machine with a range of them is used.
_SETTINGS = 4


@dataclass(frozen=True)
class Unit:
    """One simulated machine.

    Attributes:
        kind: a key of `auscult.simulation.MACHINE_TYPES`.
        seed: of all that is random about it.
        drift: one of `DRIFTS`.
        monitored: number of hours after the learning hours.
        learning: number of hours at first in which the model is fitted and calibrated.
    """

    kind: str
    seed: int
    drift: str
    monitored: int = 3 * WEEK
    learning: int = 2 * DAY

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.kind}-{self.seed}-{self.drift}"

    @property
    def hours(self) -> int:
        """All hours, counted from the installation."""
        return self.learning + self.monitored

    @property
    def week_starts(self) -> range:
        """The first hour of each week after the learning hours; the last week may be shorter."""
        return range(self.learning, self.hours, WEEK)

    @property
    def machine(self) -> type[Machine]:
        """The machine type."""
        return MACHINE_TYPES[self.kind]


@dataclass(frozen=True)
class Event:
    """A sound near the machine that is none of its own.

    Attributes:
        hour: in which it occurs.
        seconds: its duration.
        decibels: level relative to the machine.
        number: distinguishes the events of a unit.
    """

    hour: int
    seconds: float
    decibels: float
    number: int


class Course:
    """All that happens to a unit.

    Attributes:
        unit: the unit.
        hours: number of hours, with the learning hours.
        running: (hours,) whether the machine runs in that hour.
        faults: hours and faults, of which each lasts `FAULT_HOURS`; the course itself is without them.
        events: sounds nearby.
    """

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.hours = unit.hours
        self.running = self._shifts()
        self.faults = self._faults()
        self.events = self._events()

    def _rng(self, name: str) -> np.random.Generator:
        return seeded_rng(self.unit.seed, self.unit.kind, "course", name)

    def _shifts(self) -> np.ndarray:
        """Half of the machines run day and night, others in two shifts on six days; both stop at times."""
        rng, hours = self._rng("shifts"), np.arange(self.hours)
        running = np.ones(self.hours, bool)
        if rng.uniform() < 0.5:
            hour_of_day, day = hours % DAY, hours // DAY
            # The learning hours are two working days.
            sunday = (hours >= self.unit.learning) & (day % 7 == 6)
            running = (hour_of_day >= 6) & (hour_of_day < 22) & ~sunday
        for first in self.unit.week_starts:
            start = first + int(rng.integers(8, WEEK - 8))
            running[start : start + int(rng.integers(1, 4))] = False
        return running

    @cached_property
    def setting(self) -> np.ndarray:
        """(hours,) speed or load as a number from 0 to 1; every one occurs in each few hours."""
        rng, values = self._rng("setting"), list[float]()
        while len(values) < self.hours:
            for value in rng.permutation(_SETTINGS) / (_SETTINGS - 1):
                values += [float(value)] * int(rng.integers(1, 4))
        return np.array(values[: self.hours])

    def operation(self, hour: int) -> dict[str, str]:
        """Return the operating condition of an hour: between those of the source domain, or one of them."""
        low, high = self.unit.machine.source
        setting, jitter = float(self.setting[hour]), float(self._jitter[hour])
        operation = {}
        for key, value in low.items():
            if key == "pat":  # patterns of strokes are separate, not a range
                operation[key] = high[key] if setting >= 0.5 else value
            elif key in ("mic", "noise"):
                operation[key] = value
            else:
                at_setting = float(value) + setting * (float(high[key]) - float(value))
                operation[key] = str(at_setting * jitter)
        return operation

    @cached_property
    def _jitter(self) -> np.ndarray:
        wear = 0.004 * np.maximum(self.weeks, 0.0) if self.unit.drift == "wear" else 0.0
        return 1.0 - wear + 0.003 * self._rng("jitter").normal(size=self.hours)

    @cached_property
    def weeks(self) -> np.ndarray:
        """(hours,) weeks since the end of learning; negative before."""
        return (np.arange(self.hours) - self.unit.learning) / WEEK

    @cached_property
    def hall(self) -> np.ndarray:
        """(hours,) level of the noise of the hall in dB: louder by day, and changing within hours."""
        day = np.cos(2 * np.pi * (np.arange(self.hours) % DAY - 13) / DAY)
        quiet = np.where(self.running, 0.0, -10.0)  # the machines nearby are off as well
        return 1.5 * day + slow_changes(self._rng("hall"), self.hours, 1.2, 6.0)[:, 0] + quiet

    @cached_property
    def level(self) -> np.ndarray:
        """(hours,) level of the machine in dB: with the temperature of the day, and by wear."""
        day = 0.3 * np.cos(2 * np.pi * (np.arange(self.hours) % DAY - 15) / DAY)
        wear = 0.5 * np.maximum(self.weeks, 0.0) if self.unit.drift == "wear" else 0.0
        return day + slow_changes(self._rng("level"), self.hours, 0.3, 48.0)[:, 0] + wear

    @cached_property
    def curve(self) -> np.ndarray:
        """(hours, OCTAVES) change of the spectrum of the machine in dB."""
        rng = self._rng("curve")
        curve = slow_changes(rng, self.hours, 0.3, 72.0, OCTAVES)
        direction = rng.normal(size=OCTAVES)
        age = np.arange(self.hours)
        if self.unit.drift == "running-in":
            curve += 2.0 * np.exp(-age / rng.uniform(36.0, 96.0))[:, None] * direction
        elif self.unit.drift == "wear":
            curve += 0.7 * np.maximum(self.weeks, 0.0)[:, None] * direction
        return curve

    def _events(self) -> list[Event]:
        rng = self._rng("events")
        events: list[Event] = []
        for hour in range(self.hours):
            for _ in range(rng.poisson(EVENTS_PER_HOUR)):
                seconds = float(np.clip(rng.lognormal(np.log(6.0), 0.8), 0.5, 45.0))
                event = Event(hour, seconds, float(rng.uniform(-12.0, 6.0)), len(events))
                if self.running[hour]:
                    events.append(event)
        return events

    def _faults(self) -> dict[int, Fault]:
        """One fault of each severity in each week, at hours from which on the machine runs long enough."""
        rng, names = self._rng("faults"), list(self.unit.machine.fault_levels)
        faults: dict[int, Fault] = {}
        for first in self.unit.week_starts:
            third = min(WEEK, self.hours - first) // len(SEVERITIES)
            for number, severity in enumerate(rng.permutation(list(SEVERITIES))):
                hours = first + number * third + np.arange(third - FAULT_HOURS)
                possible = [h for h in hours if self.running[h - 1 : h + FAULT_HOURS].all()]
                name = names[int(rng.integers(len(names)))]
                if possible:
                    hour = int(rng.choice(possible))
                    faults[hour] = Fault(name, str(severity), SEVERITIES[str(severity)])
        return faults


def slow_changes(
    rng: np.random.Generator, hours: int, deviation: float, constant: float, columns: int = 1
) -> np.ndarray:
    """Return (hours, columns) stationary curves around 0 whose correlation decays in ``constant`` hours."""
    keep = np.exp(-1.0 / constant)
    steps = deviation * np.sqrt(1 - keep**2) * rng.normal(size=(hours, columns))
    steps[0] = deviation * rng.normal(size=columns)
    curves = np.empty_like(steps)
    curves[0] = steps[0]
    for hour in range(1, hours):
        curves[hour] = keep * curves[hour - 1] + steps[hour]
    return curves

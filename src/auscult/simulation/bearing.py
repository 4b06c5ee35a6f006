"""Simulated bearing on a test shaft: rolling noise modulated by the cage, ball passes, shaft harmonics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from auscult.simulation.faults import Fault, imbalance, outer_race, rubbing
from auscult.simulation.machine import Machine, Operation, Sound
from auscult.simulation.sources import Modes, band, harmonics, rms, shaped_noise, turns, wander
from auscult.simulation.take import Take


class Bearing(Machine):
    """A bearing whose domains differ by microphone."""

    type = "bearing"
    source = ({"spd": "900", "mic": "1"}, {"spd": "1200", "mic": "1"})
    target = ({"spd": "900", "mic": "2"}, {"spd": "1200", "mic": "2"})
    fault_levels: ClassVar[Mapping[str, float]] = {"outer_race": -12.5, "imbalance": -12.0, "rubbing": -11.5}
    noise_level = -6.0
    microphone_ripple = 1.6

    def __init__(self, rng: np.random.Generator) -> None:
        self.balls = int(rng.integers(7, 11))
        self.order = self.balls / 2 * (1 - rng.uniform(0.18, 0.26))  # ball passes of the outer race per turn
        self.cage = self.order / self.balls  # turns of the cage per turn of the shaft
        self.shaft_amplitudes = np.exp(rng.normal(0, 0.4, 8)) / np.arange(1, 9)
        self.pass_amplitudes = np.exp(rng.normal(0, 0.3, 6)) / np.arange(1, 7)
        self.phases = rng.uniform(0, 2 * np.pi, 8)
        self.rolling = (rng.uniform(400, 900), rng.uniform(3000, 5000))  # Hz
        self.housing = Modes.draw(rng, 1200, 5500, 4, 0.004)

    def sound(self, take: Take, operation: Operation, fault: Fault | None) -> Sound:
        rng = take.rng("bearing")
        speed = float(operation["spd"]) / 60.0 * rng.normal(1.0, 0.008)
        revolutions = turns(take, rng, speed, unsteady=0.003)
        rolling = shaped_noise(take, rng, band(take.frequencies, *self.rolling))
        rolling *= (1.0 + 0.15 * np.cos(2 * np.pi * self.cage * revolutions)).astype(np.float32)
        rolling *= (1.0 + wander(take, rng, rate=2.0, depth=0.06)).astype(np.float32)
        passes = harmonics(self.order * revolutions, self.pass_amplitudes, self.phases)
        shaft = harmonics(revolutions, self.shaft_amplitudes, self.phases)
        healthy = (speed / 20.0) * rolling + 0.2 * passes + 0.4 * shaft
        if fault is None:
            return Sound(healthy)
        if fault.name == "outer_race":
            return self._with_fault(healthy, fault, outer_race(take, revolutions, self.housing, self.order))
        if fault.name == "imbalance":
            return self._with_fault(healthy, fault, imbalance(take, revolutions, rolling / rms(rolling)))
        return self._with_fault(healthy, fault, rubbing(take, revolutions, 1500, 6000))

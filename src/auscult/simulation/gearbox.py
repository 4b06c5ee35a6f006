"""Simulated two-stage gearbox: gear mesh tones under a slightly varying load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from auscult.simulation.faults import Fault, chipped_tooth, outer_race, rubbing
from auscult.simulation.machine import Machine, Operation, Sound
from auscult.simulation.sources import Modes, band, gear_mesh, harmonics, shaped_noise, turns, wander
from auscult.simulation.take import Take


class Gearbox(Machine):
    """A gearbox whose domains differ by load."""

    type = "gearbox"
    source = ({"spd": "1500", "load": "20"}, {"spd": "1500", "load": "40"})
    target = ({"spd": "1500", "load": "70"}, {"spd": "1500", "load": "90"})
    fault_levels: ClassVar[Mapping[str, float]] = {
        "chipped_tooth": -10.0,
        "outer_race": -14.0,
        "rubbing": -14.0,
    }
    noise_level = -6.0

    def __init__(self, rng: np.random.Generator) -> None:
        self.teeth = (int(rng.integers(17, 26)), int(rng.integers(13, 18)))  # driving wheels of the stages
        # Turns of the second shaft per turn of the first.
        self.ratio = self.teeth[0] / int(rng.integers(41, 62))
        self.amplitudes = np.exp(rng.normal(0, 0.4, (2, 8))) / np.arange(1, 9) ** 0.8
        self.phases = rng.uniform(0, 2 * np.pi, (2, 8))
        self.runout = rng.uniform(0.1, 0.3, 2)
        self.churning = (rng.uniform(250, 500), rng.uniform(2500, 4500))  # Hz, band of oil and rolling noise
        self.housing = Modes.draw(rng, 900, 4500, 5, 0.005)
        self.order = rng.uniform(3.0, 4.2)  # ball passes of the outer race of the bearing per turn

    def sound(self, take: Take, operation: Operation, fault: Fault | None) -> Sound:
        rng = take.rng("gearbox")
        load = float(operation["load"]) / 100.0 * rng.normal(1.0, 0.05)
        speed = float(operation["spd"]) / 60.0 * (1.0 - 0.02 * load) * rng.normal(1.0, 0.004)
        first = turns(take, rng, speed, unsteady=0.002)
        second = first * self.ratio
        torque = (0.5 + load) * (1.0 + wander(take, rng, rate=2.0, depth=0.06)).astype(np.float32)
        fast = gear_mesh(first, self.teeth[0], self.amplitudes[0], self.phases[0], self.runout[0])
        slow = gear_mesh(second, self.teeth[1], self.amplitudes[1], self.phases[1], self.runout[1])
        shaft = harmonics(first, [0.3, 0.2, 0.1], self.phases[0])
        churning = shaped_noise(take, rng, band(take.frequencies, *self.churning))
        healthy = torque * (0.35 * fast + 0.35 * slow) + 0.2 * shaft + 0.7 * churning
        if fault is None:
            return Sound(healthy)
        if fault.name == "chipped_tooth":
            return self._with_fault(healthy, fault, chipped_tooth(take, second, slow, self.housing))
        if fault.name == "outer_race":
            return self._with_fault(healthy, fault, outer_race(take, first, self.housing, self.order))
        return self._with_fault(healthy, fault, rubbing(take, second, 1200, 5000))

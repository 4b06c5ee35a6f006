"""Simulated fan: blade passing tones, flow noise, and motor hum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from auscult.simulation.faults import Fault, imbalance, outer_race, rubbing
from auscult.simulation.machine import Machine, Operation, Sound
from auscult.simulation.sources import Modes, band, harmonics, rms, shaped_noise, tilt, turns, wander
from auscult.simulation.take import Take


class Fan(Machine):
    """A fan whose domains differ by speed."""

    type = "fan"
    source = ({"spd": "1000", "mic": "1"}, {"spd": "1200", "mic": "1"})
    target = ({"spd": "1400", "mic": "1"}, {"spd": "1600", "mic": "1"})
    fault_levels: ClassVar[Mapping[str, float]] = {"imbalance": -13.0, "rubbing": -21.0, "outer_race": -19.0}
    noise_level = -6.0

    def __init__(self, rng: np.random.Generator) -> None:
        self.blades = int(rng.choice([5, 7, 9]))
        self.blade_amplitudes = np.exp(rng.normal(0, 0.3, 8)) / np.arange(1, 9) ** 1.2
        self.shaft_amplitudes = np.exp(rng.normal(0, 0.4, 6)) / np.arange(1, 7)
        self.phases = rng.uniform(0, 2 * np.pi, 8)
        self.flow_hertz = rng.uniform(300, 600)  # frequency of the strongest flow noise at 1200 rpm
        self.tone = rng.uniform(0.25, 0.45)  # level of the blade tones relative to the flow noise
        self.housing = Modes.draw(rng, 1500, 5000, 4, 0.004)
        self.order = rng.uniform(3.0, 4.2)  # ball passes of the outer race of the bearing per turn

    def sound(self, take: Take, operation: Operation, fault: Fault | None) -> Sound:
        rng = take.rng("fan")
        speed = float(operation["spd"]) / 1200.0 * rng.normal(1.0, 0.01)
        revolutions = turns(take, rng, 20.0 * speed, unsteady=0.003)
        gusts = 1.0 + wander(take, rng, rate=4.0, depth=0.08)
        spectrum = band(take.frequencies, self.flow_hertz * speed * 0.3, self.flow_hertz * speed * 4)
        flow = shaped_noise(take, rng, spectrum * tilt(take.frequencies, -3.0)) * gusts.astype(np.float32)
        blades = harmonics(self.blades * revolutions, self.blade_amplitudes, self.phases)
        shaft = harmonics(revolutions, self.shaft_amplitudes, self.phases)
        hum = harmonics(turns(take, rng, 100.0, unsteady=0.001), [1.0, 0.4, 0.3, 0.1], self.phases)
        healthy = flow + self.tone * blades + 0.15 * shaft + 0.1 * hum
        if fault is None:
            return Sound(healthy)
        if fault.name == "imbalance":
            return self._with_fault(healthy, fault, imbalance(take, revolutions, flow / rms(flow)))
        if fault.name == "rubbing":
            return self._with_fault(healthy, fault, rubbing(take, revolutions, 1500, 5000))
        return self._with_fault(healthy, fault, outer_race(take, revolutions, self.housing, self.order))

"""Simulated pump: vane passing tones, flow noise, and collapsing cavitation bubbles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from auscult.simulation.faults import Fault, imbalance, leak, outer_race
from auscult.simulation.machine import Machine, Operation, Sound
from auscult.simulation.sources import Modes, band, harmonics, rms, shaped_noise, strike, turns, wander
from auscult.simulation.take import Take


class Pump(Machine):
    """A pump whose domains differ by load."""

    type = "pump"
    source = ({"spd": "1450", "load": "40"}, {"spd": "1450", "load": "55"})
    target = ({"spd": "1450", "load": "75"}, {"spd": "1450", "load": "90"})
    fault_levels: ClassVar[Mapping[str, float]] = {"leak": -18.0, "imbalance": -10.0, "outer_race": -17.0}
    noise_level = -6.0

    def __init__(self, rng: np.random.Generator) -> None:
        self.vanes = int(rng.integers(5, 8))
        self.vane_amplitudes = np.exp(rng.normal(0, 0.4, 8)) / np.arange(1, 9)
        self.shaft_amplitudes = np.exp(rng.normal(0, 0.4, 6)) / np.arange(1, 7)
        self.phases = rng.uniform(0, 2 * np.pi, 8)
        self.flow = (rng.uniform(200, 400), rng.uniform(1500, 3000))  # Hz
        self.pipe = Modes.draw(rng, 600, 5000, 6, 0.003)
        self.housing = Modes.draw(rng, 1500, 5500, 4, 0.004)
        self.order = rng.uniform(3.0, 4.2)  # ball passes of the outer race of the bearing per turn

    def sound(self, take: Take, operation: Operation, fault: Fault | None) -> Sound:
        rng = take.rng("pump")
        load = float(operation["load"]) / 100.0 * rng.normal(1.0, 0.04)
        speed = float(operation["spd"]) / 60.0 * (1.0 - 0.03 * load) * rng.normal(1.0, 0.004)
        revolutions = turns(take, rng, speed, unsteady=0.002)
        surge = (1.0 + wander(take, rng, rate=1.5, depth=0.08)).astype(np.float32)
        flow = (0.5 + load) * surge * shaped_noise(take, rng, band(take.frequencies, *self.flow))
        vanes = harmonics(self.vanes * revolutions, self.vane_amplitudes, self.phases)
        shaft = harmonics(revolutions, self.shaft_amplitudes, self.phases)
        bubbles = rng.poisson(
            150 * (1.2 - load) * take.seconds
        )  # more at low load, where the pressure is low
        crackle = strike(
            take, self.pipe, rng.uniform(0, take.seconds, bubbles), rng.exponential(1.5, bubbles)
        )
        healthy = flow + (0.2 + 0.3 * load) * vanes + 0.2 * shaft + crackle
        if fault is None:
            return Sound(healthy)
        if fault.name == "leak":
            return self._with_fault(healthy, fault, leak(take, 2000.0))
        if fault.name == "imbalance":
            return self._with_fault(healthy, fault, imbalance(take, revolutions, flow / rms(flow)))
        return self._with_fault(healthy, fault, outer_race(take, revolutions, self.housing, self.order))

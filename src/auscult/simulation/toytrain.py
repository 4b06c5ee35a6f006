"""Simulated toy train on a loop of rails: brush motor, small gears, and clicks at rail joints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from auscult.simulation.faults import Fault, chipped_tooth, rubbing
from auscult.simulation.machine import Machine, Operation, Sound
from auscult.simulation.sources import Modes, band, gear_mesh, harmonics, shaped_noise, strike, turns
from auscult.simulation.take import Take

_RAIL = 0.17  # length of one rail in metres
_RAILS = 12  # number of rails in the loop
_WHEEL = 0.05  # distance in metres per turn of a wheel
_AXLES = (0.0, 0.035, 0.11, 0.145)  # positions of the axles in metres behind the first


class ToyTrain(Machine):
    """A toy train whose domains differ by microphone."""

    type = "toytrain"
    source = ({"spd": "35", "mic": "1"}, {"spd": "45", "mic": "1"})
    target = ({"spd": "35", "mic": "2"}, {"spd": "45", "mic": "2"})
    fault_levels: ClassVar[Mapping[str, float]] = {"chipped_tooth": -12.0, "rubbing": -13.0}
    noise_level = -8.0
    microphone_ripple = 2.0

    def __init__(self, rng: np.random.Generator) -> None:
        self.gear = int(rng.integers(10, 15))  # turns of the motor per turn of a wheel
        self.teeth = int(rng.integers(18, 25))
        self.amplitudes = np.exp(rng.normal(0, 0.4, (2, 10))) / np.arange(1, 11) ** 0.8
        self.phases = rng.uniform(0, 2 * np.pi, (2, 10))
        self.joints = rng.lognormal(0.0, 0.5, _RAILS)  # relative gap of each joint
        self.rail = Modes.draw(rng, 900, 5500, 6, 0.006)
        self.body = Modes.draw(rng, 700, 4000, 5, 0.005)
        self.rolling = (rng.uniform(400, 800), rng.uniform(2500, 4500))  # Hz
        self.nearness = rng.uniform(0.2, 0.35)  # how much louder at the near side of the loop

    def sound(self, take: Take, operation: Operation, fault: Fault | None) -> Sound:
        rng = take.rng("toytrain")
        speed = float(operation["spd"]) / 100.0 * rng.normal(1.0, 0.015)  # m/s
        wheel = turns(take, rng, speed / _WHEEL, unsteady=0.01)
        position = wheel * _WHEEL + rng.uniform(0, _RAIL * _RAILS)  # metres
        gain = (1.0 + self.nearness * np.cos(2 * np.pi * position / (_RAIL * _RAILS))).astype(np.float32)
        brushes = harmonics(5 * self.gear * wheel, self.amplitudes[0], self.phases[0])  # five commutator bars
        mesh = gear_mesh(wheel, self.teeth, self.amplitudes[1], self.phases[1], 0.25)
        rolling = shaped_noise(take, rng, band(take.frequencies, *self.rolling))
        joints = np.arange(np.floor(position[0] / _RAIL), position[-1] / _RAIL)  # passed by the first axle
        times = np.interp(
            np.add.outer(_AXLES, joints * _RAIL), position, take.times, left=-1.0, right=-1.0
        ).ravel()
        gaps = np.tile(self.joints[joints.astype(int) % _RAILS], len(_AXLES))
        clicks = strike(take, self.rail, times, 8.0 * gaps * rng.lognormal(0, 0.15, len(gaps)))
        healthy = gain * (0.35 * brushes + 0.25 * mesh + 0.5 * rolling + clicks)
        if fault is None:
            return Sound(healthy)
        if fault.name == "chipped_tooth":
            return self._with_fault(healthy, fault, gain * chipped_tooth(take, wheel, mesh, self.body))
        return self._with_fault(healthy, fault, gain * rubbing(take, wheel, 1500, 6000))

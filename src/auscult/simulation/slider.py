"""Simulated slider: a carriage that moves back and forth on a rail, driven by a screw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from auscult.simulation.faults import Fault, belt_slip, rubbing
from auscult.simulation.machine import Machine, Operation, Sound
from auscult.simulation.sources import Modes, band, harmonics, level, shaped_noise, strike
from auscult.simulation.take import Take

_TRAVEL = 0.3  # metres between two reversals
_LEAD = 0.02  # metres per turn of the screw


class Slider(Machine):
    """A slider whose domains differ by speed.

    A sticking stroke halts the carriage until it breaks loose with an impact.
    """

    type = "slider"
    source = ({"vel": "400"}, {"vel": "500"})
    target = ({"vel": "550"}, {"vel": "625"})
    fault_levels: ClassVar[Mapping[str, float]] = {
        "sticking_stroke": 0.0,
        "belt_slip": -17.0,
        "rubbing": -9.0,
    }
    noise_level = -8.0

    def __init__(self, rng: np.random.Generator) -> None:
        self.screw_amplitudes = np.exp(rng.normal(0, 0.4, 10)) / np.arange(1, 11) ** 0.7
        self.phases = rng.uniform(0, 2 * np.pi, 10)
        self.starts = int(rng.integers(6, 12))  # balls that enter the nut per turn of the screw
        self.rolling = (rng.uniform(400, 800), rng.uniform(3000, 5000))  # Hz
        self.carriage = Modes.draw(rng, 120, 900, 5, 0.02)
        self.squeal = rng.uniform(1200, 2400)  # Hz
        self.asymmetry = rng.uniform(0.05, 0.2)  # how much quieter the return stroke is

    def sound(self, take: Take, operation: Operation, fault: Fault | None) -> Sound:
        rng = take.rng("slider")
        velocity = float(operation["vel"]) / 1000.0 * rng.normal(1.0, 0.01)  # m/s
        strokes = rng.uniform() + take.times * velocity / (2 * _TRAVEL)  # one is back and forth
        direction = np.tanh(6 * np.sin(2 * np.pi * strokes))
        speed = np.abs(direction)  # relative to full speed
        screw = rng.uniform() + np.cumsum(speed) * velocity / _LEAD / take.sample_rate
        rolling = shaped_noise(take, rng, band(take.frequencies, *self.rolling))
        tones = harmonics(screw * self.starts, self.screw_amplitudes, self.phases)
        amplitude = (velocity / 0.5) * speed * (1.0 + self.asymmetry * direction)
        motion = amplitude.astype(np.float32) * (rolling + 0.4 * tones)
        counts = np.arange(np.ceil(2 * strokes[0]), 2 * strokes[-1])
        reversals = (counts / 2 - strokes[0]) * (2 * _TRAVEL) / velocity  # seconds
        thumps = strike(
            take, self.carriage, reversals, 12.0 * (velocity / 0.5) * rng.lognormal(0, 0.1, len(counts))
        )
        healthy = motion + thumps
        if fault is None:
            return Sound(healthy)
        if fault.name == "sticking_stroke":
            return self._sticking_stroke(take, fault, motion, thumps, reversals)
        if fault.name == "belt_slip":
            return self._with_fault(healthy, fault, belt_slip(take, self.squeal))
        return self._with_fault(healthy, fault, rubbing(take, 2 * strokes, 1500, 5500))

    def _sticking_stroke(
        self, take: Take, fault: Fault, motion: np.ndarray, thumps: np.ndarray, reversals: np.ndarray
    ) -> Sound:
        rng = take.rng("sticking stroke")
        severity = level(fault.decibels)  # about 0.5, 1 or 2
        halts = reversals[rng.permutation(len(reversals))[: max(1, round(0.4 * len(reversals)))]]
        length = 0.07 * severity * rng.lognormal(0, 0.2, len(halts))  # seconds
        halted = np.zeros(take.samples, np.float32)
        for start, end in zip(halts, halts + length, strict=True):
            halted[take.span(start, end)] = 1.0
        impacts = strike(
            take, self.carriage, halts + length, 14.0 * severity * rng.lognormal(0, 0.2, len(halts))
        )
        return Sound(unaffected=motion * (1 - halted) + thumps, added=impacts, removed=motion * halted)

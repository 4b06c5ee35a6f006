"""Simulated valve: strokes of a solenoid, and air flow while the valve is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from auscult.simulation.faults import Fault, leak
from auscult.simulation.machine import Machine, Operation, Sound
from auscult.simulation.sources import Modes, band, level, shaped_noise, strike
from auscult.simulation.take import Take


class Valve(Machine):
    """A valve whose domains differ by factory noise.

    A sticking stroke scrapes, comes late, and strikes softly.
    """

    type = "valve"
    source = ({"pat": "1", "noise": "1"}, {"pat": "2", "noise": "1"})
    target = ({"pat": "1", "noise": "2"}, {"pat": "2", "noise": "2"})
    fault_levels: ClassVar[Mapping[str, float]] = {"sticking_stroke": 0.0, "leak": -31.0}
    noise_level = -8.0
    factory: ClassVar[Mapping[str, tuple[float, float]]] = {"1": (-5.0, 0.05), "2": (-4.0, 0.15)}

    def __init__(self, rng: np.random.Generator) -> None:
        self.plunger = Modes.draw(rng, 900, 5500, 6, 0.006)
        self.seat = Modes.draw(rng, 500, 3000, 5, 0.009)
        #: Seconds between strokes, by pattern.
        self.period = {"1": rng.uniform(0.75, 0.95), "2": rng.uniform(1.1, 1.4)}
        self.open_fraction = rng.uniform(0.3, 0.45)  # of the period
        self.air = (rng.uniform(1200, 2000), rng.uniform(4000, 6500))  # Hz, band of the flow while open
        self.air_level = rng.uniform(0.015, 0.03)

    def sound(self, take: Take, operation: Operation, fault: Fault | None) -> Sound:
        rng = take.rng("valve")
        period = self.period[operation["pat"]] * rng.normal(1.0, 0.01)
        opening = np.arange(-rng.uniform(), take.seconds / period) * period  # seconds
        opening = opening + rng.normal(0, 0.004, len(opening))
        strength = rng.lognormal(0.0, 0.12, len(opening))
        air = shaped_noise(take, rng, band(take.frequencies, *self.air))
        if fault is None or fault.name == "leak":
            healthy = self._strokes(take, air, opening, strength, period * self.open_fraction)
            if fault is None:
                return Sound(healthy)
            return self._with_fault(healthy, fault, leak(take, 2500.0))
        fault_rng = take.rng("sticking stroke")
        stuck = fault_rng.uniform(size=len(opening)) < 0.5
        stuck[len(stuck) // 2] = True
        severity = level(fault.decibels)  # about 0.5, 1 or 2
        delay = 0.06 * severity * fault_rng.lognormal(0.0, 0.3, len(opening))  # seconds
        softness = 0.5**severity
        width = period * self.open_fraction
        envelope = np.zeros(take.samples, np.float32)
        for start, end in zip(opening[stuck], (opening + delay)[stuck], strict=True):
            envelope[take.span(start, end)] = 0.15 * self.air_level * severity
        scrape = envelope * shaped_noise(take, fault_rng, band(take.frequencies, 800, 3000))
        return Sound(
            unaffected=self._strokes(take, air, opening[~stuck], strength[~stuck], width),
            added=scrape
            + self._strokes(take, air, (opening + delay)[stuck], softness * strength[stuck], width),
            removed=self._strokes(take, air, opening[stuck], strength[stuck], width),
        )

    def _strokes(
        self, take: Take, air: np.ndarray, opening: np.ndarray, strength: np.ndarray, width: float
    ) -> np.ndarray:
        """The impact of opening, the flow while open, and the impact of closing, for each stroke.

        Args:
            take: the clip.
            air: (N,) noise of the air flow.
            opening: times of opening, seconds.
            strength: relative amplitude of each stroke.
            width: time that the valve is open, seconds.
        """
        impacts = strike(take, self.plunger, opening, strength) + strike(
            take, self.seat, opening + width, 0.7 * strength
        )
        flow = np.zeros(take.samples, np.float32)
        for start, weight in zip(opening, strength, strict=True):
            span = take.span(start, start + width)
            age = np.maximum(take.times[span] - start, 0.0)
            flow[span] += (weight * (1 - np.exp(-age / 0.01)) * np.exp(-age / width)).astype(np.float32)
        return impacts + self.air_level * flow * air

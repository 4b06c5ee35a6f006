"""A valve: strokes of a solenoid, and air that flows while it is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from auscult.simulation.faults import Fault, leak
from auscult.simulation.machine import Machine, Operation, Sound
from auscult.simulation.sources import Modes, band, level, shaped_noise, strike
from auscult.simulation.take import Take


class Valve(Machine):
    """Domains differ by the factory's noise. A sticking stroke drags, comes late, and strikes softly."""

    type = "valve"
    source = ({"pat": "1", "noise": "1"}, {"pat": "2", "noise": "1"})
    target = ({"pat": "1", "noise": "2"}, {"pat": "2", "noise": "2"})
    fault_levels: ClassVar[Mapping[str, float]] = {"sticking_stroke": 0.0, "leak": -31.0}
    noise_level = -8.0
    factory: ClassVar[Mapping[str, tuple[float, float]]] = {"1": (-5.0, 0.05), "2": (-4.0, 0.15)}

    def __init__(self, rng: np.random.Generator) -> None:
        self.plunger = Modes.draw(rng, 900, 5500, 6, 0.006)
        self.seat = Modes.draw(rng, 500, 3000, 5, 0.009)
        self.period = {"1": rng.uniform(0.75, 0.95), "2": rng.uniform(1.1, 1.4)}  # seconds, by pattern
        self.open_share = rng.uniform(0.3, 0.45)
        self.air = (rng.uniform(1200, 2000), rng.uniform(4000, 6500))  # Hz, band of the flow while open
        self.air_level = rng.uniform(0.015, 0.03)

    def sound(self, take: Take, operation: Operation, fault: Fault | None) -> Sound:
        rng = take.rng("valve")
        period = self.period[operation["pat"]] * rng.normal(1.0, 0.01)
        opening = np.arange(-rng.uniform(), take.seconds / period) * period
        opening = opening + rng.normal(0, 0.004, len(opening))
        strength = rng.lognormal(0.0, 0.12, len(opening))
        air = shaped_noise(take, rng, band(take.frequencies, *self.air))
        if fault is None or fault.name == "leak":
            rest = self._strokes(take, air, opening, strength, period * self.open_share)
            if fault is None:
                return Sound(rest)
            return self._with(rest, fault, leak(take, 2500.0))
        chance = take.rng("sticking stroke")
        stuck = chance.uniform(size=len(opening)) < 0.5
        stuck[len(stuck) // 2] = True
        severity = level(fault.decibels)  # 0.5, 1, 2
        late = 0.06 * severity * chance.lognormal(0.0, 0.3, len(opening))
        soft = 0.5**severity
        width = period * self.open_share
        drag = np.zeros(take.samples, np.float32)
        for start, end in zip(opening[stuck], (opening + late)[stuck], strict=True):
            drag[take.span(start, end)] = 0.15 * self.air_level * severity
        scrape = drag * shaped_noise(take, chance, band(take.frequencies, 800, 3000))
        return Sound(
            rest=self._strokes(take, air, opening[~stuck], strength[~stuck], width),
            gained=scrape + self._strokes(take, air, (opening + late)[stuck], soft * strength[stuck], width),
            lost=self._strokes(take, air, opening[stuck], strength[stuck], width),
        )

    def _strokes(
        self, take: Take, air: np.ndarray, opening: np.ndarray, strength: np.ndarray, width: float
    ) -> np.ndarray:
        """Opening blow, flow while open, closing blow, for each stroke."""
        blows = strike(take, self.plunger, opening, strength) + strike(
            take, self.seat, opening + width, 0.7 * strength
        )
        flow = np.zeros(take.samples, np.float32)
        for start, weight in zip(opening, strength, strict=True):
            span = take.span(start, start + width)
            since = np.maximum(take.times[span] - start, 0.0)
            flow[span] += (weight * (1 - np.exp(-since / 0.01)) * np.exp(-since / width)).astype(np.float32)
        return blows + self.air_level * flow * air

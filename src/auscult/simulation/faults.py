"""Machine faults, each as the sound that it adds.

Every function returns a dry signal of unit mean square, (N,) float32; its level relative to the machine
depends on the severity. Sticking strokes are implemented by the machines that have strokes, because they
change the machine's sound instead of adding to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.simulation.sources import (
    Modes,
    band,
    harmonics,
    passing_times,
    pulse,
    rms,
    shaped_noise,
    strike,
    wander,
)
from auscult.simulation.take import Take

#: Level of a fault in dB relative to medium severity.
SEVERITIES = {"low": -6.0, "medium": 0.0, "high": 6.0}


@dataclass(frozen=True)
class Fault:
    """The fault of one clip."""

    name: str
    severity: str  # a key of SEVERITIES
    decibels: float  # level relative to medium severity


def _unit(samples: np.ndarray) -> np.ndarray:
    return samples / max(rms(samples), 1e-12)


def outer_race(take: Take, revolutions: np.ndarray, housing: Modes, order: float) -> np.ndarray:
    """A pit in the fixed ring of a bearing: every ball that passes it excites the housing.

    ``order`` is the number of balls that pass a point of the outer race per turn of the shaft,
    (balls/2)(1 − d/D). A slip of about 1 % makes the impacts cyclostationary rather than periodic (Antoni &
    Randall, 2003).
    """
    rng = take.rng("outer race")
    times = passing_times(take, rng, revolutions, order, slip=0.01)
    return _unit(strike(take, housing, times, rng.lognormal(0.0, 0.2, len(times))))


def imbalance(take: Take, revolutions: np.ndarray, carrier: np.ndarray) -> np.ndarray:
    """An unbalanced rotor: a force once per turn with harmonics, and a carrier modulated at that rate.

    ``carrier`` is the sound that the vibration modulates, such as flow noise.
    """
    rng = take.rng("imbalance")
    vibration = harmonics(revolutions, [1.0, 0.8, 0.6, 0.4, 0.3], rng.uniform(0, 2 * np.pi, 5))
    modulation = np.cos(2 * np.pi * (revolutions + rng.uniform())).astype(np.float32)
    return _unit(0.5 * _unit(vibration) + 0.8 * _unit(modulation * carrier))


def rubbing(take: Take, revolutions: np.ndarray, low: float, high: float) -> np.ndarray:
    """A rotor that touches its casing once per turn: bursts of noise between ``low`` and ``high`` Hz."""
    rng = take.rng("rubbing")
    scrape = shaped_noise(take, rng, band(take.frequencies, low, high))
    contact = pulse(revolutions, width=0.06, angle=rng.uniform())
    pressure = np.clip(1.0 + wander(take, rng, rate=2.0, depth=0.5), 0.0, None)
    return _unit(scrape * contact * pressure.astype(np.float32))


def chipped_tooth(take: Take, revolutions: np.ndarray, mesh: np.ndarray, housing: Modes) -> np.ndarray:
    """A tooth with a chipped corner: once per turn, a pulse of the gear mesh and an impact on the housing."""
    rng = take.rng("chipped tooth")
    angle = rng.uniform()
    times = passing_times(take, rng, revolutions - angle, 1.0, slip=0.002)
    impacts = strike(take, housing, times, rng.lognormal(0.0, 0.15, len(times)))
    return _unit(_unit(mesh * pulse(revolutions, width=0.04, angle=angle)) + 1.5 * _unit(impacts))


def leak(take: Take, low: float) -> np.ndarray:
    """Gas escaping through a gap: broadband noise above ``low`` Hz of slightly varying level."""
    rng = take.rng("leak")
    hiss = shaped_noise(take, rng, band(take.frequencies, low, 20000.0))
    return _unit(hiss * (1.0 + wander(take, rng, rate=3.0, depth=0.15)).astype(np.float32))


def belt_slip(take: Take, pitch: float) -> np.ndarray:
    """A belt that slips briefly: squeals around ``pitch`` Hz, with a falling frequency as it grips again."""
    rng = take.rng("belt slip")
    count = max(2, rng.poisson(0.6 * take.seconds))
    out = np.zeros(take.samples, np.float32)
    for start in rng.uniform(0, max(take.seconds - 0.3, 0.0), count):
        length = min(rng.uniform(0.15, 0.5), take.seconds - start)
        span = take.span(start, start + length)
        progress = np.linspace(0, 1, len(out[span]))  # from start to end of the squeal
        hertz = pitch * rng.uniform(0.85, 1.15) * (1.1 - 0.25 * progress)
        squeal = harmonics(
            np.cumsum(hertz) / take.sample_rate, [1.0, 0.5, 0.25], rng.uniform(0, 2 * np.pi, 3)
        )
        out[span] += squeal * np.sin(np.pi * progress).astype(np.float32)
    return _unit(out)

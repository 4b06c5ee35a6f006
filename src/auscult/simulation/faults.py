"""What goes wrong: each fault as the sound that it adds.

Every function gives a dry contribution of unit mean square, (N,) float32; how loud it is against the
machine is for the severity to say. Strokes that stick are the business of the machines that have
strokes, since they change what is there instead of adding to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.simulation.sources import (
    Modes,
    band,
    harmonics,
    passages,
    pulse,
    rms,
    shaped_noise,
    strike,
    wander,
)
from auscult.simulation.take import Take

#: Level of a fault against that of medium severity, dB.
SEVERITIES = {"low": -6.0, "medium": 0.0, "high": 6.0}


@dataclass(frozen=True)
class Fault:
    """One fault of one clip: which, how severe by name, and in dB around medium severity."""

    name: str
    severity: str
    decibels: float


def _unit(samples: np.ndarray) -> np.ndarray:
    return samples / max(rms(samples), 1e-12)


def outer_race(take: Take, revolutions: np.ndarray, housing: Modes, order: float) -> np.ndarray:
    """A pit in a bearing's fixed ring: every ball that passes strikes the housing.

    ``order`` is the ball pass frequency of the outer race in turns of the shaft, (balls/2)(1 − d/D);
    slip of about 1 % makes the train cyclostationary rather than periodic (Antoni & Randall, 2003).
    """
    rng = take.rng("outer race")
    moments = passages(take, rng, revolutions, order, slip=0.01)
    return _unit(strike(take, housing, moments, rng.lognormal(0.0, 0.2, len(moments))))


def imbalance(take: Take, revolutions: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """A rotor out of balance: its once-a-turn force and harmonics, and what it carries swells with it.

    ``carried`` is the sound, such as flow noise, that the shaking modulates.
    """
    rng = take.rng("imbalance")
    shaking = harmonics(revolutions, [1.0, 0.8, 0.6, 0.4, 0.3], rng.uniform(0, 2 * np.pi, 5))
    swell = np.cos(2 * np.pi * (revolutions + rng.uniform())).astype(np.float32)
    return _unit(0.5 * _unit(shaking) + 0.8 * _unit(swell * carried))


def rubbing(take: Take, revolutions: np.ndarray, low: float, high: float) -> np.ndarray:
    """A rotor that touches its casing once a turn: bursts of scraping between ``low`` and ``high`` Hz."""
    rng = take.rng("rubbing")
    scrape = shaped_noise(take, rng, band(take.frequencies, low, high))
    contact = pulse(revolutions, width=0.06, at=rng.uniform())
    patience = np.clip(1.0 + wander(take, rng, rate=2.0, depth=0.5), 0.0, None)
    return _unit(scrape * contact * patience.astype(np.float32))


def chipped_tooth(take: Take, revolutions: np.ndarray, mesh: np.ndarray, housing: Modes) -> np.ndarray:
    """A tooth with its corner gone: once a turn the mesh lurches and the housing is struck."""
    rng = take.rng("chipped tooth")
    at = rng.uniform()
    moments = passages(take, rng, revolutions - at, 1.0, slip=0.002)
    blows = strike(take, housing, moments, rng.lognormal(0.0, 0.15, len(moments)))
    return _unit(_unit(mesh * pulse(revolutions, width=0.04, at=at)) + 1.5 * _unit(blows))


def leak(take: Take, low: float) -> np.ndarray:
    """Gas through a gap: broadband hiss above ``low`` Hz, not quite steady."""
    rng = take.rng("leak")
    hiss = shaped_noise(take, rng, band(take.frequencies, low, 20000.0))
    return _unit(hiss * (1.0 + wander(take, rng, rate=3.0, depth=0.15)).astype(np.float32))


def belt_slip(take: Take, pitch: float) -> np.ndarray:
    """A belt that loses its grip for moments: squeals around ``pitch`` Hz that fall as it grips again."""
    rng = take.rng("belt slip")
    count = max(2, rng.poisson(0.6 * take.seconds))
    out = np.zeros(take.samples, np.float32)
    for start in rng.uniform(0, max(take.seconds - 0.3, 0.0), count):
        length = min(rng.uniform(0.15, 0.5), take.seconds - start)
        span = take.span(start, start + length)
        share = np.linspace(0, 1, len(out[span]))
        hertz = pitch * rng.uniform(0.85, 1.15) * (1.1 - 0.25 * share)
        squeal = harmonics(
            np.cumsum(hertz) / take.sample_rate, [1.0, 0.5, 0.25], rng.uniform(0, 2 * np.pi, 3)
        )
        out[span] += squeal * np.sin(np.pi * share).astype(np.float32)
    return _unit(out)

"""Surroundings of a machine: room, factory noise, and microphone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.simulation.sources import (
    Modes,
    band,
    harmonics,
    level,
    shaped_noise,
    strike,
    tilt,
    turns,
    wander,
)
from auscult.simulation.take import Take


def room_response(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """Return the impulse response of a small hall: direct sound, early reflections, decaying diffuse tail.

    Returns:
        (K,) float32, 0.2 s long; the direct sound has amplitude 1.
    """
    response = np.zeros(int(0.2 * sample_rate), np.float32)
    response[0] = 1.0
    arrivals = (rng.uniform(0.002, 0.025, 6) * sample_rate).astype(int)
    response[arrivals] += rng.uniform(0.1, 0.45, 6) * rng.choice([-1.0, 1.0], 6)
    times = np.arange(len(response)) / sample_rate
    reverberation = rng.uniform(0.12, 0.35)  # seconds for a decay of 60 dB
    tail = rng.standard_normal(len(response)) * 10.0 ** (-3.0 * times / reverberation)
    tail *= (times > 0.005) * rng.uniform(0.3, 0.6) / np.sqrt(np.sum(tail**2))
    return response + tail.astype(np.float32)


def colour(rng: np.random.Generator, frequencies: np.ndarray, ripple: float) -> np.ndarray:
    """Return a smooth random amplitude response, with a standard deviation of ``ripple`` dB at each octave.

    Returns:
        float32 of the shape of ``frequencies``.
    """
    octaves = np.log2(np.maximum(frequencies, 60.0) / 60.0)
    decibels = np.interp(octaves, np.arange(13), rng.normal(0, ripple, 13)).astype(np.float32)
    return 10.0 ** (decibels / np.float32(20.0))


def microphone_gain(rng: np.random.Generator, frequencies: np.ndarray, ripple: float) -> np.ndarray:
    """Return the amplitude response of a microphone: a low cut, and ``ripple`` dB of colouration.

    Returns:
        float32 of the shape of ``frequencies``.
    """
    low_cut = band(frequencies, rng.uniform(40, 70), 20000.0).astype(np.float32)
    return low_cut * colour(rng, frequencies, ripple)


@dataclass(frozen=True)
class Factory:
    """The noise of a factory hall at the position of one machine."""

    slope: float  # dB per octave of the steady noise
    unsteadiness: float  # dB, variation of its level within seconds
    clanks: float  # metallic impacts per second in the hall
    hum: float  # dB, level of distant mains hum relative to the steady noise
    metal: Modes  # resonances of the clanks

    @classmethod
    def draw(cls, rng: np.random.Generator, *, slope: float, clanks: float) -> Factory:
        """Draw a factory with about the given slope and with the given rate of clanks."""
        return cls(
            slope=slope + rng.normal(0, 0.5),
            unsteadiness=rng.uniform(0.8, 1.6),
            clanks=clanks,
            hum=rng.uniform(-18, -10),
            metal=Modes.draw(rng, 500, 3500, 5, 0.04),
        )

    def noise(self, take: Take) -> np.ndarray:
        """Generate (N,) float32 noise of about unit mean square."""
        rng = take.rng("factory")
        spectrum = tilt(take.frequencies, self.slope) * band(take.frequencies, 40, 7000)
        spectrum += 0.003  # the microphone's own noise
        steady = shaped_noise(take, rng, spectrum)
        steady *= 10.0 ** (wander(take, rng, rate=1.0, depth=self.unsteadiness) / 20.0).astype(np.float32)
        mains = turns(take, rng, 50.0, unsteady=0.0005)
        hum = harmonics(mains, [0.4, 1.0, 0.1, 0.5, 0.1, 0.3], rng.uniform(0, 2 * np.pi, 6))
        count = rng.poisson(self.clanks * take.seconds)
        times = rng.uniform(0, take.seconds, count)
        clanks = strike(take, self.metal, times, rng.lognormal(2.0, 0.5, count)) if count else 0.0
        return steady + level(self.hum) * hum + clanks

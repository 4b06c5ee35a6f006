"""What lies between a machine and the file: the room, the factory around it, and the microphone."""

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
    """Impulse response of a small hall: direct sound, early reflections, decaying diffuse tail.

    Returns:
        (K,) float32, 0.2 s long, the direct sound being 1.
    """
    response = np.zeros(int(0.2 * sample_rate), np.float32)
    response[0] = 1.0
    arrivals = (rng.uniform(0.002, 0.025, 6) * sample_rate).astype(int)
    response[arrivals] += rng.uniform(0.1, 0.45, 6) * rng.choice([-1.0, 1.0], 6)
    times = np.arange(len(response)) / sample_rate
    reverberation = rng.uniform(0.12, 0.35)  # seconds for a fall of 60 dB
    tail = rng.standard_normal(len(response)) * 10.0 ** (-3.0 * times / reverberation)
    tail *= (times > 0.005) * rng.uniform(0.3, 0.6) / np.sqrt(np.sum(tail**2))
    return response + tail.astype(np.float32)


def colour(rng: np.random.Generator, frequencies: np.ndarray, ripple: float) -> np.ndarray:
    """A smooth random amplitude response: ``ripple`` dB up and down from octave to octave.

    Returns:
        As ``frequencies``, float32.
    """
    octaves = np.log2(np.maximum(frequencies, 60.0) / 60.0)
    decibels = np.interp(octaves, np.arange(13), rng.normal(0, ripple, 13)).astype(np.float32)
    return 10.0 ** (decibels / np.float32(20.0))


def microphone_gain(rng: np.random.Generator, frequencies: np.ndarray, ripple: float) -> np.ndarray:
    """Amplitude response of a microphone at its place: a low cut, and ``ripple`` dB of colour.

    Returns:
        As ``frequencies``, float32.
    """
    cut = band(frequencies, rng.uniform(40, 70), 20000.0).astype(np.float32)
    return cut * colour(rng, frequencies, ripple)


@dataclass(frozen=True)
class Factory:
    """The noise of a factory hall, as heard at one machine."""

    slope: float  # dB an octave of the steady noise
    unrest: float  # dB by which its level wanders within seconds
    clanks: float  # blows a second, somewhere in the hall
    hum: float  # level of distant mains hum against the steady noise, dB
    metal: Modes  # what the clanks ring with

    @classmethod
    def draw(cls, rng: np.random.Generator, *, slope: float, clanks: float) -> Factory:
        """A factory around the given slope and rate of clanks."""
        return cls(
            slope=slope + rng.normal(0, 0.5),
            unrest=rng.uniform(0.8, 1.6),
            clanks=clanks,
            hum=rng.uniform(-18, -10),
            metal=Modes.draw(rng, 500, 3500, 5, 0.04),
        )

    def noise(self, take: Take) -> np.ndarray:
        """(N,) float32 noise of about unit mean square."""
        rng = take.rng("factory")
        spectrum = tilt(take.frequencies, self.slope) * band(take.frequencies, 40, 7000)
        spectrum += 0.003  # the microphone's own noise
        steady = shaped_noise(take, rng, spectrum)
        steady *= 10.0 ** (wander(take, rng, rate=1.0, depth=self.unrest) / 20.0).astype(np.float32)
        mains = turns(take, rng, 50.0, unsteady=0.0005)
        hum = harmonics(mains, [0.4, 1.0, 0.1, 0.5, 0.1, 0.3], rng.uniform(0, 2 * np.pi, 6))
        blows = rng.poisson(self.clanks * take.seconds)
        moments = rng.uniform(0, take.seconds, blows)
        clanks = strike(take, self.metal, moments, rng.lognormal(2.0, 0.5, blows)) if blows else 0.0
        return steady + level(self.hum) * hum + clanks

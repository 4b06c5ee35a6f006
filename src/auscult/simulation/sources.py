"""What sounds in a machine: rotation, teeth, impacts through resonances, and flow.

Every function gives one dry contribution, (N,) float32, with a reason in the machine: no room, no
microphone, no gain. Rotation is kept as ``revolutions``, (N,) float64 turns since the start, so that
everything on one shaft follows the same wandering speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from auscult.simulation.take import Take

_TABLE = 8192  # points of one turn


def rms(samples: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def level(decibels: float) -> float:
    """Amplitude factor of a level in dB."""
    return float(10.0 ** (decibels / 20.0))


def wander(take: Take, rng: np.random.Generator, *, rate: float, depth: float) -> np.ndarray:
    """A slow random curve around 0 with standard deviation ``depth`` and about ``rate`` turns a second.

    Returns:
        (N,) float64.
    """
    knots = int(take.seconds * rate) + 3
    curve = np.interp(take.times * rate, np.arange(knots), rng.normal(size=knots))
    return depth * curve


def turns(take: Take, rng: np.random.Generator, hertz: float | np.ndarray, *, unsteady: float) -> np.ndarray:
    """Revolutions of a shaft whose speed wanders around ``hertz`` by the share ``unsteady``.

    Returns:
        (N,) float64 revolutions, from a random angle on.
    """
    speed = hertz * (1.0 + wander(take, rng, rate=1.5, depth=unsteady))
    return rng.uniform() + np.cumsum(speed) / take.sample_rate


def harmonics(
    revolutions: np.ndarray, amplitudes: Sequence[float] | np.ndarray, phases: np.ndarray
) -> np.ndarray:
    """Σ aₖ·cos(2π·k·revolutions + φₖ), k = 1, 2, …: what repeats with every turn.

    Harmonics that would pass 90 % of the Nyquist frequency are left out.
    """
    step = max(1, len(revolutions) // 2000)
    fastest = float(np.max(np.diff(revolutions[::step]))) / step  # turns a sample
    audible = min(len(amplitudes), int(0.45 / fastest))
    # One turn as a table: cheaper than a cosine for each harmonic, and 1e-5 off at the tenth.
    lines = np.zeros(_TABLE // 2 + 1, np.complex64)
    lines[1 : audible + 1] = np.asarray(amplitudes)[:audible] * np.exp(1j * phases[:audible]) * (_TABLE / 2)
    turn = fft.irfft(lines)
    turn = np.append(turn, turn[0])
    place = (revolutions - np.floor(revolutions)) * _TABLE
    before = place.astype(np.int32)
    share = (place - before).astype(np.float32)
    return turn[before] + share * np.diff(turn)[before]


def gear_mesh(
    revolutions: np.ndarray,
    teeth: int,
    amplitudes: Sequence[float] | np.ndarray,
    phases: np.ndarray,
    runout: float,
) -> np.ndarray:
    """Teeth meeting teeth: harmonics of the mesh frequency, with sidebands at the shaft's distance.

    A wheel that runs out of true by the share ``runout`` loads its teeth unevenly, which modulates the
    mesh once a turn in amplitude and, a little, in angle.
    """
    once = harmonics(revolutions, [1.0], phases)
    mesh = harmonics(teeth * revolutions + 0.05 * runout * once, amplitudes, phases)
    return mesh * (1.0 + np.float32(runout) * once)


def pulse(revolutions: np.ndarray, *, width: float, at: float = 0.0) -> np.ndarray:
    """1 once a turn, at the angle ``at`` (turns), falling to 0 within about ``width`` turns.

    Returns:
        (N,) float32.
    """
    sharpness = 1.0 / (2 * np.pi * width) ** 2
    return np.exp(sharpness * (np.cos(2 * np.pi * (revolutions - at)) - 1.0)).astype(np.float32)


def shaped_noise(take: Take, rng: np.random.Generator, gain: np.ndarray) -> np.ndarray:
    """Gaussian noise of unit mean square whose amplitude spectrum is ``gain``, (N // 2 + 1,)."""
    bins = len(gain)
    spectrum = rng.standard_normal(2 * bins, dtype=np.float32).view(np.complex64) * gain.astype(np.float32)
    noise = fft.irfft(spectrum, take.samples)
    return noise / rms(noise)


def band(frequencies: np.ndarray, low: float, high: float) -> np.ndarray:
    """Amplitude response of a second-order band from ``low`` to ``high`` Hz."""
    safe = np.maximum(frequencies, 1.0)
    return 1.0 / np.sqrt((1.0 + (low / safe) ** 4) * (1.0 + (safe / high) ** 4))


def tilt(frequencies: np.ndarray, decibels_per_octave: float) -> np.ndarray:
    """Amplitude response of a straight slope, 0 dB at 1 kHz, flat below 30 Hz."""
    octaves = np.log2(np.maximum(frequencies, 30.0) / 1000.0)
    return 10.0 ** (decibels_per_octave * octaves / 20.0)


@dataclass(frozen=True)
class Modes:
    """Resonances of a part: what it rings with when it is struck."""

    hertz: np.ndarray
    decays: np.ndarray  # seconds until the amplitude has fallen to 1/e
    amplitudes: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, low: float, high: float, count: int, decay: float) -> Modes:
        """``count`` resonances between ``low`` and ``high`` Hz that ring for about ``decay`` seconds."""
        return cls(
            hertz=np.exp(rng.uniform(np.log(low), np.log(high), count)),
            decays=decay * np.exp(rng.normal(0, 0.3, count)),
            amplitudes=np.exp(rng.normal(0, 0.4, count)),
        )

    def response(self, sample_rate: int) -> np.ndarray:
        """(K,) float32 impulse response of unit energy; modes above the Nyquist frequency are silent."""
        times = np.arange(int(6 * self.decays.max() * sample_rate)) / sample_rate
        audible = self.amplitudes * (self.hertz < 0.48 * sample_rate)
        rings = np.exp(-times[:, None] / self.decays) * np.sin(2 * np.pi * times[:, None] * self.hertz)
        response = rings @ audible
        return (response / max(np.sqrt(np.sum(response**2)), 1e-12)).astype(np.float32)


def strike(take: Take, modes: Modes, moments: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Blows on a part with resonances, at ``moments`` (seconds) with ``strengths``; outside ones are lost."""
    position = np.asarray(moments) * take.sample_rate
    inside = (position >= 0) & (position < take.samples - 1)
    position, strengths = position[inside], np.broadcast_to(strengths, inside.shape)[inside]
    first = position.astype(int)
    share = position - first  # a blow between two samples is split, so that rates are not rounded
    blows = np.zeros(take.samples, np.float32)
    np.add.at(blows, first, strengths * (1 - share))
    np.add.at(blows, first + 1, strengths * share)
    return signal.fftconvolve(blows, modes.response(take.sample_rate))[: take.samples]


def passages(
    take: Take, rng: np.random.Generator, revolutions: np.ndarray, order: float, slip: float
) -> np.ndarray:
    """Moments at which something passes ``order`` times a turn, such as balls over a race.

    Balls slide as well as roll: each interval is off by the share ``slip``, and the offsets add up.

    Returns:
        (K,) seconds.
    """
    first, last = revolutions[0] * order, revolutions[-1] * order
    counts = np.arange(np.ceil(first), np.floor(last) + 1)
    drift = np.cumsum(rng.normal(0, slip, len(counts)))
    return np.interp(counts + drift, revolutions * order, take.times)

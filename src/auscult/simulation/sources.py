"""Sound sources of machines: rotation, gear teeth, impacts on resonant parts, and flow noise.

Every function models one physical source and returns a dry signal, (N,) float32, without room, microphone or
gain. Rotation is given as ``revolutions``, (N,) float64 turns since the start, such that all sources on one
shaft follow the same varying speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from auscult.simulation.take import Take

_TABLE = 8192  # points of the waveform table of one turn


def rms(samples: np.ndarray) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def level(decibels: float) -> float:
    """Convert a level in dB to an amplitude factor."""
    return float(10.0 ** (decibels / 20.0))


def wander(take: Take, rng: np.random.Generator, *, rate: float, depth: float) -> np.ndarray:
    """Return a slow random curve around 0, linear between ``rate`` random points per second.

    The points have the standard deviation ``depth``.

    Returns:
        (N,) float64.
    """
    knots = int(take.seconds * rate) + 3
    curve = np.interp(take.times * rate, np.arange(knots), rng.normal(size=knots))
    return depth * curve


def turns(take: Take, rng: np.random.Generator, hertz: float | np.ndarray, *, unsteady: float) -> np.ndarray:
    """Return the revolutions of a shaft whose speed varies around ``hertz`` by the fraction ``unsteady``.

    Returns:
        (N,) float64 revolutions, starting at a random angle.
    """
    speed = hertz * (1.0 + wander(take, rng, rate=1.5, depth=unsteady))
    return rng.uniform() + np.cumsum(speed) / take.sample_rate


def harmonics(
    revolutions: np.ndarray, amplitudes: Sequence[float] | np.ndarray, phases: np.ndarray
) -> np.ndarray:
    """Return Σ aₖ·cos(2π·k·revolutions + φₖ), k = 1, 2, …: a signal that repeats with every turn.

    Harmonics above 90 % of the Nyquist frequency are omitted.
    """
    step = max(1, len(revolutions) // 2000)
    fastest = float(np.max(np.diff(revolutions[::step]))) / step  # turns per sample
    audible = min(len(amplitudes), int(0.45 / fastest))
    # Interpolation in a table of one turn is faster than a cosine for each harmonic; the error is 1e-5 at the
    # tenth harmonic.
    lines = np.zeros(_TABLE // 2 + 1, np.complex64)
    lines[1 : audible + 1] = np.asarray(amplitudes)[:audible] * np.exp(1j * phases[:audible]) * (_TABLE / 2)
    turn = fft.irfft(lines)
    turn = np.append(turn, turn[0])
    position = (revolutions - np.floor(revolutions)) * _TABLE
    index = position.astype(np.int32)
    fraction = (position - index).astype(np.float32)
    return turn[index] + fraction * np.diff(turn)[index]


def gear_mesh(
    revolutions: np.ndarray,
    teeth: int,
    amplitudes: Sequence[float] | np.ndarray,
    phases: np.ndarray,
    runout: float,
) -> np.ndarray:
    """Return meshing gear teeth: harmonics of the mesh frequency, with sidebands spaced by the shaft speed.

    A wheel with the eccentricity ``runout`` loads its teeth unevenly, which modulates the mesh once per turn
    in amplitude and, slightly, in angle.
    """
    shaft = harmonics(revolutions, [1.0], phases)
    mesh = harmonics(teeth * revolutions + 0.05 * runout * shaft, amplitudes, phases)
    return mesh * (1.0 + np.float32(runout) * shaft)


def pulse(revolutions: np.ndarray, *, width: float, angle: float = 0.0) -> np.ndarray:
    """Return a pulse train: 1 at ``angle`` (turns) in every turn, decaying within about ``width`` turns.

    Returns:
        (N,) float32.
    """
    sharpness = 1.0 / (2 * np.pi * width) ** 2
    return np.exp(sharpness * (np.cos(2 * np.pi * (revolutions - angle)) - 1.0)).astype(np.float32)


def shaped_noise(take: Take, rng: np.random.Generator, gain: np.ndarray) -> np.ndarray:
    """Return Gaussian noise of unit mean square with the amplitude spectrum ``gain``, (N // 2 + 1,)."""
    bins = len(gain)
    spectrum = rng.standard_normal(2 * bins, dtype=np.float32).view(np.complex64) * gain.astype(np.float32)
    noise = fft.irfft(spectrum, take.samples)
    return noise / rms(noise)


def band(frequencies: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the amplitude response of a second-order band-pass from ``low`` to ``high`` Hz."""
    positive = np.maximum(frequencies, 1.0)
    return 1.0 / np.sqrt((1.0 + (low / positive) ** 4) * (1.0 + (positive / high) ** 4))


def tilt(frequencies: np.ndarray, decibels_per_octave: float) -> np.ndarray:
    """Return the amplitude response of a constant slope, 0 dB at 1 kHz and flat below 30 Hz."""
    octaves = np.log2(np.maximum(frequencies, 30.0) / 1000.0)
    return 10.0 ** (decibels_per_octave * octaves / 20.0)


@dataclass(frozen=True)
class Modes:
    """Resonances of a part, excited by impacts."""

    hertz: np.ndarray
    decays: np.ndarray  # seconds until the amplitude has decayed to 1/e
    amplitudes: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, low: float, high: float, count: int, decay: float) -> Modes:
        """Draw ``count`` resonances between ``low`` and ``high`` Hz that decay in about ``decay`` seconds."""
        return cls(
            hertz=np.exp(rng.uniform(np.log(low), np.log(high), count)),
            decays=decay * np.exp(rng.normal(0, 0.3, count)),
            amplitudes=np.exp(rng.normal(0, 0.4, count)),
        )

    def response(self, sample_rate: int) -> np.ndarray:
        """Return the (K,) float32 impulse response of unit energy, without modes near or above Nyquist."""
        times = np.arange(int(6 * self.decays.max() * sample_rate)) / sample_rate
        audible = self.amplitudes * (self.hertz < 0.48 * sample_rate)
        modes = np.exp(-times[:, None] / self.decays) * np.sin(2 * np.pi * times[:, None] * self.hertz)
        response = modes @ audible
        return (response / max(np.sqrt(np.sum(response**2)), 1e-12)).astype(np.float32)


def strike(take: Take, modes: Modes, times: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Return impacts on a resonant part at ``times`` (seconds); those outside the clip are ignored."""
    position = np.asarray(times) * take.sample_rate
    inside = (position >= 0) & (position < take.samples - 1)
    position, strengths = position[inside], np.broadcast_to(strengths, inside.shape)[inside]
    first = position.astype(int)
    fraction = position - first  # an impact between two samples is split, so that rates are not rounded
    impacts = np.zeros(take.samples, np.float32)
    np.add.at(impacts, first, strengths * (1 - fraction))
    np.add.at(impacts, first + 1, strengths * fraction)
    return signal.fftconvolve(impacts, modes.response(take.sample_rate))[: take.samples]


def passing_times(
    take: Take, rng: np.random.Generator, revolutions: np.ndarray, order: float, slip: float
) -> np.ndarray:
    """Return the times of an event that occurs ``order`` times per turn, such as balls passing a point.

    Balls slide as well as roll: each interval deviates by the fraction ``slip``, and the deviations add up.

    Returns:
        (K,) times in seconds.
    """
    first, last = revolutions[0] * order, revolutions[-1] * order
    counts = np.arange(np.ceil(first), np.floor(last) + 1)
    drift = np.cumsum(rng.normal(0, slip, len(counts)))
    return np.interp(counts + drift, revolutions * order, take.times)

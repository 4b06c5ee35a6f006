"""The sound of a simulated machine in single minutes of weeks: with starts, stops, faults and sounds nearby.

The machines, rooms, microphones and halls are those of `auscult.simulation`. In contrast to its recordings
the microphone stays where it is, and level and spectrum follow the course of the unit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from scipy import fft

from auscult.simulation.faults import Fault
from auscult.simulation.rendering import Site
from auscult.simulation.sources import Modes, band, harmonics, level, rms, shaped_noise, strike, wander
from auscult.simulation.take import Take, seeded_rng
from auscult.sound import Waveform, read_audio
from auscult.sound.resampling import resample
from bench.machine_course import OCTAVES, Course, Event, Unit

SAMPLE_RATE = 16000
#: Samples that are rendered for 60 windows of 10 s, one each 0.992 s; a product of small primes.
_SAMPLES = 2**13 * 3**3 * 5
SECONDS = _SAMPLES / SAMPLE_RATE
#: Level of the machine at the microphone, dB re full scale.
_LEVEL = -32.0
#: Seconds within its minute at which a machine starts or stops, and how long that takes.
START_AT, STOP_AT, RAMP = 15.0, 45.0, 6.0
#: Seconds of fading in and out of a sound nearby, and the first second at which one begins.
_FADE, _FIRST = 0.2, 8.0


class MinuteRenderer:
    """Renders minutes of one unit.

    Args:
        unit: the unit.

    Attributes:
        course: of the unit.
    """

    def __init__(self, unit: Unit) -> None:
        self.course = Course(unit)
        self._keys = (unit.seed, unit.kind)
        self._site = Site(unit.machine, self._keys, _SAMPLES, SAMPLE_RATE)
        self._mic = self._site.microphones[unit.machine.source[0].get("mic", "1")]
        self._factory = self._site.factories[unit.machine.source[0].get("noise", "1")]
        self._noise_level = unit.machine.noise_level

    def hour(self, hour: int, fault: Fault | None = None) -> HourSound:
        """Generate the minute of an hour, whose variants share all random numbers."""
        take = Take(_SAMPLES, SAMPLE_RATE, (*self._keys, "hour", int(hour)))
        course = self.course
        noise = self._factory.noise(take) * np.float32(
            self._reference * level(self._noise_level + float(course.hall[hour]))
        )
        curve = np.interp(_octaves(), np.arange(OCTAVES), course.curve[hour]) + course.level[hour]
        response = self._site.room * self._mic * (10.0 ** (curve / 20.0)).astype(np.float32)
        hall = fft.irfft(fft.rfft(noise) * self._mic, _SAMPLES)
        dry = np.zeros(_SAMPLES, np.float32)
        if course.running[hour]:
            sound = self._site.machine.sound(take, course.operation(hour), fault)
            dry = sound.unaffected if sound.added is None else sound.unaffected + sound.added
        return HourSound(self._gain * hall, np.float32(self._gain) * dry, response)

    def nearby(self, event: Event) -> np.ndarray:
        """Return (N,) float32, the sound of an event at the microphone in its minute."""
        rng = seeded_rng(*self._keys, "event", event.number)
        count = round(event.seconds * SAMPLE_RATE)
        sound = _real_noise(rng, count) if noise_files() else _synthetic_noise(rng, count)
        ramp = np.minimum(1.0, np.arange(1, count + 1) / (_FADE * SAMPLE_RATE))
        start = round(rng.uniform(_FIRST, SECONDS - event.seconds) * SAMPLE_RATE)
        out = np.zeros(_SAMPLES, np.float32)
        out[start : start + count] = sound * ramp * ramp[::-1] / max(rms(sound), 1e-9)
        return out * np.float32(level(_LEVEL + event.decibels))

    @cached_property
    def _reference(self) -> float:
        """Root mean square of the dry sound under the first condition of the source domain."""
        return rms(self._reference_sound)

    @cached_property
    def _gain(self) -> float:
        """Factor after which the machine has its level at the microphone."""
        response = self._site.room * self._mic
        return level(_LEVEL) / rms(fft.irfft(fft.rfft(self._reference_sound) * response, _SAMPLES))

    @cached_property
    def _reference_sound(self) -> np.ndarray:
        take = Take(_SAMPLES, SAMPLE_RATE, (*self._keys, "reference"))
        return self._site.machine.sound(take, self.course.unit.machine.source[0], None).unaffected


class HourSound:
    """The minute of one hour; (N,) float32 each."""

    def __init__(self, hall: np.ndarray, dry: np.ndarray, response: np.ndarray) -> None:
        self._hall, self._dry, self._response = hall, dry, response

    @cached_property
    def running(self) -> np.ndarray:
        """The minute in which nothing changes."""
        return self._at_microphone(self._dry)

    def starting(self) -> np.ndarray:
        """The machine is off, and starts."""
        return self._at_speed(lambda seconds: np.clip((seconds - START_AT) / RAMP, 0.0, 1.0))

    def stopping(self) -> np.ndarray:
        """The machine stops."""
        return self._at_speed(lambda seconds: np.clip(1.0 - (seconds - STOP_AT) / RAMP, 0.0, 1.0))

    def _at_speed(self, relative: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Play the machine at a changing speed: all frequencies follow it, and the level with its square."""
        samples = np.arange(_SAMPLES)
        speed = relative(samples / SAMPLE_RATE)
        played = np.interp(np.cumsum(speed), samples, self._dry) * speed**2
        return self._at_microphone(played.astype(np.float32))

    def _at_microphone(self, dry: np.ndarray) -> np.ndarray:
        return (self._hall + fft.irfft(fft.rfft(dry) * self._response, _SAMPLES)).astype(np.float32)


@cache
def _octaves() -> np.ndarray:
    """Octaves above 60 Hz of the frequencies of a minute."""
    frequencies = np.fft.rfftfreq(_SAMPLES, 1 / SAMPLE_RATE)
    return np.log2(np.maximum(frequencies, 60.0) / 60.0)


@cache
def noise_files() -> tuple[Path, ...]:
    """Recordings of sounds nearby below ``AUSCULT_REAL_DATA``/noise; empty if there are none."""
    root = os.environ.get("AUSCULT_REAL_DATA")
    return tuple(sorted(Path(root, "noise").glob("*/*.ogg"))) if root else ()


@cache
def _noise_file(number: int) -> np.ndarray:
    waveform: Waveform = resample(read_audio(noise_files()[number]), SAMPLE_RATE)
    return waveform.samples


def _real_noise(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return a recording of a random kind of sound, repeated as long as needed."""
    return np.resize(_noise_file(int(rng.integers(len(noise_files())))), count)


def _synthetic_noise(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return impacts, noise of a band that comes and goes, or a wavering tone."""
    take = Take(count, SAMPLE_RATE, (int(rng.integers(2**31)), "nearby"))
    kind = int(rng.integers(3))
    if kind == 0:
        times = rng.uniform(0, take.seconds, 1 + rng.poisson(2 * take.seconds))
        return strike(take, Modes.draw(rng, 400, 4000, 5, 0.05), times, rng.lognormal(0, 0.5, len(times)))
    if kind == 1:
        low = float(rng.uniform(100, 1500))
        return shaped_noise(take, rng, band(take.frequencies, low, low * rng.uniform(2, 6)))
    pitch = rng.uniform(300, 2000) * (1 + wander(take, rng, rate=3.0, depth=0.03))
    return harmonics(np.cumsum(pitch) / SAMPLE_RATE, [1.0, 0.5, 0.3, 0.2], rng.uniform(0, 2 * np.pi, 4))

"""Rendering of a clip with its surroundings, and the time-frequency mask of its fault."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from auscult.simulation.faults import Fault
from auscult.simulation.machine import Machine, Operation, Sound
from auscult.simulation.plan import ClipPlan
from auscult.simulation.sources import level, rms
from auscult.simulation.surroundings import Factory, colour, microphone_gain, room_response
from auscult.simulation.take import Take, seeded_rng
from auscult.spectrum import FrontEnd, log_mel


@dataclass(frozen=True)
class RenderedClip:
    """A clip and the two parts of it; (N,) float32 each.

    Attributes:
        samples: the signal of the microphone, full scale ±1.
        unaffected: the part that the fault does not change, including noise.
        fault: the part that the fault adds minus the part that it removes; ``None`` for a healthy machine.
    """

    samples: np.ndarray
    unaffected: np.ndarray
    fault: np.ndarray | None


class Site:
    """One unit of a machine at its location: with its room, microphones and factory noise."""

    def __init__(
        self, machine: type[Machine], keys: tuple[int | str, ...], samples: int, sample_rate: int
    ) -> None:
        self.machine = machine(seeded_rng(*keys, "unit"))
        self.samples = samples
        self.sample_rate = sample_rate
        self.room = fft.rfft(room_response(seeded_rng(*keys, "room"), sample_rate), samples)
        frequencies = np.fft.rfftfreq(samples, 1 / sample_rate)
        operations = (*machine.source, *machine.target)
        self.microphones = {
            mic: microphone_gain(seeded_rng(*keys, "microphone", mic), frequencies, machine.microphone_ripple)
            for mic in {operation.get("mic", "1") for operation in operations}
        }
        self.factories = {
            noise: Factory.draw(seeded_rng(*keys, "factory", noise), slope=slope, clanks=clanks)
            for noise, (slope, clanks) in machine.factory.items()
        }

    def record(self, plan: ClipPlan) -> RenderedClip:
        """Generate the clip of a plan.

        All processing from machine to file is linear, so the part of the fault can be separated. Convolution
        is circular: the end of the clip rings into its beginning, as if the machine had been running before.
        """
        take = Take(self.samples, self.sample_rate, plan.keys)
        parts = self.render(take, plan.operation, plan.fault, take.rng("site"))
        samples, fault = parts.unaffected, None
        if parts.added is not None:
            samples, fault = parts.unaffected + parts.added, parts.change
        # The loudness is set last and does not depend on the fault, so that it does not reveal the fault.
        gain = np.float32(level(plan.loudness) / rms(samples))
        return RenderedClip(gain * samples, gain * parts.unaffected, None if fault is None else gain * fault)

    def render(
        self, take: Take, operation: Operation, fault: Fault | None, placement: np.random.Generator
    ) -> Sound:
        """Generate the sound of the machine at the microphone, in parts, before its loudness is set.

        Args:
            take: time axis and random generators.
            operation: the operating conditions.
            fault: the fault, if there is one.
            placement: determines the level of the noise and what the position does to the spectrum.
        """
        sound = self.machine.sound(take, operation, fault)
        healthy_rms = rms(sound.unaffected if sound.removed is None else sound.unaffected + sound.removed)
        factory = self.factories[operation.get("noise", "1")]
        noise = factory.noise(take) * np.float32(
            level(self.machine.noise_level + placement.normal(0, self.machine.noise_spread)) * healthy_rms
        )
        microphone = self.microphones[operation.get("mic", "1")]
        # Small changes of position and temperature colour each recording slightly differently.
        response = self.room * microphone * colour(placement, take.frequencies, self.machine.placement_ripple)
        unaffected = fft.irfft(
            fft.rfft(sound.unaffected) * response + fft.rfft(noise) * microphone, self.samples
        )
        added, removed = (
            None if part is None else fft.irfft(fft.rfft(part) * response, self.samples)
            for part in (sound.added, sound.removed)
        )
        return Sound(unaffected, added, removed)


def fault_mask(fault: np.ndarray, unaffected: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the bins of the default front end in which ``fault`` has more power than ``unaffected``.

    Returns:
        (T, 128) bool.
    """
    front_end = FrontEnd(sample_rate=sample_rate)
    return log_mel(fault, front_end) > log_mel(unaffected, front_end)

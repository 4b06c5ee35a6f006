"""One clip as it is recorded, and where in it the fault is louder than all the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from auscult.simulation.machine import Machine
from auscult.simulation.plan import ClipPlan
from auscult.simulation.sources import level, rms
from auscult.simulation.surroundings import Factory, colour, microphone_gain, room_response
from auscult.simulation.take import Take, stream
from auscult.spectrum import FrontEnd, log_mel


@dataclass(frozen=True)
class Recorded:
    """A recorded clip in its two shares; (N,) float32 each.

    Attributes:
        samples: what the microphone gives, full scale ±1.
        rest: the share of it that a fault leaves alone, noise included.
        fault: what the fault changes, with minus less; ``None`` for a healthy machine.
    """

    samples: np.ndarray
    rest: np.ndarray
    fault: np.ndarray | None


class Site:
    """One unit of a machine where it stands: its room, its microphones, its factory."""

    def __init__(
        self, machine: type[Machine], keys: tuple[int | str, ...], samples: int, sample_rate: int
    ) -> None:
        self.machine = machine(stream(*keys, "unit"))
        self.samples = samples
        self.sample_rate = sample_rate
        self.room = fft.rfft(room_response(stream(*keys, "room"), sample_rate), samples)
        frequencies = np.fft.rfftfreq(samples, 1 / sample_rate)
        operations = (*machine.source, *machine.target)
        self.microphones = {
            mic: microphone_gain(stream(*keys, "microphone", mic), frequencies, machine.microphone_ripple)
            for mic in {operation.get("mic", "1") for operation in operations}
        }
        self.factories = {
            noise: Factory.draw(stream(*keys, "factory", noise), slope=slope, clanks=clanks)
            for noise, (slope, clanks) in machine.factory.items()
        }

    def record(self, plan: ClipPlan) -> Recorded:
        """Lets the machine run and records it.

        All of the way from machine to file is linear, so that the fault's own share can be told apart.
        Convolution is circular: the end of the clip rings into its beginning, as if the machine had
        been running before.
        """
        take = Take(self.samples, self.sample_rate, plan.keys)
        sound = self.machine.sound(take, plan.operation, plan.fault)
        rng = take.rng("site")
        running = rms(sound.rest if sound.lost is None else sound.rest + sound.lost)
        factory = self.factories[plan.operation.get("noise", "1")]
        noise = factory.noise(take) * np.float32(
            level(self.machine.noise_level + rng.normal(0, self.machine.noise_spread)) * running
        )
        microphone = self.microphones[plan.operation.get("mic", "1")]
        # No two recordings stand alike: a hand's breadth and a warm day colour each a little.
        heard = self.room * microphone * colour(rng, take.frequencies, self.machine.placement_ripple)
        rest = fft.irfft(fft.rfft(sound.rest) * heard + fft.rfft(noise) * microphone, self.samples)
        samples, fault = rest, None
        if sound.gained is not None:
            gained = fft.irfft(fft.rfft(sound.gained) * heard, self.samples)
            lost = 0.0 if sound.lost is None else fft.irfft(fft.rfft(sound.lost) * heard, self.samples)
            samples, fault = rest + gained, gained - lost
        # The loudness is set last and whatever the fault adds, so that it tells nothing.
        gain = np.float32(level(plan.loudness) / rms(samples))
        return Recorded(gain * samples, gain * rest, None if fault is None else gain * fault)


def louder_bins(fault: np.ndarray, rest: np.ndarray, sample_rate: int) -> np.ndarray:
    """Time-frequency bins of the default front end in which ``fault`` has more power than ``rest``.

    Returns:
        (T, 128) bool.
    """
    front_end = FrontEnd(sample_rate=sample_rate)
    return log_mel(fault, front_end) > log_mel(rest, front_end)

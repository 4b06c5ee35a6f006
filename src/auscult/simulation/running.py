"""Continuous running of a simulated machine, with faults that come and go.

The running is rendered in segments, like clips. They are joined where the waveform of the next one agrees
best with the end of the last one (as in W. Verhelst and M. Roelands, "An overlap-add technique based on
waveform similarity", ICASSP 1993), so that tones go on in phase, and strokes in time. The sound of a fault is
rendered for the segment that is playing, with the same random numbers, and faded in.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
from scipy import signal

from auscult.errors import OptionError
from auscult.runtime.suggestions import did_you_mean
from auscult.simulation.faults import SEVERITIES, Fault
from auscult.simulation.folder import MACHINE_TYPES, machine_names
from auscult.simulation.rendering import Site
from auscult.simulation.sources import level, rms
from auscult.simulation.take import Take, seeded_rng

#: Length of a segment, of the part that overlaps with the next one, and of its start that may be left out,
#: seconds.
_SEGMENT, _OVERLAP, _SEARCH = 10.0, 0.5, 1.5
#: Seconds in which a fault becomes audible, or inaudible.
_FADE = 0.5
#: Level of the healthy machine, dB re full scale.
_LOUDNESS = -32.0


@dataclass(frozen=True)
class ActiveFault:
    """A fault of a running machine.

    Attributes:
        name: of the fault.
        severity: from 0, hardly audible, to 1.
    """

    name: str
    severity: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.severity <= 1:
            raise OptionError(f"severity must be from 0 to 1, got {self.severity}")

    @property
    def decibels(self) -> float:
        """Level relative to medium severity."""
        low, high = SEVERITIES["low"], SEVERITIES["high"]
        return low + self.severity * (high - low)


@dataclass
class _Segment:
    """A segment that is joined to the one before.

    Attributes:
        take: time axis and random generators.
        gain: sets the loudness.
        healthy: (N,) samples that are played, up to the overlap with the next segment.
        lag: samples at its start that are left out.
        fade_in, fade_out: gains in the overlap with the segment before; empty for the first one.
        tails: the end of the segment before, for each fault.
        layers: (N,) what each fault changes.
    """

    take: Take
    gain: np.float32
    healthy: np.ndarray
    lag: int = 0
    fade_in: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    fade_out: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    tails: dict[ActiveFault, np.ndarray] = field(default_factory=dict)
    layers: dict[ActiveFault, np.ndarray] = field(default_factory=dict)

    def joined(self, samples: np.ndarray, tail: np.ndarray | None) -> np.ndarray:
        """Return the samples of this segment that are played, faded with the end of the one before."""
        samples = samples[self.lag :].copy()
        overlap = len(self.fade_in)
        samples[:overlap] *= self.fade_in
        if tail is not None:
            samples[:overlap] += self.fade_out * tail
        return samples


class Running:
    """Endless sound of one machine.

    Args:
        name: of a simulated machine, such as ``fan`` or ``fan_2``.
        seed: determines the unit, the room and, with the session, the sound.
        session: another session is another recording of the same machine.
        sample_rate: in Hz.

    Attributes:
        faults: names of the faults that this machine can have.
        position: number of samples that were read.

    Raises:
        OptionError: there is no such machine.

    Example:
        >>> from auscult.simulation.running import Running
        >>> fan = Running("fan")
        >>> len(fan.read(4000)), fan.faults
        (4000, ('imbalance', 'rubbing', 'outer_race'))
    """

    def __init__(self, name: str, *, seed: int = 0, session: int | str = 0, sample_rate: int = 16000) -> None:
        (self.name,) = machine_names([name])
        machine = MACHINE_TYPES[name.partition("_")[0]]
        self.sample_rate = sample_rate
        self.faults = tuple(machine.fault_levels)
        self.position = 0
        self._keys = (seed, name)
        self._session = session
        self._operation = machine.source[0]
        self._site = Site(machine, self._keys, round(_SEGMENT * sample_rate), sample_rate)
        self._overlap = round(_OVERLAP * sample_rate)
        self._count = 0
        self._segment = self._render()
        self._at = 0  # of the segment: the next sample that is played
        self._lock = threading.Lock()
        self._fault: ActiveFault | None = None
        self._gains: dict[ActiveFault, float] = {}  # of what is audible

    @property
    def fault(self) -> ActiveFault | None:
        """The present fault."""
        return self._fault

    def set_fault(self, name: str | None, severity: float = 1.0) -> None:
        """Let a fault begin, or end the present one; it may be called from any thread.

        Args:
            name: one of `faults`; ``None`` for a healthy machine.
            severity: from 0 to 1.

        Raises:
            OptionError: this machine has no such fault, or the severity is out of range.
        """
        if name is not None and name not in self.faults:
            raise OptionError(
                f"a {self.name} has no fault {name!r}{did_you_mean(name, self.faults)}: "
                f"choose from {', '.join(self.faults)}"
            )
        fault = None if name is None else ActiveFault(name, severity)
        with self._lock:
            self._fault = fault

    def read(self, samples: int) -> np.ndarray:
        """Return (N,) float32: the next samples, full scale ±1."""
        parts = []
        while samples:
            end = len(self._segment.healthy) - self._overlap
            count = min(samples, end - self._at)
            if count:
                parts.append(self._play(self._at, self._at + count))
                self._at += count
                samples -= count
            if self._at == end:
                self._join()
        out = np.concatenate(parts) if len(parts) != 1 else parts[0]
        self.position += len(out)
        return out

    def _play(self, first: int, last: int) -> np.ndarray:
        """Return a part of the segment, with what is audible of faults."""
        out = self._segment.healthy[first:last].copy()
        with self._lock:
            fault = self._fault
        step = 1 / (_FADE * self.sample_rate)
        for audible in {*self._gains, *((fault,) if fault else ())}:
            before = self._gains.get(audible, 0.0)
            ramp = before + (step if audible == fault else -step) * np.arange(1, last - first + 1)
            gains = np.clip(ramp, 0.0, 1.0).astype(np.float32)
            out += gains * self._layer(audible)[first:last]
            self._gains[audible] = float(gains[-1])
            if audible != fault and gains[-1] == 0:
                del self._gains[audible]
        return out

    def _layer(self, fault: ActiveFault) -> np.ndarray:
        """Return what a fault changes in the segment."""
        segment = self._segment
        if fault not in segment.layers:
            rendered = Fault(fault.name, "", fault.decibels)
            change = self._site.render(segment.take, self._operation, rendered, self._placement()).change
            segment.layers[fault] = segment.joined(segment.gain * change, segment.tails.get(fault))
        return segment.layers[fault]

    def _join(self) -> None:
        """Go on with the next segment."""
        last, following = self._segment, self._render()
        tail = last.healthy[-self._overlap :]
        head = following.healthy[: self._overlap + round(_SEARCH * self.sample_rate)]
        agreement = signal.correlate(head, tail, "valid", "fft")
        following.lag = int(np.argmax(agreement))
        start = head[following.lag : following.lag + self._overlap]
        # What both have in common adds up by amplitude, the rest by power: the power stays constant.
        common = float(agreement[following.lag]) / max(self._overlap * rms(tail) * rms(start), 1e-12)
        angle = (np.arange(self._overlap, dtype=np.float32) + 0.5) / self._overlap * np.float32(np.pi / 2)
        power = np.sqrt(1 + np.float32(np.clip(common, 0, 1)) * np.sin(2 * angle))
        following.fade_in, following.fade_out = np.sin(angle) / power, np.cos(angle) / power
        following.healthy = following.joined(following.healthy, tail)
        following.tails = {fault: layer[-self._overlap :] for fault, layer in last.layers.items()}
        self._segment, self._at = following, 0

    def _render(self) -> _Segment:
        keys = (*self._keys, "running", self._session, self._count)
        self._count += 1
        take = Take(self._site.samples, self.sample_rate, keys)
        healthy = self._site.render(take, self._operation, None, self._placement()).unaffected
        gain = np.float32(level(_LOUDNESS) / rms(healthy))
        return _Segment(take, gain, gain * healthy)

    def _placement(self) -> np.random.Generator:
        """The microphone stays where it is, in all sessions."""
        return seeded_rng(*self._keys, "running", "placement")

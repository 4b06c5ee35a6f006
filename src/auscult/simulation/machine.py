"""Base class of simulated machines, and the dry sound of a machine in one clip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.simulation.faults import Fault
from auscult.simulation.sources import level, rms
from auscult.simulation.take import Take

#: Operating conditions of one clip, as in the file name: ``{"spd": "1200", "mic": "1"}``.
Operation = Mapping[str, str]


@dataclass(frozen=True)
class Sound:
    """The sound of a machine in one clip, dry or at the microphone; (N,) float32 each.

    Attributes:
        unaffected: the part that the fault does not change; without a fault, the complete sound.
        added: the part that the fault adds, or ``None`` without a fault.
        removed: the part of the healthy sound that the fault removes, or ``None``.
    """

    unaffected: np.ndarray
    added: np.ndarray | None = None
    removed: np.ndarray | None = None

    @property
    def change(self) -> np.ndarray:
        """What the fault adds minus what it removes; zeros without a fault."""
        if self.added is None:
            return np.zeros_like(self.unaffected)
        return self.added if self.removed is None else self.added - self.removed


class Machine(ABC):
    """One unit of a machine type; the constructor draws the parameters in which units of a type differ."""

    type: ClassVar[str]
    source: ClassVar[tuple[Operation, ...]]  # operations of the source domain
    target: ClassVar[tuple[Operation, ...]]  # operations of the target domain; one attribute differs
    fault_levels: ClassVar[Mapping[str, float]]  # dB relative to the machine, by fault, medium severity
    noise_level: ClassVar[float]  # dB of the factory noise relative to the machine
    noise_spread: ClassVar[float] = 2.5  # dB, standard deviation of that level from clip to clip
    #: Slope in dB per octave and clanks per second of the factory noise, by attribute "noise".
    factory: ClassVar[Mapping[str, tuple[float, float]]] = {"1": (-5.0, 0.08)}
    placement_ripple: ClassVar[float] = 1.0  # dB, spectral differences from clip to clip
    microphone_ripple: ClassVar[float] = 3.0  # dB, spectral differences between microphones and positions

    @abstractmethod
    def __init__(self, rng: np.random.Generator) -> None: ...

    @abstractmethod
    def sound(self, take: Take, operation: Operation, fault: Fault | None) -> Sound:
        """Generate the dry sound of one clip."""

    def _with_fault(self, healthy: np.ndarray, fault: Fault, added: np.ndarray) -> Sound:
        """Add the sound of a fault, of unit mean square, at the level of its severity."""
        decibels = self.fault_levels[fault.name] + fault.decibels
        return Sound(healthy, np.float32(level(decibels) * rms(healthy)) * added)

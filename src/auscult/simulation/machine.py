"""What every simulated machine is: one unit of a type, and what it sounds like in one clip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.simulation.faults import Fault
from auscult.simulation.sources import level, rms
from auscult.simulation.take import Take

#: How a machine runs in one clip, as its file name says: ``{"spd": "1200", "mic": "1"}``.
Operation = Mapping[str, str]


@dataclass(frozen=True)
class Sound:
    """The dry sound of a machine in one clip; (N,) float32 each.

    Attributes:
        rest: all that the fault leaves alone; without a fault, everything.
        gained: what there is because of the fault.
        lost: what there would be in its place without the fault.
    """

    rest: np.ndarray
    gained: np.ndarray | None = None
    lost: np.ndarray | None = None


class Machine(ABC):
    """One unit of a type: the constructor draws what sets it apart from others of its type."""

    type: ClassVar[str]
    source: ClassVar[tuple[Operation, ...]]  # operations of the source domain
    target: ClassVar[tuple[Operation, ...]]  # operations of the target domain; they differ in one thing
    fault_levels: ClassVar[Mapping[str, float]]  # dB of each fault, medium severity, against the machine
    noise_level: ClassVar[float]  # dB of the factory against the machine
    noise_spread: ClassVar[float] = 2.5  # dB, standard deviation of that level from clip to clip
    factory: ClassVar[Mapping[str, tuple[float, float]]] = {
        "1": (-5.0, 0.08)
    }  # noise: dB an octave, clanks a second
    placement_ripple: ClassVar[float] = 1.0  # dB by which each clip is coloured otherwise than the next
    microphone_ripple: ClassVar[float] = 3.0  # dB by which microphones and their places colour the sound

    @abstractmethod
    def __init__(self, rng: np.random.Generator) -> None: ...

    @abstractmethod
    def sound(self, take: Take, operation: Operation, fault: Fault | None) -> Sound:
        """The dry sound of one clip."""

    def _with(self, rest: np.ndarray, fault: Fault, gained: np.ndarray) -> Sound:
        """Adds a contribution of unit mean square at the level of its severity."""
        decibels = self.fault_levels[fault.name] + fault.decibels
        return Sound(rest, np.float32(level(decibels) * rms(rest)) * gained)

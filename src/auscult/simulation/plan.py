"""Which clips a simulated machine has: domain, condition, operation, fault, and file name of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auscult.simulation.faults import SEVERITIES, Fault
from auscult.simulation.machine import Machine, Operation
from auscult.simulation.take import stream

_GOLDEN = 0.6180339887498949  # its multiples fill [0, 1) evenly, however many are taken


@dataclass(frozen=True)
class ClipPlan:
    """One clip before it sounds."""

    split: str
    domain: str
    condition: str
    index: int
    operation: Operation
    fault: Fault | None
    loudness: float  # dB full scale of the clip's root mean square
    keys: tuple[int | str, ...]  # of its random numbers

    @property
    def stem(self) -> str:
        """File name without ``.wav``, by the grammar of DCASE 2023; it tells the condition, not the fault."""
        operation = "_".join(f"{key}_{value}" for key, value in self.operation.items())
        return f"section_00_{self.domain}_{self.split}_{self.condition}_{self.index:04d}_{operation}"


def usual_target_clips(clips: int) -> int:
    """How many of a machine's training clips are of the target domain unless told: 1 %, at least 3."""
    return max(3, round(0.01 * clips))


def plan_clips(
    machine: type[Machine],
    keys: tuple[int | str, ...],
    clips: int,
    test_clips: int,
    target_clips: int | None = None,
) -> Iterator[ClipPlan]:
    """The clips of one machine, training first.

    Args:
        machine: its type.
        keys: keys of the machine's random numbers.
        clips: training clips of both domains together.
        test_clips: test clips of each domain and condition.
        target_clips: how many of the training clips are of the target domain; ``None`` for the usual.
    """
    few = usual_target_clips(clips) if target_clips is None else target_clips
    for split, domain, condition, count in [
        ("train", "source", "normal", clips - few),
        ("train", "target", "normal", few),
        ("test", "source", "normal", test_clips),
        ("test", "source", "anomaly", test_clips),
        ("test", "target", "normal", test_clips),
        ("test", "target", "anomaly", test_clips),
    ]:
        offset = stream(*keys, split, domain, condition).uniform()
        for index in range(count):
            clip_keys = (*keys, split, domain, condition, index)
            rng = stream(*clip_keys, "plan")
            operations = machine.source if domain == "source" else machine.target
            # Training goes through the operations in turn, so that even three target clips show them all.
            operation = operations[
                index % len(operations) if split == "train" else rng.integers(len(operations))
            ]
            yield ClipPlan(
                split=split,
                domain=domain,
                condition=condition,
                index=index,
                operation=operation,
                fault=_fault(machine, index, rng.normal(0, 1.0)) if condition == "anomaly" else None,
                loudness=-32.0 + 8.0 * ((offset + index * _GOLDEN) % 1.0 - 0.5),
                keys=clip_keys,
            )


def _fault(machine: type[Machine], index: int, deviation: float) -> Fault:
    """Severities and faults in turn, so that every machine has as many of each."""
    severity = list(SEVERITIES)[index % len(SEVERITIES)]
    name = list(machine.fault_levels)[index // len(SEVERITIES) % len(machine.fault_levels)]
    return Fault(name, severity, SEVERITIES[severity] + deviation)

"""The clips of a simulated machine: domain, condition, operation, fault, and file name of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auscult.simulation.faults import SEVERITIES, Fault
from auscult.simulation.machine import Machine, Operation
from auscult.simulation.take import seeded_rng

_GOLDEN = 0.6180339887498949  # golden ratio: any number of its multiples, modulo 1, is evenly distributed


@dataclass(frozen=True)
class ClipPlan:
    """The parameters of one clip."""

    split: str
    domain: str
    condition: str
    index: int
    operation: Operation
    fault: Fault | None
    loudness: float  # RMS of the clip in dB re full scale
    keys: tuple[int | str, ...]  # seed keys of the clip's random generators

    @property
    def stem(self) -> str:
        """File name without ``.wav``, as in DCASE 2023; it contains the condition but not the fault."""
        operation = "_".join(f"{key}_{value}" for key, value in self.operation.items())
        return f"section_00_{self.domain}_{self.split}_{self.condition}_{self.index:04d}_{operation}"


def default_target_clips(clips: int) -> int:
    """Return the default number of target-domain clips among the training clips: 1 %, at least 3."""
    return max(3, round(0.01 * clips))


def plan_clips(
    machine: type[Machine],
    keys: tuple[int | str, ...],
    clips: int,
    test_clips: int,
    target_clips: int | None = None,
) -> Iterator[ClipPlan]:
    """Yield the clips of one machine, training clips first.

    Args:
        machine: the machine type.
        keys: seed keys of the machine's random generators.
        clips: number of training clips in both domains together.
        test_clips: number of test clips per domain and condition.
        target_clips: number of training clips in the target domain; ``None`` for the default.
    """
    if target_clips is None:
        target_clips = default_target_clips(clips)
    for split, domain, condition, count in [
        ("train", "source", "normal", clips - target_clips),
        ("train", "target", "normal", target_clips),
        ("test", "source", "normal", test_clips),
        ("test", "source", "anomaly", test_clips),
        ("test", "target", "normal", test_clips),
        ("test", "target", "anomaly", test_clips),
    ]:
        offset = seeded_rng(*keys, split, domain, condition).uniform()
        for index in range(count):
            clip_keys = (*keys, split, domain, condition, index)
            rng = seeded_rng(*clip_keys, "plan")
            operations = machine.source if domain == "source" else machine.target
            # Training clips cycle through the operations, so that even three target clips cover them all.
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
    """Cycle through severities and faults, so that every machine has equally many of each."""
    severity = list(SEVERITIES)[index % len(SEVERITIES)]
    name = list(machine.fault_levels)[index // len(SEVERITIES) % len(machine.fault_levels)]
    return Fault(name, severity, SEVERITIES[severity] + deviation)

"""One machine of a fleet in training: its batches, its history and its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from auscult.detectors.training.step import FleetStep
from auscult.errors import DivergedError

#: Training has diverged above this loss: the squared error of log-mels in dB stays below 1e5.
DIVERGED = 1e12


class BatchSampler:
    """The shuffled batches of one machine, epoch after epoch.

    Short batches are padded with the machine's first vector. A last batch of one vector is skipped, as in the
    baseline: batch normalisation has no variance there.
    """

    def __init__(self, starts: np.ndarray, batch_size: int, generator: torch.Generator) -> None:
        self.starts, self.generator = torch.from_numpy(starts), generator
        full, rest = divmod(len(starts), batch_size)
        self.counts = torch.tensor([batch_size] * full + [rest] * (rest > 1))  # (S,) vectors in each batch
        self.vectors = int(self.counts.sum())
        self.epoch = 0  # number of finished epochs
        self._index = self.starts[:1].repeat(len(self.counts), batch_size)  # (S, B)
        self._position = 0  # of the next batch in the epoch

    @property
    def steps_left(self) -> int:
        """Steps to the end of the epoch."""
        return len(self.counts) - self._position

    def next_batches(self, steps: int) -> tuple[Tensor, Tensor]:
        """Return the first frames of the windows of the next L steps, (L, B), and the number of real vectors
        in each step, (L,); real vectors come first in their batch."""
        if self._position == 0:
            order = torch.randperm(len(self.starts), generator=self.generator)[: self.vectors]
            self._index.view(-1)[: self.vectors] = self.starts[order]
        part = slice(self._position, self._position + steps)
        if part.stop == len(self.counts):
            self._position, self.epoch = 0, self.epoch + 1
        else:
            self._position = part.stop
        return self._index[part], self.counts[part]


@dataclass
class MachineTraining:
    """The training of one machine: its data, and what came of it.

    Attributes:
        name: in error messages.
        sampler: of its batches.
        held_out: first frames of the held-out windows.
        history: the figures of every epoch.
        batch_errors: the error of each batch of the last epoch.
        error: set if its loss diverged.
        final_weights: its part of the state of the network; empty until it has finished.
    """

    name: str
    sampler: BatchSampler
    held_out: np.ndarray
    history: list[dict[str, Any]] = field(default_factory=list)
    batch_errors: list[float] = field(default_factory=list)
    error: DivergedError | None = None
    final_weights: dict[str, Tensor] = field(default_factory=dict)

    def end_epoch(self, step: FleetStep, slot: int, validation: Sequence[tuple[float, float, int]]) -> None:
        """Record the figures of an epoch, and the error if one of its losses diverged.

        Args:
            step: from which they are taken.
            slot: index of the machine in it.
            validation: loss, error and number of vectors of each held-out batch.
        """
        figures = step.pop_means(slot, self.sampler.vectors)
        self.batch_errors = step.pop_batch_errors(slot) + [error for _, error, _ in validation]
        if validation:
            total = sum(loss * count for loss, _, count in validation)
            figures["validation"] = total / len(self.held_out)
        self.history.append({"epoch": len(self.history) + 1, **figures})
        losses = [figures[key] for key in ("loss", "validation") if key in figures]
        if not all(abs(value) <= DIVERGED for value in losses):  # also true for NaN
            latest = ", ".join(f"{key} {value:.3g}" for key, value in self.latest().items())
            self.error = DivergedError(
                f"{self.name}: training diverged in epoch {len(self.history)}: {latest}"
            )

    def latest(self) -> dict[str, float]:
        """Return the scalar figures of the last epoch."""
        return {k: v for k, v in self.history[-1].items() if isinstance(v, float)}

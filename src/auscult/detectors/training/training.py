"""The training loop of the DCASE baseline, for a fleet: one step trains every machine on its own batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from auscult.detectors.training.process import one_thread
from auscult.detectors.training.products import precision
from auscult.detectors.training.step import FleetStep, LossFunction
from auscult.errors import DivergedError, OptionError
from auscult.runtime.memory import kept_memory

#: A loss this far out never comes back: log-mels in dB keep a squared error below 1e5.
DIVERGED = 1e12


@dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast; the defaults are the baseline's."""

    epochs: int = 100
    batch_size: int = 256
    learning_rate: float = 1e-3
    device: str = "auto"  # auto, cpu, cuda, mps
    precision: str = "float32"  # of matrix products: float32, tf32 (CUDA alone), bf16


@dataclass(frozen=True)
class FleetVectors:
    """The context windows of a fleet, gathered from shared frames when a batch is made.

    Attributes:
        frames: (F, bands) float32, the frames of all recordings one after the other.
        train: for every machine the first frame of each of its training windows.
        validation: the same of the windows kept out, for logging alone; may be empty.
        context: frames in one window.
    """

    frames: np.ndarray
    train: Sequence[np.ndarray]
    validation: Sequence[np.ndarray]
    context: int


def choose_device(name: str) -> torch.device:
    """The device to train on; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        OptionError: no such device, or not here.
    """
    if name != "auto":
        try:
            return torch.empty(0, device=name).device
        except (RuntimeError, AssertionError) as error:
            raise OptionError(f"device={name!r} cannot be used here: take auto or cpu") from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@one_thread()
@kept_memory()
def train_fleet(
    build: Callable[[Sequence[torch.Generator]], nn.ModuleDict],
    loss: LossFunction,
    vectors: FleetVectors,
    seeds: Sequence[int],
    plan: TrainingPlan,
    *,
    names: Sequence[str],
    progress: Callable[[int, Mapping[str, float]], None],
) -> tuple[nn.ModuleDict, list[list[dict]], list[DivergedError | None]]:
    """Trains one network a machine, all in the same steps.

    A machine with fewer vectors has shorter epochs and is done earlier; its weights are kept from then. So is
    one whose loss leaves the finite numbers, and the rest goes on.

    Args:
        build: makes the network of the fleet from one random generator a machine.
        seeds: one a machine: it alone decides that machine's weights, shuffles and samples.
        names: what to call each machine in an error.
        progress: told the epochs done and the mean figures of the fleet.

    Returns:
        The network in evaluation mode on the CPU; for each machine its history, a dict an epoch; and for
        each machine the error of its divergence, or ``None``.
    """
    device = choose_device(plan.device)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    network = build(generators).to(device)
    samplers = generators
    if device.type == "cuda":  # what a graph holds must be drawn where it runs
        samplers = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    frames = torch.from_numpy(vectors.frames).to(device)
    windows = frames.as_strided(
        (len(frames) - vectors.context + 1, vectors.context * frames.shape[1]), (frames.shape[1], 1)
    )
    step = FleetStep(
        network,
        loss,
        windows,
        samplers,
        batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
    )
    courses = [_Course(v, plan.batch_size, g) for v, g in zip(vectors.train, generators, strict=True)]
    books = [_Book(name) for name in names]
    left = list(range(len(seeds)))  # machines that still train, in the order in which the step has them
    weights: dict[int, dict[str, Tensor]] = {}
    network.train()
    with precision(plan.precision, device):
        while left:
            _walk(step, [courses[i] for i in left])
            ending = [place for place, i in enumerate(left) if courses[i].epoch > len(books[i].epochs)]
            kept_out = [vectors.validation[i] if p in ending else () for p, i in enumerate(left)]
            validation = _validate(step, kept_out)
            for place in ending:
                i = left[place]
                books[i].write(step.read(place, courses[i].vectors), validation.get(place))
                if books[i].error or courses[i].epoch == plan.epochs:
                    weights[i] = {k: v[place].clone() for k, v in network.state_dict().items()}
                if place == 0:
                    progress(courses[i].epoch, books[i].latest())
            if done := [i for i in left if i in weights]:
                staying = [place for place, i in enumerate(left) if i not in done]
                left = [left[place] for place in staying]
                if left:
                    step.keep(staying)
    for key, tensor in network.state_dict(keep_vars=True).items():
        tensor.data = torch.stack([weights[i][key] for i in range(len(seeds))])
    return network.cpu().eval(), [book.epochs for book in books], [book.error for book in books]


class _Course:
    """One machine's way through its epochs: shuffled batches, each filled up with the machine's first vector.

    A last batch of one vector is skipped, as the baseline does: batch normalisation has no variance there.
    """

    def __init__(self, starts: np.ndarray, batch_size: int, generator: torch.Generator) -> None:
        self.starts, self.generator = torch.from_numpy(starts), generator
        full, rest = divmod(len(starts), batch_size)
        self.counts = torch.tensor([batch_size] * full + [rest] * (rest > 1))  # (S,) vectors in each batch
        self.vectors = int(self.counts.sum())
        self.epoch = 0  # epochs that are over
        self._index = self.starts[:1].repeat(len(self.counts), batch_size)  # (S, B)
        self._at = 0

    @property
    def steps_left(self) -> int:
        """Steps to the end of the epoch."""
        return len(self.counts) - self._at

    def go(self, steps: int) -> tuple[Tensor, Tensor]:
        """First frames (L, B) of the windows of the next steps, and how many of them count, (L,)."""
        if self._at == 0:
            order = torch.randperm(len(self.starts), generator=self.generator)[: self.vectors]
            self._index.view(-1)[: self.vectors] = self.starts[order]
        part = slice(self._at, self._at + steps)
        if part.stop == len(self.counts):
            self._at, self.epoch = 0, self.epoch + 1
        else:
            self._at = part.stop
        return self._index[part], self.counts[part]


def _walk(step: FleetStep, courses: Sequence[_Course]) -> None:
    """Trains until the first machine ends an epoch: so long what a step needs is made for all at once."""
    steps = min(course.steps_left for course in courses)
    step.epochs.copy_(torch.tensor([course.epoch for course in courses]))
    parts = [course.go(steps) for course in courses]
    index = torch.stack([its for its, _ in parts], 1)  # (L, M, B)
    rows = _rows(torch.stack([counts for _, counts in parts], 1), index.shape[2])  # (L, M, B, 1)
    for batch, its_rows in zip(index.to(step.windows.device), rows.to(step.windows.device), strict=True):
        step(batch, its_rows)


def _rows(counts: Tensor, length: int) -> Tensor:
    """1 for the first of so many rows and 0 for the rest: (…, length, 1) from counts (…)."""
    return (torch.arange(length) < counts[..., None])[..., None].float()


@torch.no_grad()
def _validate(step: FleetStep, kept_out: Sequence[Sequence[int] | np.ndarray]) -> dict[int, float]:
    """Loss of each machine on the vectors kept out of its training, by its place, for logging alone."""
    totals = {i: 0.0 for i, starts in enumerate(kept_out) if len(starts)}
    generators = []  # looking must not change what is drawn next
    for generator in step.generators if totals else ():
        generators.append(torch.Generator(generator.device))
        generators[-1].set_state(generator.get_state())
    step.network.eval()
    device = step.windows.device
    for cut in range(0, max(map(len, kept_out)), 4096):
        parts = [torch.as_tensor(starts[cut : cut + 4096], dtype=torch.int64) for starts in kept_out]
        counts = torch.tensor([len(part) for part in parts])
        index = pad_sequence(parts, batch_first=True).to(device)  # (M, B)
        rows = _rows(counts, index.shape[1]).to(device)
        losses, _ = step.loss(step.network, step.windows[index], rows, generators, step.epochs)
        for i in totals:
            totals[i] += float(losses[i]) * len(parts[i])
    step.network.train()
    return {i: total / len(kept_out[i]) for i, total in totals.items()}


class _Book:
    """One machine's figures, epoch by epoch, and the error if they left the finite numbers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.epochs: list[dict[str, Any]] = []
        self.error: DivergedError | None = None

    def write(self, means: Mapping[str, Any], validation: float | None) -> None:
        figures = {**means} if validation is None else {**means, "validation": validation}
        self.epochs.append({"epoch": len(self.epochs) + 1, **figures})
        judged = [figures[key] for key in ("loss", "validation") if key in figures]
        if not all(abs(value) <= DIVERGED for value in judged):  # NaN is not below it either
            where = f"{self.name}: training diverged in epoch {len(self.epochs)}"
            told = ", ".join(f"{key} {value:.3g}" for key, value in self.latest().items())
            self.error = DivergedError(f"{where}: {told}")

    def latest(self) -> dict[str, float]:
        return {k: v for k, v in self.epochs[-1].items() if isinstance(v, float)}

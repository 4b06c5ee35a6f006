"""The training loop of the DCASE baseline, for a fleet: one step trains every machine on its own batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from auscult.detectors.training.process import torch_single_thread
from auscult.detectors.training.products import precision
from auscult.detectors.training.step import Batch, FleetStep, LossFunction, batch_error
from auscult.errors import DivergedError, OptionError
from auscult.runtime.memory import retain_heap

#: Training has diverged above this loss: the squared error of log-mels in dB stays below 1e5.
DIVERGED = 1e12


@dataclass(frozen=True)
class TrainingPlan:
    """Length and step size of training; the defaults are the baseline's."""

    epochs: int = 100
    batch_size: int = 256
    learning_rate: float = 1e-3
    device: str = "auto"  # auto, cpu, cuda, mps
    precision: str = "float32"  # of matrix products: float32, bf16


@dataclass(frozen=True)
class FleetVectors:
    """The context windows of a fleet, gathered from shared frames when a batch is made.

    Attributes:
        frames: (F, bands) float32, the frames of all recordings one after the other.
        train: for every machine the first frame of each of its training windows.
        validation: the same for the held-out windows, which do not affect the network; may be empty.
        context: frames in one window.
    """

    frames: np.ndarray
    train: Sequence[np.ndarray]
    validation: Sequence[np.ndarray]
    context: int


def choose_device(name: str) -> torch.device:
    """Return the device to train on; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        OptionError: the device does not exist or is not available.
    """
    if name != "auto":
        try:
            return torch.empty(0, device=name).device
        except (RuntimeError, AssertionError) as error:
            raise OptionError(f"device={name!r} is not available: use auto or cpu") from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@torch_single_thread()
@retain_heap()
def train_fleet(
    build: Callable[[Sequence[torch.Generator]], nn.ModuleDict],
    loss: LossFunction,
    vectors: FleetVectors,
    seeds: Sequence[int],
    plan: TrainingPlan,
    *,
    names: Sequence[str],
    progress: Callable[[int, Mapping[str, float]], None],
) -> tuple[nn.ModuleDict, list[list[dict]], list[DivergedError | None], list[list[float]]]:
    """Train one network per machine, all in the same steps.

    A machine with fewer vectors has shorter epochs and finishes earlier; its final weights are stored at that
    point. A machine whose loss diverges is stopped as well, and the others continue.

    Args:
        build: creates the network of the fleet from one random generator per machine.
        loss: the loss of every machine on its batch.
        vectors: training and held-out windows of all machines.
        seeds: one per machine, for its initial weights, shuffling and sampling, independent of the others.
        plan: epochs, batch size, learning rate, device and precision.
        names: the name of each machine in error messages.
        progress: called once per epoch of the first unfinished machine, with the number of finished epochs
            and the losses of that machine.

    Returns:
        The network in evaluation mode on the CPU; for each machine its history, one dict per epoch; for each
        machine the error if it diverged, or ``None``; and for each machine the reconstruction errors of the
        batches in its last epoch, first those of training, then those of the held-out windows.
    """
    device = choose_device(plan.device)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    network = build(generators).to(device)
    loss_generators = generators
    if device.type == "cuda":  # a CUDA graph needs its random numbers generated on the device
        loss_generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    frames = torch.from_numpy(vectors.frames).to(device)
    windows = frames.as_strided(
        (len(frames) - vectors.context + 1, vectors.context * frames.shape[1]), (frames.shape[1], 1)
    )
    samplers = [
        _BatchSampler(starts, plan.batch_size, g) for starts, g in zip(vectors.train, generators, strict=True)
    ]
    step = FleetStep(
        network,
        loss,
        windows,
        loss_generators,
        batch_size=plan.batch_size,
        epoch_steps=max(len(sampler.counts) for sampler in samplers),
        learning_rate=plan.learning_rate,
    )
    histories = [_LossHistory(name) for name in names]
    active = list(range(len(seeds)))  # machines still in training; `step` holds machine active[slot] at slot
    final_weights: dict[int, dict[str, Tensor]] = {}
    batch_errors: dict[int, list[float]] = {}
    network.train()
    with precision(plan.precision):
        while active:
            _train_to_next_epoch_end(step, [samplers[i] for i in active])
            ended = [slot for slot, i in enumerate(active) if samplers[i].epoch > len(histories[i].epochs)]
            held_out = [vectors.validation[i] if slot in ended else () for slot, i in enumerate(active)]
            validations = _validate(step, held_out)
            for slot in ended:
                i = active[slot]
                sampler, history = samplers[i], histories[i]
                validation = validations.get(slot, _Validation())
                history.append(step.pop_means(slot, sampler.vectors), validation.loss)
                batch_errors[i] = step.pop_batch_errors(slot) + validation.batch_errors
                if history.error or sampler.epoch == plan.epochs:
                    final_weights[i] = {k: v[slot].clone() for k, v in network.state_dict().items()}
                if slot == 0:
                    progress(sampler.epoch, history.latest())
            remaining = [slot for slot, i in enumerate(active) if i not in final_weights]
            if len(remaining) < len(active):
                active = [active[slot] for slot in remaining]
                if active:
                    step.keep_machines(remaining)
    for key, tensor in network.state_dict(keep_vars=True).items():
        tensor.data = torch.stack([final_weights[i][key] for i in range(len(seeds))])
    errors = [batch_errors[i] for i in range(len(seeds))]
    return network.cpu().eval(), [h.epochs for h in histories], [h.error for h in histories], errors


class _BatchSampler:
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


def _train_to_next_epoch_end(step: FleetStep, samplers: Sequence[_BatchSampler]) -> None:
    """Train until the first machine reaches the end of its epoch.

    The inputs of all these steps are prepared together.
    """
    steps = min(sampler.steps_left for sampler in samplers)
    step.epochs.copy_(torch.tensor([sampler.epoch for sampler in samplers]))
    batches = [sampler.next_batches(steps) for sampler in samplers]
    index = torch.stack([starts for starts, _ in batches], 1)  # (L, M, B)
    mask = _mask(torch.stack([counts for _, counts in batches], 1), index.shape[2])  # (L, M, B, 1)
    device = step.windows.device
    for batch_index, batch_mask in zip(index.to(device), mask.to(device), strict=True):
        step(batch_index, batch_mask)


def _mask(counts: Tensor, length: int) -> Tensor:
    """Return a mask (…, length, 1) that is 1 for the first ``counts`` (…) vectors and 0 for the padding."""
    return (torch.arange(length) < counts[..., None])[..., None].float()


@dataclass
class _Validation:
    """The sum of the losses of the held-out vectors of one machine, their number, and each batch's error."""

    total: float = 0.0
    vectors: int = 0
    batch_errors: list[float] = field(default_factory=list)

    @property
    def loss(self) -> float | None:
        """The mean loss; ``None`` without vectors."""
        return self.total / self.vectors if self.vectors else None


@torch.no_grad()
def _validate(step: FleetStep, held_out: Sequence[Sequence[int] | np.ndarray]) -> dict[int, _Validation]:
    """Compute the loss of each machine on its held-out vectors, in evaluation mode; it trains nothing.

    Args:
        held_out: first frames of the held-out windows of every machine; machines without any are omitted.

    Returns:
        The result of each machine by slot.
    """
    results = {slot: _Validation() for slot, starts in enumerate(held_out) if len(starts)}
    generators = []  # copies: validation must not change the random numbers of the training
    for generator in step.generators if results else ():
        generators.append(torch.Generator(generator.device))
        generators[-1].set_state(generator.get_state())
    step.network.eval()
    device, batch_size = step.windows.device, step.index.shape[1]
    for first in range(0, max(map(len, held_out)), batch_size):
        index = torch.zeros(len(held_out), batch_size, dtype=torch.int64)  # of full length, as in training
        for row, starts in zip(index, held_out, strict=True):
            part = torch.as_tensor(starts[first : first + batch_size], dtype=torch.int64)
            row[: len(part)] = part
        counts = [len(starts[first : first + batch_size]) for starts in held_out]
        mask = _mask(torch.tensor(counts), batch_size).to(device)
        batch = Batch(step.windows[index.to(device)], mask, generators, step.epochs)
        losses, figures = step.loss(step.network, batch)
        errors = batch_error(losses, figures).tolist()
        for slot, result in results.items():
            if counts[slot]:
                result.total += float(losses[slot]) * counts[slot]
                result.vectors += counts[slot]
                result.batch_errors.append(errors[slot])
    step.network.train()
    return results


class _LossHistory:
    """The figures of one machine for every epoch, and the error if its loss diverged."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.epochs: list[dict[str, Any]] = []
        self.error: DivergedError | None = None

    def append(self, means: Mapping[str, Any], validation: float | None) -> None:
        """Add the means of one epoch and its validation loss, and set ``error`` if one of them diverged."""
        figures = {**means} if validation is None else {**means, "validation": validation}
        self.epochs.append({"epoch": len(self.epochs) + 1, **figures})
        losses = [figures[key] for key in ("loss", "validation") if key in figures]
        if not all(abs(value) <= DIVERGED for value in losses):  # also true for NaN
            where = f"{self.name}: training diverged in epoch {len(self.epochs)}"
            latest = ", ".join(f"{key} {value:.3g}" for key, value in self.latest().items())
            self.error = DivergedError(f"{where}: {latest}")

    def latest(self) -> dict[str, float]:
        """Return the scalar figures of the last epoch."""
        return {k: v for k, v in self.epochs[-1].items() if isinstance(v, float)}

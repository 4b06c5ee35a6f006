"""The training loop of the DCASE baseline, for a fleet: one step trains every machine on its own batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from auscult.detectors.training.machine import BatchSampler, MachineTraining
from auscult.detectors.training.process import torch_single_thread
from auscult.detectors.training.products import precision
from auscult.detectors.training.step import Batch, FleetStep, LossFunction, batch_error
from auscult.errors import OptionError
from auscult.runtime.memory import retain_heap


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
) -> tuple[nn.ModuleDict, list[MachineTraining]]:
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
        The network in evaluation mode on the CPU, and the history and results of each machine.
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
    machines = [
        MachineTraining(name, BatchSampler(starts, plan.batch_size, generator), held_out)
        for name, starts, generator, held_out in zip(
            names, vectors.train, generators, vectors.validation, strict=True
        )
    ]
    step = FleetStep(
        network,
        loss,
        windows,
        loss_generators,
        batch_size=plan.batch_size,
        epoch_steps=max(len(machine.sampler.counts) for machine in machines),
        learning_rate=plan.learning_rate,
    )
    active = machines  # those still in training, in the order in which `step` holds them
    network.train()
    with precision(plan.precision):
        while active:
            _train_to_next_epoch_end(step, [machine.sampler for machine in active])
            ended = [machine.sampler.epoch > len(machine.history) for machine in active]
            held_out = [machine.held_out if end else () for machine, end in zip(active, ended, strict=True)]
            validation = _validate(step, held_out)
            for slot in (slot for slot, end in enumerate(ended) if end):
                machine = active[slot]
                machine.end_epoch(step, slot, validation[slot])
                if machine.error or machine.sampler.epoch == plan.epochs:
                    machine.final_weights = {k: v[slot].clone() for k, v in network.state_dict().items()}
                if slot == 0:
                    progress(machine.sampler.epoch, machine.latest())
            remaining = [slot for slot, machine in enumerate(active) if not machine.final_weights]
            if len(remaining) < len(active):
                active = [active[slot] for slot in remaining]
                if active:
                    step.keep_machines(remaining)
    for key, tensor in network.state_dict(keep_vars=True).items():
        tensor.data = torch.stack([machine.final_weights[key] for machine in machines])
    return network.cpu().eval(), machines


def _train_to_next_epoch_end(step: FleetStep, samplers: Sequence[BatchSampler]) -> None:
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


@torch.no_grad()
def _validate(
    step: FleetStep, held_out: Sequence[Sequence[int] | np.ndarray]
) -> list[list[tuple[float, float, int]]]:
    """Compute the losses of the machines on held-out vectors, in evaluation mode; it trains nothing.

    Args:
        step: of the machines.
        held_out: first frames of the held-out windows of every machine; may be empty.

    Returns:
        For every machine the loss, the error and the number of vectors of each batch.
    """
    batches: list[list[tuple[float, float, int]]] = [[] for _ in held_out]
    longest, batch_size, device = max(map(len, held_out)), step.index.shape[1], step.windows.device
    generators = []  # copies: validation must not change the random numbers of the training
    for generator in step.generators if longest else ():
        generators.append(torch.Generator(generator.device))
        generators[-1].set_state(generator.get_state())
    step.network.eval()
    for first in range(0, longest, batch_size):
        index = torch.zeros(len(held_out), batch_size, dtype=torch.int64)  # of full length, as in training
        for row, starts in zip(index, held_out, strict=True):
            part = torch.as_tensor(starts[first : first + batch_size], dtype=torch.int64)
            row[: len(part)] = part
        counts = [len(starts[first : first + batch_size]) for starts in held_out]
        mask = _mask(torch.tensor(counts), batch_size).to(device)
        batch = Batch(step.windows[index.to(device)], mask, generators, step.epochs)
        losses, figures = step.loss(step.network, batch)
        errors = batch_error(losses, figures).tolist()
        for of_machine, *values in zip(batches, losses.tolist(), errors, counts, strict=True):
            loss, error, count = values
            if count:
                of_machine.append((loss, error, count))
    step.network.train()
    return batches

"""The training loop of the DCASE baseline, for a fleet: one step trains every machine on its own batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from auscult.errors import DivergedError, OptionError

#: A loss this far out never comes back: log-mels in dB keep a squared error below 1e5.
DIVERGED = 1e12

#: What a detector's loss gives back: the loss of every machine (M,), and figures to log, each (M,) or (M, K).
Loss = tuple[Tensor, dict[str, Tensor]]


class LossFunction(Protocol):
    """A detector's loss on one batch of the fleet; ``epochs`` (M,) counts each machine's from 0."""

    def __call__(
        self,
        network: nn.ModuleDict,
        x: Tensor,
        rows: Tensor,
        generators: Sequence[torch.Generator],
        epochs: Tensor,
    ) -> Loss: ...


@dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast; the defaults are the baseline's."""

    epochs: int = 100
    batch_size: int = 256
    learning_rate: float = 1e-3
    device: str = "auto"  # auto, cpu, cuda, mps


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


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread. These matrices are so small that a second thread gains little on an idle
    machine, and on a busy one the two wait for each other, spinning, and training takes several times
    as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
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
    optimiser = torch.optim.Adam(
        network.parameters(), lr=plan.learning_rate, fused=device.type in ("cpu", "cuda")
    )
    frames = torch.from_numpy(vectors.frames).to(device)
    windows = frames.as_strided(
        (len(frames) - vectors.context + 1, vectors.context * frames.shape[1]), (frames.shape[1], 1)
    )
    batches = [_batches(v, plan, g) for v, g in zip(vectors.train, generators, strict=True)]
    books = [_Book(name) for name in names]
    done: dict[int, dict[str, Tensor]] = {}
    network.train()
    while len(done) < len(seeds):
        current = [next(b) if i not in done else None for i, b in enumerate(batches)]
        index, rows = _pad([None if c is None else c.index for c in current])
        epochs = torch.tensor([0 if c is None else c.epoch for c in current], device=device)
        optimiser.zero_grad(set_to_none=True)
        losses, figures = loss(network, windows[index.to(device)], rows.to(device), generators, epochs)
        losses.sum().backward()
        optimiser.step()
        for i, batch in enumerate(current):
            if batch is None:
                continue
            books[i].add({"loss": losses[i], **{k: v[i] for k, v in figures.items()}}, len(batch.index))
        ending = {i: c.epoch for i, c in enumerate(current) if c is not None and c.ends_epoch}
        if not ending:
            continue
        kept_out = [v if i in ending else v[:0] for i, v in enumerate(vectors.validation)]
        validation = _validate(network, loss, windows, kept_out, generators, epochs)
        network.train()
        for i, its_epoch in ending.items():
            books[i].close({"validation": validation[i]} if i in validation else {})
            if its_epoch + 1 == plan.epochs or books[i].error:
                done[i] = {k: v[i].clone() for k, v in network.state_dict().items()}
            if i == 0:
                progress(its_epoch + 1, books[0].latest())
    network.load_state_dict({k: torch.stack([done[i][k] for i in range(len(seeds))]) for k in done[0]})
    return network.cpu().eval(), [book.epochs for book in books], [book.error for book in books]


@dataclass(frozen=True)
class _Batch:
    index: Tensor  # (B,) first frames of the windows
    epoch: int
    ends_epoch: bool


def _batches(vectors: np.ndarray, plan: TrainingPlan, generator: torch.Generator) -> Iterator[_Batch]:
    """Shuffled batches, epoch after epoch. A last batch of one vector is skipped, as the baseline does:
    batch normalisation has no variance there."""
    starts = torch.from_numpy(vectors)
    cuts = list(range(0, len(starts), plan.batch_size))
    if len(starts) - cuts[-1] == 1:
        cuts.pop()
    for epoch in range(plan.epochs):
        order = starts[torch.randperm(len(starts), generator=generator)]
        for cut in cuts:
            yield _Batch(order[cut : cut + plan.batch_size], epoch, cut == cuts[-1])


def _pad(indices: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
    """Batches of unequal length as one (M, B) index, and (M, B, 1) marks of the rows that count."""
    length = max(len(i) for i in indices if i is not None)
    index = torch.zeros(len(indices), length, dtype=torch.int64)
    rows = torch.zeros(len(indices), length, 1)
    for machine, batch in enumerate(indices):
        if batch is not None:
            index[machine, : len(batch)] = batch
            rows[machine, : len(batch)] = 1.0
    return index, rows


@torch.no_grad()
def _validate(
    network: nn.ModuleDict,
    loss: LossFunction,
    windows: Tensor,
    kept_out: Sequence[np.ndarray],
    generators: Sequence[torch.Generator],
    epochs: Tensor,
) -> dict[int, float]:
    """Loss of each machine on the vectors kept out of its training, for logging alone."""
    totals = {i: 0.0 for i, starts in enumerate(kept_out) if len(starts)}
    network.eval()
    states = [g.get_state() for g in generators]  # looking must not change what is drawn next
    for cut in range(0, max(map(len, kept_out), default=0), 4096):
        parts = [torch.from_numpy(starts[cut : cut + 4096]) for starts in kept_out]
        index, rows = _pad(parts)
        losses, _ = loss(
            network, windows[index.to(windows.device)], rows.to(windows.device), generators, epochs
        )
        for i in totals:
            totals[i] += float(losses[i]) * len(parts[i])
    for generator, state in zip(generators, states, strict=True):
        generator.set_state(state)
    return {i: total / len(kept_out[i]) for i, total in totals.items()}


class _Book:
    """One machine's figures, averaged over each epoch."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.epochs: list[dict] = []
        self.error: DivergedError | None = None
        self._steps: dict[str, list[Tensor]] = {}  # on the device, so that no step waits for it
        self._counts: list[int] = []

    def add(self, figures: Mapping[str, Tensor], count: int) -> None:
        for key, value in figures.items():
            self._steps.setdefault(key, []).append(value.detach())
        self._counts.append(count)

    def close(self, validation: Mapping[str, float]) -> None:
        share = torch.tensor(self._counts, dtype=torch.float64) / sum(self._counts)  # (S,)
        means: dict[str, Any] = {}
        for key, steps in self._steps.items():  # on the CPU: MPS has no float64
            means[key] = torch.tensordot(share, torch.stack(steps).cpu().double(), dims=1).tolist()
        self.epochs.append({"epoch": len(self.epochs) + 1, **means, **validation})
        self._steps, self._counts = {}, []
        judged = [self.epochs[-1][key] for key in ("loss", "validation") if key in self.epochs[-1]]
        if not all(abs(value) <= DIVERGED for value in judged):  # NaN is not below it either
            figures = ", ".join(f"{k} {v:.3g}" for k, v in self.latest().items())
            where = f"{self.name}: training diverged in epoch {len(self.epochs)}"
            self.error = DivergedError(f"{where}: {figures}")

    def latest(self) -> dict[str, float]:
        return {k: v for k, v in self.epochs[-1].items() if isinstance(v, float)}

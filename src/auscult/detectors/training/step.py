"""One training step of a fleet, on tensors whose memory does not move.

On CUDA the step is captured as a graph, since its three hundred small kernels take longer to launch than to
run; on other devices the same function is called. The requirements of a graph hold everywhere: batches always
have full length, no step reads a number back from the device, and results are accumulated on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from auscult.detectors.training.adam import Adam

#: The loss of every machine (M,), and figures to log, each (M,) or (M, K).
Loss = tuple[Tensor, dict[str, Tensor]]
#: Steps before a graph is captured: libraries initialise themselves in the first ones.
_WARM_UP = 3


@dataclass(frozen=True)
class Batch:
    """One batch of windows of every machine, and what else its loss may depend on.

    Attributes:
        x: (M, B, width), the windows.
        mask: (M, B, 1), 1 for real vectors, which come first, and 0 for padding.
        generators: random generators, one per machine.
        epochs: (M,) index of the current epoch of each machine, from 0.
    """

    x: Tensor
    mask: Tensor
    generators: Sequence[torch.Generator]
    epochs: Tensor


LossFunction = Callable[[nn.ModuleDict, Batch], Loss]


class FleetStep:
    """Adam steps on the networks of M machines, one batch of each at a time.

    Args:
        network: on its device; every parameter and buffer has a leading machine axis.
        loss: computes the losses of a batch.
        windows: (N, width), from which batches are gathered.
        generators: one per machine, for the random numbers of its loss.
        batch_size: vectors of one machine in a batch.
        epoch_steps: largest number of steps in the epoch of a machine.
        learning_rate: of Adam.
    """

    def __init__(
        self,
        network: nn.ModuleDict,
        loss: LossFunction,
        windows: Tensor,
        generators: Sequence[torch.Generator],
        *,
        batch_size: int,
        epoch_steps: int,
        learning_rate: float,
    ) -> None:
        self.network, self.loss, self.windows = network, loss, windows
        self.generators = list(generators)
        device, machines = windows.device, len(self.generators)
        self.index = torch.zeros(machines, batch_size, dtype=torch.int64, device=device)
        self.mask = torch.ones(machines, batch_size, 1, device=device)
        self.epochs = torch.zeros(machines, dtype=torch.int64, device=device)
        self.sums: dict[str, Tensor] = {}  # loss and figures, summed over vectors since `pop_means`; (M, …)
        self.batch_errors = torch.zeros(machines, epoch_steps, dtype=windows.dtype, device=device)
        self.steps = torch.zeros(machines, 1, dtype=torch.int64, device=device)  # since `pop_batch_errors`
        self.optimiser = Adam(network, learning_rate)
        self._reset_graph()

    def __call__(self, index: Tensor, mask: Tensor) -> None:
        """Train on one batch.

        Args:
            index: (M, B) first frames of the windows.
            mask: (M, B, 1), 1 for real vectors and 0 for padding.
        """
        self.index.copy_(index, non_blocking=True)
        self.mask.copy_(mask, non_blocking=True)
        if self.graph is not None:
            self.graph.replay()
        elif self.index.is_cuda:
            self._warm_up_or_capture()
        else:
            self.step()

    def step(self) -> None:
        """Compute the losses and gradients and update the weights, without waiting for the device."""
        self.optimiser.zero_gradients()
        x = self.windows.index_select(0, self.index.flatten()).unflatten(0, self.index.shape)  # (M, B, width)
        losses, figures = self.loss(self.network, Batch(x, self.mask, self.generators, self.epochs))
        losses.sum().backward()
        self.optimiser.step()
        self.batch_errors.scatter_(1, self.steps, batch_error(losses, figures).detach()[:, None])
        self.steps.add_(1)
        counts = self.mask.sum(1)  # (M, 1)
        for name, value in {"loss": losses, **figures}.items():
            if name not in self.sums:
                self.sums[name] = torch.zeros_like(value)
            weighted = value.detach() * (counts if value.dim() > 1 else counts[:, 0])
            self.sums[name].add_(weighted)

    def pop_means(self, slot: int, vectors: int) -> dict[str, Any]:
        """Return the mean loss and figures of one machine, and reset its sums.

        Args:
            slot: index of the machine in this step.
            vectors: number of vectors that the sums cover.
        """
        means = {name: (sums[slot].cpu().double() / vectors).tolist() for name, sums in self.sums.items()}
        for sums in self.sums.values():
            sums[slot] = 0.0
        return means

    def pop_batch_errors(self, slot: int) -> list[float]:
        """Return the error of each batch of one machine since the last call; called once per epoch.

        Args:
            slot: index of the machine in this step.
        """
        errors = self.batch_errors[slot, : int(self.steps[slot])].tolist()
        self.steps[slot] = 0
        return errors

    def keep_machines(self, slots: Sequence[int]) -> None:
        """Continue with some of the machines only; finished ones would cost as much as before.

        Args:
            slots: indices of the machines to keep.
        """
        kept = torch.tensor(slots, device=self.index.device)
        self.optimiser.keep_machines(kept)
        for buffer in self.network.buffers():
            buffer.data = buffer.data[kept]
        self.generators = [self.generators[i] for i in slots]
        self.index, self.mask, self.epochs = self.index[kept], self.mask[kept], self.epochs[kept]
        self.sums = {name: sums[kept] for name, sums in self.sums.items()}
        self.batch_errors, self.steps = self.batch_errors[kept], self.steps[kept]
        self._reset_graph()

    def _reset_graph(self) -> None:
        self.graph: torch.cuda.CUDAGraph | None = None
        self._warm_up_steps = 0

    def _warm_up_or_capture(self) -> None:
        """Run a step on a side stream; after the last warm-up step, capture the graph as well."""
        with torch.cuda.device(self.index.device):  # a graph captures only work on the current device
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                self.step()
            torch.cuda.current_stream().wait_stream(stream)
            self._warm_up_steps += 1
            if self._warm_up_steps == _WARM_UP:
                graph = torch.cuda.CUDAGraph()
                for generator in self.generators:
                    graph.register_generator_state(generator)
                with torch.cuda.graph(graph, stream=stream):
                    self.step()
                self.graph = graph


def batch_error(losses: Tensor, figures: Mapping[str, Tensor]) -> Tensor:
    """Return the reconstruction error of a batch, (M,): one of the figures, or else the loss itself."""
    return figures.get("reconstruction", losses)

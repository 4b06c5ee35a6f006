"""One step of a fleet's training, over tensors that stay where they are.

On CUDA the step is captured as a graph, since its three hundred small kernels take longer to start than to
run; elsewhere the same function is called. What a graph needs holds everywhere: batches are always of full
length, no step asks the device for a number, and whatever a step leaves is added up on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

#: What a detector's loss gives back: the loss of every machine (M,), and figures to log, each (M,) or (M, K).
Loss = tuple[Tensor, dict[str, Tensor]]
#: Steps before a graph is captured: libraries set themselves up in the first.
_WARM_UP = 3


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


class FleetStep:
    """Trains the network of M machines by Adam, a batch of each at a time.

    Args:
        network: on its device; every parameter and buffer has a leading machine axis.
        windows: (N, width), from which batches are gathered.
        generators: one a machine, for what its loss draws.
    """

    def __init__(
        self,
        network: nn.ModuleDict,
        loss: LossFunction,
        windows: Tensor,
        generators: Sequence[torch.Generator],
        *,
        batch_size: int,
        learning_rate: float,
    ) -> None:
        self.network, self.loss, self.windows = network, loss, windows
        self.generators, self.learning_rate = list(generators), learning_rate
        device, machines = windows.device, len(self.generators)
        self.index = torch.zeros(machines, batch_size, dtype=torch.int64, device=device)
        self.rows = torch.ones(machines, batch_size, 1, device=device)
        self.epochs = torch.zeros(machines, dtype=torch.int64, device=device)
        self.sums: dict[str, Tensor] = {}  # of loss and figures over the vectors since `read`, each (M, …)
        self.weights = _flat(network)
        self.optimiser = self._adam()
        self._forget_graph()

    def __call__(self, index: Tensor, rows: Tensor) -> None:
        """One step on the windows that start at ``index`` (M, B), of which ``rows`` (M, B, 1) count."""
        self.index.copy_(index, non_blocking=True)
        self.rows.copy_(rows, non_blocking=True)
        if self.graph is not None:
            self.graph.replay()
        elif self.index.is_cuda:
            self._towards_a_graph()
        else:
            self.step()

    def step(self) -> None:
        """What is done in one step: nothing here waits for the device."""
        self.weights.grad.zero_()  # type: ignore[union-attr]
        x = self.windows.index_select(0, self.index.flatten()).unflatten(0, self.index.shape)  # (M, B, width)
        losses, figures = self.loss(self.network, x, self.rows, self.generators, self.epochs)
        losses.sum().backward()
        self.optimiser.step()
        counts = self.rows.sum(1)  # (M, 1)
        for name, value in {"loss": losses, **figures}.items():
            if name not in self.sums:
                self.sums[name] = torch.zeros_like(value)
            weighted = value.detach() * (counts if value.dim() > 1 else counts[:, 0])
            self.sums[name].add_(weighted)

    def read(self, machine: int, vectors: int) -> dict[str, Any]:
        """Mean loss and figures of one machine over so many vectors, and starts its sums anew."""
        means = {name: (sums[machine].cpu().double() / vectors).tolist() for name, sums in self.sums.items()}
        for sums in self.sums.values():
            sums[machine] = 0.0
        return means

    def keep(self, machines: Sequence[int]) -> None:
        """Goes on with some machines alone; those that are done would cost as much as before."""
        places = torch.tensor(machines, device=self.index.device)
        shapes = [parameter.shape for parameter in self.network.parameters()]
        state = {
            name: torch.cat([part[places].flatten() for part in _parts(value, shapes)])
            if value.shape == self.weights.shape
            else value
            for name, value in self.optimiser.state[self.weights].items()
        }
        for tensor in self.network.state_dict(keep_vars=True).values():
            tensor.data = tensor.data[places]
        self.generators = [self.generators[i] for i in machines]
        self.index, self.rows, self.epochs = self.index[places], self.rows[places], self.epochs[places]
        self.sums = {name: sums[places] for name, sums in self.sums.items()}
        self.weights = _flat(self.network)
        self.optimiser = self._adam()
        self.optimiser.state[self.weights] = state
        self._forget_graph()

    def _adam(self) -> torch.optim.Adam:
        kind = self.index.device.type
        return torch.optim.Adam(
            [self.weights], lr=self.learning_rate, fused=kind in ("cpu", "cuda"), capturable=kind == "cuda"
        )

    def _forget_graph(self) -> None:
        self.graph: torch.cuda.CUDAGraph | None = None
        self._warm = 0

    def _towards_a_graph(self) -> None:
        """A first step as it is, on the side; then it is captured. This was not run on CUDA yet."""
        with torch.cuda.device(self.index.device):  # of another than the current one nothing is captured
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                self.step()
            torch.cuda.current_stream().wait_stream(aside)
            self._warm += 1
            if self._warm == _WARM_UP:
                graph = torch.cuda.CUDAGraph()
                for generator in self.generators:
                    graph.register_generator_state(generator)
                with torch.cuda.graph(graph, stream=aside):
                    self.step()
                self.graph = graph


def _flat(network: nn.ModuleDict) -> nn.Parameter:
    """All weights as one tensor with a gradient; the network's parameters become views of it. The optimiser
    has one tensor to go over, and clearing the gradients is one call."""
    parameters = list(network.parameters())
    flat = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
    flat.grad = torch.zeros_like(flat)
    shapes = [parameter.shape for parameter in parameters]
    for parameter, data, grad in zip(
        parameters, _parts(flat.data, shapes), _parts(flat.grad, shapes), strict=True
    ):
        parameter.data, parameter.grad = data, grad
    return flat


def _parts(flat: Tensor, shapes: Sequence[torch.Size]) -> list[Tensor]:
    """Views of a flat tensor, one behind the other."""
    return [
        part.view(shape) for part, shape in zip(flat.split([s.numel() for s in shapes]), shapes, strict=True)
    ]

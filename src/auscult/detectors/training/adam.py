"""Adam on all weights of a module as one tensor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_BETAS, _EPS = (0.9, 0.999), 1e-8


class Adam:
    """Adam (Kingma & Ba, ICLR 2015) on the parameters of a module, or AdamW (Loshchilov & Hutter, ICLR 2019).

    Weights and gradients are one flat tensor each, and the parameters of the module are views of them, so one
    call clears the gradients and one updates all weights.

    It calls the operator of ``torch.optim.Adam(fused=True)``, without reading a number from the device.
    `torch.optim` itself imports the compiler of PyTorch, which takes more than a second. An update made of
    single operations takes at least twice as long as this one, since it passes over all weights seven times.

    Args:
        module: on its device; all its parameters have the same type.
        learning_rate: size of a step.
        decay: share of the weights that is subtracted in a step, times the learning rate, as in AdamW.
    """

    def __init__(self, module: nn.Module, learning_rate: float, *, decay: float = 0.0) -> None:
        self.module, self.learning_rate, self.decay = module, learning_rate, decay
        self.weights, self.gradients = _flat(module)
        self.mean = torch.zeros_like(self.weights)  # running mean of the gradients
        self.square = torch.zeros_like(self.weights)  # and of their squares
        self.steps = torch.zeros((), device=self.weights.device)

    def zero_gradients(self) -> None:
        """Set all gradients to 0."""
        self.gradients.zero_()

    def step(self) -> None:
        """Update the weights by their gradients."""
        self.steps.add_(1)
        torch._fused_adamw_(
            [self.weights],
            [self.gradients],
            [self.mean],
            [self.square],
            [],
            [self.steps],
            lr=self.learning_rate,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            weight_decay=self.decay,
            eps=_EPS,
            amsgrad=False,
            maximize=False,
        )

    def keep_machines(self, kept: Tensor) -> None:
        """Continue with some machines of a fleet; parameters have a leading machine axis.

        Args:
            kept: indices of the machines to keep.
        """
        shapes = [parameter.shape for parameter in self.module.parameters()]
        self.mean, self.square = (
            torch.cat([part[kept].flatten() for part in _parts(moment, shapes)])
            for moment in (self.mean, self.square)
        )
        for parameter in self.module.parameters():
            parameter.data = parameter.data[kept]
        self.weights, self.gradients = _flat(self.module)


def _flat(module: nn.Module) -> tuple[Tensor, Tensor]:
    """Return all weights and their gradients, 0 at first, as flat tensors; the parameters become views."""
    parameters = list(module.parameters())
    weights = torch.cat([parameter.detach().flatten() for parameter in parameters])
    gradients = torch.zeros_like(weights)
    shapes = [parameter.shape for parameter in parameters]
    for parameter, data, grad in zip(
        parameters, _parts(weights, shapes), _parts(gradients, shapes), strict=True
    ):
        parameter.data, parameter.grad = data, grad
    return weights, gradients


def _parts(flat: Tensor, shapes: Sequence[torch.Size]) -> list[Tensor]:
    """Return consecutive views of a flat tensor in the given shapes."""
    return [
        part.view(shape) for part, shape in zip(flat.split([s.numel() for s in shapes]), shapes, strict=True)
    ]

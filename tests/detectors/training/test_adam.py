"""Adam on one flat tensor compared with PyTorch's optimisers on separate parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from auscult.detectors.training.adam import Adam


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3, bias=False), nn.BatchNorm1d(3))


def loss(module: nn.Module, step: int) -> torch.Tensor:
    x = torch.randn(16, 5, generator=torch.Generator().manual_seed(step))
    return (module(x) - x[:, :3].square()).square().mean()


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_fifty_steps_equal_those_of_pytorch(decay):
    ours, theirs = network(), network()
    optimiser = Adam(ours, 1e-2, decay=decay)
    kind = torch.optim.AdamW if decay else torch.optim.Adam
    reference = kind(theirs.parameters(), lr=1e-2, weight_decay=decay)
    for step in range(50):
        optimiser.zero_gradients()
        loss(ours, step).backward()
        optimiser.step()
        reference.zero_grad()
        loss(theirs, step).backward()
        reference.step()
    for parameter, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter, expected, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(ours[0].weight, network()[0].weight, atol=0.1)


def test_parameters_are_views_of_the_flat_tensor():
    module = network()
    optimiser = Adam(module, 1e-2)
    loss(module, 0).backward()
    flat = torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
    gradients = torch.cat([parameter.grad.flatten() for parameter in module.parameters()])
    assert torch.equal(optimiser.weights, flat)
    assert torch.equal(optimiser.gradients, gradients)
    assert bool(gradients.any())
    optimiser.zero_gradients()
    assert not any(bool(parameter.grad.any()) for parameter in module.parameters())


def test_the_remaining_machines_keep_their_moments():
    """Removing a machine does not change the steps of the others."""

    class Fleet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            generator = torch.Generator().manual_seed(3)
            self.a = nn.Parameter(torch.randn(3, 2, 4, generator=generator))  # three machines
            self.b = nn.Parameter(torch.randn(3, 1, 5, generator=generator))

    def train(module: Fleet, optimiser: Adam, machines: list[int]) -> None:
        scale = torch.tensor([1.0, 2.0, 3.0])[machines, None, None]
        optimiser.zero_gradients()
        ((scale * module.a).square().sum() + (scale * module.b).sin().sum()).backward()
        optimiser.step()

    full, reduced = Fleet(), Fleet()
    of_full, of_reduced = Adam(full, 1e-2), Adam(reduced, 1e-2)
    for _ in range(5):
        train(full, of_full, [0, 1, 2])
        train(reduced, of_reduced, [0, 1, 2])
    of_reduced.keep_machines(torch.tensor([0, 2]))
    for _ in range(5):
        train(full, of_full, [0, 1, 2])
        train(reduced, of_reduced, [0, 2])
    assert torch.equal(reduced.a, full.a[[0, 2]])
    assert torch.equal(reduced.b, full.b[[0, 2]])
    assert float(of_reduced.steps) == 10

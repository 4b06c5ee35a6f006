"""One step of a fleet: that it could be captured as a graph, and that machines can leave it.

There may be no GPU here; what a graph needs of a step is checked on the CPU.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from auscult.detectors import detector_type
from auscult.detectors.options import make_config
from auscult.detectors.training.step import FleetStep

BANDS, CONTEXT, BATCH = 6, 3, 16
SMALL = {"n_mels": BANDS, "context": CONTEXT, "hidden": 12, "latents": 4}
KINDS = [
    ("autoencoder", {}),
    ("gamma_vae", {"sampler": "implicit"}),
    ("gamma_vae", {"sampler": "weibull"}),
    ("gamma_observation", {"latent": "gaussian"}),
    ("gamma_observation", {"latent": "gamma"}),
]


def fleet_step(name: str, machines: int, **settings) -> FleetStep:
    made = {k: v for k, v in {**SMALL, **settings}.items() if name != "autoencoder" or k != "latents"}
    kind = detector_type(name)(make_config(name, settings=made))
    generators = [torch.Generator().manual_seed(seed) for seed in range(machines)]
    frames = 10 * torch.randn(200, BANDS, generator=torch.Generator().manual_seed(99))
    windows = frames.as_strided((200 - CONTEXT + 1, CONTEXT * BANDS), (BANDS, 1))
    network = kind.build(generators).train()
    return FleetStep(network, kind.loss, windows, generators, batch_size=BATCH, learning_rate=1e-3)


def batches(machines: int, steps: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Each machine has its own vectors, and another number of them in the last batch."""
    rows = [torch.ones(machines, BATCH, 1) for _ in range(steps)]
    for machine in range(machines):
        rows[-1][machine, 5 + 3 * machine :] = 0.0
    drawn = torch.Generator().manual_seed(5)
    index = torch.randint(0, 198, (steps, machines, BATCH), generator=drawn)
    return list(zip(index, rows, strict=True))


class _NoWaiting(TorchDispatchMode):
    """Fails where a number is asked of the device, or a shape depends on one: a graph can do neither."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name
        assert name not in {
            "aten::_local_scalar_dense",
            "aten::nonzero",
            "aten::equal",
            "aten::masked_select",
        }
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(("name", "settings"), KINDS, ids=str)
def test_a_step_waits_for_nothing_and_leaves_its_tensors_where_they_are(name, settings):
    step = fleet_step(name, 2, **settings)
    (first, second, third) = batches(2, 3)
    step(*first)
    held = [step.index, step.rows, step.epochs, step.weights, step.weights.grad, *step.sums.values()]
    held += [*step.network.parameters(), *(p.grad for p in step.network.parameters())]
    held += [*step.network.buffers(), *step.optimiser.state[step.weights].values()]
    before, weights = [tensor.data_ptr() for tensor in held], step.weights.detach().clone()
    with _NoWaiting():
        step(*second)
        step(*third)
    assert [tensor.data_ptr() for tensor in held] == before
    assert not torch.equal(step.weights, weights)


def test_where_there_is_a_graph_it_is_replayed_on_the_new_batch():
    eager, replayed = fleet_step("gamma_vae", 2), fleet_step("gamma_vae", 2)
    times = []
    for i, batch in enumerate(batches(2, 5)):
        eager(*batch)
        replayed(*batch)
        if i == 1:  # a stand-in for what CUDA captures: the same work on the same tensors
            replayed.graph = SimpleNamespace(replay=lambda: (times.append(1), replayed.step()))
    assert len(times) == 3
    assert torch.equal(eager.weights, replayed.weights)
    assert eager.read(1, 72) == replayed.read(1, 72)


def test_figures_are_summed_until_they_are_read():
    step = fleet_step("autoencoder", 2)
    given = batches(2, 3)
    for batch in given:
        step(*batch)
    whole, halves = step.read(0, 1)["loss"], 2 * step.read(1, 2)["loss"]
    assert whole > 0
    assert halves > 0
    assert step.read(0, 1)["loss"] == 0.0, "and start anew"


@pytest.mark.parametrize(("name", "settings"), KINDS, ids=str)
def test_machines_that_stay_go_on_as_if_the_others_were_there(name, settings):
    """Weights, moments of Adam, statistics, sums and random numbers."""
    whole, left = fleet_step(name, 3, **settings), fleet_step(name, 3, **settings)
    given = batches(3, 6)
    for batch in given[:3]:
        whole(*batch)
        left(*batch)
    left.keep([0, 2])
    for index, rows in given[3:]:
        whole(index, rows)
        left(index[[0, 2]], rows[[0, 2]])
    assert whole.weights.numel() * 2 == left.weights.numel() * 3
    states = (step.network.state_dict() for step in (whole, left))
    for (key, expected), ours in zip(next(states).items(), next(states).values(), strict=True):
        torch.testing.assert_close(ours, expected[[0, 2]], rtol=1e-4, atol=1e-5, msg=key)
    assert left.read(1, 60)["loss"] == pytest.approx(whole.read(2, 60)["loss"], rel=1e-5)

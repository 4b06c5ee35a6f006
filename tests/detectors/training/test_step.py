"""Training steps of a fleet: they can be captured as a CUDA graph, and machines can be removed.

Tests run without a GPU: the requirements that a graph has for a step are checked on the CPU.
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
    options = {k: v for k, v in {**SMALL, **settings}.items() if name != "autoencoder" or k != "latents"}
    detector = detector_type(name)(make_config(name, settings=options))
    generators = [torch.Generator().manual_seed(seed) for seed in range(machines)]
    frames = 10 * torch.randn(200, BANDS, generator=torch.Generator().manual_seed(99))
    windows = frames.as_strided((200 - CONTEXT + 1, CONTEXT * BANDS), (BANDS, 1))
    network = detector.network.build(generators).train()
    sizes = {"batch_size": BATCH, "epoch_steps": 6}
    return FleetStep(network, detector.network.loss, windows, generators, **sizes, learning_rate=1e-3)


def batches(machines: int, steps: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Batches with different vectors for each machine, and a different number of them in the last batch."""
    masks = [torch.ones(machines, BATCH, 1) for _ in range(steps)]
    for machine in range(machines):
        masks[-1][machine, 5 + 3 * machine :] = 0.0
    generator = torch.Generator().manual_seed(5)
    index = torch.randint(0, 198, (steps, machines, BATCH), generator=generator)
    return list(zip(index, masks, strict=True))


class _NoSynchronisation(TorchDispatchMode):
    """Fails if a number is read back from the device or a shape depends on one: a graph allows neither."""

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
def test_a_step_does_not_synchronise_or_move_tensors(name, settings):
    step = fleet_step(name, 2, **settings)
    (first, second, third) = batches(2, 3)
    step(*first)
    tensors = [step.index, step.mask, step.epochs, *step.sums.values(), step.batch_errors, step.steps]
    optimiser = step.optimiser
    tensors += [optimiser.weights, optimiser.gradients, optimiser.mean, optimiser.square, optimiser.steps]
    tensors += [*step.network.parameters(), *(p.grad for p in step.network.parameters())]
    tensors += [*step.network.buffers()]
    before, weights = [tensor.data_ptr() for tensor in tensors], optimiser.weights.detach().clone()
    with _NoSynchronisation():
        step(*second)
        step(*third)
    assert [tensor.data_ptr() for tensor in tensors] == before
    assert not torch.equal(optimiser.weights, weights)


def test_a_captured_graph_is_replayed_on_the_new_batch():
    eager, replayed = fleet_step("gamma_vae", 2), fleet_step("gamma_vae", 2)
    replays = []
    for i, batch in enumerate(batches(2, 5)):
        eager(*batch)
        replayed(*batch)
        if i == 1:  # a substitute for a CUDA graph: the same work on the same tensors
            replayed.graph = SimpleNamespace(replay=lambda: (replays.append(1), replayed.step()))
    assert len(replays) == 3
    assert torch.equal(eager.optimiser.weights, replayed.optimiser.weights)
    assert eager.pop_means(1, 72) == replayed.pop_means(1, 72)
    assert eager.pop_batch_errors(1) == replayed.pop_batch_errors(1)


def test_figures_are_summed_until_pop_means():
    step = fleet_step("autoencoder", 2)
    for batch in batches(2, 3):
        step(*batch)
    first, second = step.pop_means(0, 1)["loss"], 2 * step.pop_means(1, 2)["loss"]
    assert first > 0
    assert second > 0
    assert step.pop_means(0, 1)["loss"] == 0.0, "pop_means resets the sums"


@pytest.mark.parametrize("name", ["autoencoder", "gamma_vae"])
def test_batch_errors_are_those_of_each_machine_since_the_last_call(name):
    step = fleet_step(name, 2)
    first, second, third = batches(2, 3)
    step(*first)
    assert len(step.pop_batch_errors(0)) == 1
    step(*second)
    step(*third)
    of_first, of_second = step.pop_batch_errors(0), step.pop_batch_errors(1)
    assert (len(of_first), len(of_second)) == (2, 3)
    assert step.pop_batch_errors(0) == []
    key = "loss" if name == "autoencoder" else "reconstruction"
    vectors = [float(mask[1].sum()) for _, mask in (first, second, third)]
    total = sum(error * count for error, count in zip(of_second, vectors, strict=True))
    assert step.pop_means(1, 1)[key] == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize(("name", "settings"), KINDS, ids=str)
def test_keep_machines_does_not_change_the_remaining_machines(name, settings):
    """Weights, moments of Adam, statistics, sums and random numbers."""
    full, reduced = fleet_step(name, 3, **settings), fleet_step(name, 3, **settings)
    steps = batches(3, 6)
    for batch in steps[:3]:
        full(*batch)
        reduced(*batch)
    reduced.keep_machines([0, 2])
    for index, mask in steps[3:]:
        full(index, mask)
        reduced(index[[0, 2]], mask[[0, 2]])
    assert full.optimiser.weights.numel() * 2 == reduced.optimiser.weights.numel() * 3
    states = (step.network.state_dict() for step in (full, reduced))
    for (key, expected), value in zip(next(states).items(), next(states).values(), strict=True):
        torch.testing.assert_close(value, expected[[0, 2]], rtol=1e-4, atol=1e-5, msg=key)
    assert reduced.pop_batch_errors(1) == pytest.approx(full.pop_batch_errors(2), rel=1e-4)
    assert reduced.pop_means(1, 60)["loss"] == pytest.approx(full.pop_means(2, 60)["loss"], rel=1e-5)

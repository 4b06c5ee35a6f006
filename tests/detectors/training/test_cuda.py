"""Training on a real NVIDIA GPU: the captured graph, plain steps and the CPU agree.

Skipped without CUDA.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from auscult.detectors import detector_type
from auscult.detectors.options import make_config
from auscult.detectors.training.step import FleetStep
from auscult.detectors.training.training import FleetVectors, TrainingPlan, train_fleet

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

BANDS, CONTEXT, BATCH = 16, 5, 64
FRAMES = (10 * np.random.default_rng(0).standard_normal((900, BANDS))).astype(np.float32)
#: First frames of the windows of each machine. The second machine has fewer batches, and ends earlier.
STARTS = (np.arange(700), np.arange(100, 500), *(np.arange(10 * i, 600) for i in range(5)))
KINDS = [
    ("autoencoder", {}),
    ("gamma_vae", {"sampler": "implicit"}),
    ("gamma_vae", {"sampler": "weibull"}),
    ("gamma_vae", {"sampler": "boosted_uncorrected"}),
    ("gamma_observation", {"latent": "gaussian"}),
    ("gamma_observation", {"latent": "gamma"}),
]


def train(name: str, device: str, *, machines: int = 2, precision: str = "float32", epochs=4, **settings):
    options = {"n_mels": BANDS, "context": CONTEXT, "hidden": 32, **settings}
    detector = detector_type(name)(make_config(name, settings=options))
    network, trained = train_fleet(
        detector.network.build,
        detector.network.loss,
        FleetVectors(FRAMES, STARTS[:machines], [np.arange(750, 850)] * machines, CONTEXT),
        range(machines),
        TrainingPlan(epochs, BATCH, device=device, precision=precision),
        names=[f"machine {i}" for i in range(machines)],
        progress=lambda epoch, figures: None,
    )
    assert [machine.error for machine in trained] == [None] * machines
    return network.state_dict(), [[epoch["loss"] for epoch in machine.history] for machine in trained]


@pytest.fixture
def plain_steps(monkeypatch):
    """Call it: no graph is captured from then on."""
    return lambda: monkeypatch.setattr(FleetStep, "_warm_up_or_capture", FleetStep.step)


@pytest.mark.parametrize(("name", "settings"), KINDS, ids=str)
def test_a_graph_trains_as_plain_steps_do(name, settings, plain_steps):
    graph_weights, graph_losses = train(name, "cuda", **settings)
    plain_steps()
    weights, losses = train(name, "cuda", **settings)
    np.testing.assert_allclose(graph_losses[0], losses[0], rtol=1e-3)
    np.testing.assert_allclose(graph_losses[1], losses[1], rtol=1e-3)
    assert graph_weights.keys() == weights.keys()
    assert all(torch.isfinite(tensor).all() for tensor in graph_weights.values())


def test_the_gpu_trains_as_the_cpu_does():
    """The autoencoder uses no random numbers in training, so its losses differ by rounding only."""
    _, on_gpu = train("autoencoder", "cuda")
    _, on_cpu = train("autoencoder", "cpu")
    for gpu, cpu in zip(on_gpu, on_cpu, strict=True):
        np.testing.assert_allclose(gpu, cpu, rtol=1e-3)


@pytest.mark.parametrize(("name", "settings"), KINDS[1:], ids=str)
def test_networks_that_sample_reach_the_same_loss_on_the_gpu(name, settings):
    _, on_gpu = train(name, "cuda", **settings)
    _, on_cpu = train(name, "cpu", **settings)
    for gpu, cpu in zip(on_gpu, on_cpu, strict=True):
        np.testing.assert_allclose(gpu[-1], cpu[-1], rtol=0.05)


def test_a_run_on_the_gpu_can_be_repeated():
    first, second = train("gamma_vae", "cuda"), train("gamma_vae", "cuda")
    for a, b in zip(first[1], second[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_reduced_precision_changes_the_loss_a_little():
    _, reduced = train("autoencoder", "cuda", precision="bf16")
    _, full = train("autoencoder", "cuda")
    assert reduced != full
    for a, b in zip(reduced, full, strict=True):
        np.testing.assert_allclose(a, b, rtol=0.02)


def test_a_fleet_of_seven_trains_each_machine_as_alone():
    _, together = train("autoencoder", "cuda", machines=7)
    _, alone = train("autoencoder", "cuda", machines=1)
    np.testing.assert_allclose(together[0], alone[0], rtol=1e-3)

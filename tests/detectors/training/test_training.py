"""The training loop: against a plain PyTorch loop, and a machine of a fleet against itself alone."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from auscult.detectors import detector_type
from auscult.detectors.options import make_config
from auscult.detectors.training.training import FleetVectors, TrainingPlan, choose_device, train_fleet
from auscult.errors import DivergedError, OptionError

BANDS, CONTEXT, BATCH = 6, 3, 16
FRAMES = (10 * np.random.default_rng(0).standard_normal((200, BANDS))).astype(np.float32)
SMALL = {"n_mels": BANDS, "context": CONTEXT, "hidden": 12}


def detector(name: str, **settings):
    return detector_type(name)(make_config(name, settings={**SMALL, **settings}))


def train(kind, starts, seeds, *, epochs=3, validation=None, told=None, frames=FRAMES, **plan):
    """Trains a fleet on windows that start at ``starts``; gives its weights, histories and errors.

    In float64: the gradient of a bias before a normalisation is zero but for rounding, and Adam makes
    whole steps of float32's rounding.
    """
    vectors = FleetVectors(
        frames.astype(np.float64),
        [np.asarray(s) for s in starts],
        validation or [np.empty(0, int)] * len(starts),
        CONTEXT,
    )
    network, histories, errors = train_fleet(
        lambda generators: kind.build(generators).double(),
        lambda network, x, rows, *rest: kind.loss(network, x, rows.double(), *rest),
        vectors,
        seeds,
        TrainingPlan(epochs, BATCH, device="cpu", **plan),
        names=[f"machine {i}" for i in range(len(starts))],
        progress=lambda epoch, figures: told.append((epoch, figures)) if told is not None else None,
    )
    return network.state_dict(), histories, errors


def plain_autoencoder(network: nn.ModuleDict) -> nn.Sequential:
    """The baseline as anyone would write it, with the weights of the first machine of a fleet."""

    def plain(linear) -> nn.Linear:
        layer = nn.Linear(linear.weight.shape[1], linear.weight.shape[2])
        with torch.no_grad():
            layer.weight.copy_(linear.weight[0].T)
            layer.bias.copy_(linear.bias[0, 0])
        return layer

    layers: list[nn.Module] = []
    for linear in network["layers"].linears:
        layers += [plain(linear), nn.BatchNorm1d(linear.weight.shape[2], momentum=0.01, eps=1e-3), nn.ReLU()]
    return nn.Sequential(*layers, plain(network["rebuild"]))


def test_the_loop_is_that_of_plain_pytorch():
    autoencoder, starts, epochs = detector("autoencoder"), np.arange(0, 90), 4
    _, (history,), _ = train(autoencoder, [starts], [5], epochs=epochs)

    generator = torch.Generator().manual_seed(5)
    plain = plain_autoencoder(autoencoder.build([generator])).double()
    optimiser = torch.optim.Adam(plain.parameters(), lr=1e-3)
    windows = torch.from_numpy(np.stack([FRAMES[s : s + CONTEXT].ravel() for s in starts])).double()
    for epoch in range(epochs):
        total = 0.0
        for index in torch.randperm(90, generator=generator).split(BATCH):
            loss = nn.functional.mse_loss(plain(windows[index]), windows[index])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(index)
        assert history[epoch]["loss"] == pytest.approx(total / 90, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("autoencoder", {}),
        ("gamma_vae", {"sampler": "implicit"}),
        ("gamma_vae", {"sampler": "weibull"}),
        ("gamma_vae", {"sampler": "mean", "kl_warmup": 6}),
        ("gamma_vae", {"head": "softmax", "kl": "eq2_text_labels", "kl_warmup": 0}),
    ],
    ids=str,
)
def test_a_machine_of_a_fleet_is_the_machine_alone(name, settings):
    kind = detector(name, **settings)
    starts = [np.arange(0, 71), np.arange(71, 112), np.arange(112, 150)]  # 5, 3 and 3 steps an epoch
    kept_out = [np.arange(150, 160), np.empty(0, int), np.arange(160, 163)]
    weights, histories, _ = train(kind, starts, [1, 2, 3], epochs=4, validation=kept_out)
    for machine in range(3):
        alone, (history,), _ = train(
            kind, [starts[machine]], [machine + 1], epochs=4, validation=[kept_out[machine]]
        )
        assert len(history) == len(histories[machine]) == 4
        for mine, its in zip(histories[machine], history, strict=True):
            assert mine.keys() == its.keys()
            for figure in mine:
                np.testing.assert_allclose(mine[figure], its[figure], rtol=1e-6, err_msg=figure)
        for key, value in alone.items():
            torch.testing.assert_close(weights[key][machine], value[0], rtol=1e-5, atol=1e-6)


def test_a_last_batch_of_one_vector_is_skipped():
    seen = []
    kind = detector("autoencoder")

    def loss(network, x, rows, generators, epoch):
        seen.append(int(rows.sum()))
        return kind.loss(network, x, rows, generators, epoch)

    vectors = FleetVectors(FRAMES, [np.arange(2 * BATCH + 1)], [np.empty(0, int)], CONTEXT)
    plan = TrainingPlan(2, BATCH, device="cpu")
    train_fleet(kind.build, loss, vectors, [0], plan, names=["m"], progress=lambda *_: None)
    assert seen == [BATCH] * 4


def test_the_weights_are_those_of_the_last_epoch():
    """One epoch more, from the same start, goes on from where the shorter training ended."""
    kind, starts = detector("autoencoder"), [np.arange(40)]
    short, (history,), _ = train(kind, starts, [9], epochs=2)
    longer, (more,), _ = train(kind, starts, [9], epochs=3)
    assert [e["loss"] for e in more[:2]] == [e["loss"] for e in history]
    assert not torch.equal(short["rebuild.weight"], longer["rebuild.weight"])
    still, *_ = train(kind, starts, [9], epochs=2, learning_rate=0.0)
    first = kind.build([torch.Generator().manual_seed(9)])["rebuild"].weight
    assert torch.equal(still["rebuild.weight"], first.double())


def test_a_machine_that_is_done_keeps_its_weights():
    kind = detector("autoencoder")
    few, *_ = train(kind, [np.arange(20)], [3], epochs=2)
    both, *_ = train(kind, [np.arange(20), np.arange(20, 190)], [3, 4], epochs=2)
    for key, value in few.items():
        torch.testing.assert_close(both[key][0], value[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["autoencoder", "gamma_vae"])
def test_the_seed_decides_all(name):
    kind, starts = detector(name), [np.arange(50)]
    (one, first, _), (again, second, _), (other, *_) = (train(kind, starts, [s]) for s in (7, 7, 8))
    assert first == second
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["rebuild.weight"], other["rebuild.weight"])


def test_machines_of_different_seeds_see_different_orders():
    orders: list[torch.Tensor] = []
    kind = detector("autoencoder")

    def loss(network, x, rows, generators, epoch):
        orders.append(x[:, :, 0].clone())  # (M, B) the first value names the vector
        return kind.loss(network, x, rows, generators, epoch)

    vectors = FleetVectors(FRAMES, [np.arange(BATCH)] * 2, [np.empty(0, int)] * 2, CONTEXT)
    plan = TrainingPlan(2, BATCH, device="cpu")
    train_fleet(kind.build, loss, vectors, [0, 1], plan, names=["a", "b"], progress=lambda *_: None)
    first, second = orders
    assert not torch.equal(first[0], first[1]), "each machine has its own shuffle"
    assert not torch.equal(first[0], second[0]), "each epoch is shuffled anew"
    assert torch.equal(first[0].sort().values, second[1].sort().values), "all vectors come once an epoch"


def test_looking_at_the_kept_out_vectors_changes_nothing():
    kind, starts = detector("gamma_vae"), [np.arange(50)]
    without, *_ = train(kind, starts, [7])
    with_them, (history,), _ = train(kind, starts, [7], validation=[np.arange(100, 120)])
    assert all(torch.equal(without[key], with_them[key]) for key in without)
    assert all(np.isfinite(epoch["validation"]) for epoch in history)


def test_progress_is_told_every_epoch():
    told: list = []
    train(detector("gamma_vae"), [np.arange(40)], [0], epochs=3, told=told)
    assert [epoch for epoch, _ in told] == [1, 2, 3]
    assert {"loss", "reconstruction", "kl", "active_units"} <= set(told[-1][1])


def test_figures_are_means_over_the_vectors_of_an_epoch():
    """A step of few vectors weighs little."""
    seen: list[tuple[float, int]] = []
    kind = detector("gamma_vae")

    def loss(network, x, rows, *rest):
        losses, figures = kind.loss(network, x, rows, *rest)
        seen.append((losses.detach(), figures["kl_per_dimension"].detach(), int(rows.sum())))
        return losses, figures

    vectors = FleetVectors(FRAMES, [np.arange(2 * BATCH + 3)], [np.empty(0, int)], CONTEXT)
    plan = TrainingPlan(2, BATCH, device="cpu")
    _, (history,), _ = train_fleet(
        kind.build, loss, vectors, [0], plan, names=["m"], progress=lambda *_: None
    )
    assert [epoch["epoch"] for epoch in history] == [1, 2]
    for epoch, steps in zip(history, (seen[:3], seen[3:]), strict=True):
        assert [count for *_, count in steps] == [BATCH, BATCH, 3]
        losses, each = (sum(step[i] * step[2] for step in steps) / (2 * BATCH + 3) for i in (0, 1))
        assert epoch["loss"] == pytest.approx(float(losses[0]), rel=1e-5)
        assert epoch["kl_per_dimension"] == pytest.approx(each[0].tolist(), rel=1e-5)


def test_a_machine_that_diverges_is_named_and_leaves_the_others_alone():
    """One of the machines hears levels so high that their squares leave the finite numbers."""
    kind, starts = detector("gamma_vae"), [np.arange(30), np.arange(150, 190), np.arange(40, 70)]
    frames = FRAMES.copy()
    frames[149:] *= 1e20
    weights, histories, errors = train(kind, starts, [1, 2, 3], frames=frames)
    assert [bool(error) for error in errors] == [False, True, False]
    assert isinstance(errors[1], DivergedError)
    assert re.match(r"machine 1: training diverged in epoch 1: .*loss", str(errors[1]))
    assert [len(history) for history in histories] == [3, 1, 3]
    for machine in (0, 2):
        alone, (history,), _ = train(kind, [starts[machine]], [machine + 1])
        np.testing.assert_allclose(
            [e["loss"] for e in histories[machine]], [e["loss"] for e in history], rtol=1e-6
        )
        for key, value in alone.items():
            torch.testing.assert_close(weights[key][machine], value[0], rtol=1e-5, atol=1e-6)


def test_device_by_name():
    assert choose_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="cuda"):
            choose_device("cuda")
    with pytest.raises(OptionError, match="abacus"):
        choose_device("abacus")

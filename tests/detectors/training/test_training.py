"""The training loop compared with a plain PyTorch loop, and fleets compared with machines trained alone."""

from __future__ import annotations

import re
from dataclasses import replace

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


def make_detector(name: str, **settings):
    return detector_type(name)(make_config(name, settings={**SMALL, **settings}))


def train(detector, starts, seeds, *, epochs=3, validation=None, reports=None, frames=FRAMES, **plan):
    """Train a fleet on windows that start at ``starts``; return weights, histories, errors and batch errors.

    In float64: the gradient of a bias before a normalisation is zero except for rounding, and Adam turns the
    rounding of float32 into full steps.
    """
    vectors = FleetVectors(
        frames.astype(np.float64),
        [np.asarray(s) for s in starts],
        validation or [np.empty(0, int)] * len(starts),
        CONTEXT,
    )
    network, machines = train_fleet(
        lambda generators: detector.network.build(generators).double(),
        lambda modules, batch: detector.network.loss(modules, replace(batch, mask=batch.mask.double())),
        vectors,
        seeds,
        TrainingPlan(epochs, BATCH, device="cpu", **plan),
        names=[f"machine {i}" for i in range(len(starts))],
        progress=lambda epoch, figures: reports.append((epoch, figures)) if reports is not None else None,
    )
    histories, errors = [m.history for m in machines], [m.error for m in machines]
    return network.state_dict(), histories, errors, [m.batch_errors for m in machines]


def plain_autoencoder(network: nn.ModuleDict) -> nn.Sequential:
    """The baseline in plain PyTorch, with the weights of the first machine of a fleet."""

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


def test_the_loop_matches_plain_pytorch():
    autoencoder, starts, epochs = make_detector("autoencoder"), np.arange(0, 90), 4
    held_out = np.arange(100, 120)  # a batch of 16 and one of 4
    _, (history,), _, (batch_errors,) = train(
        autoencoder, [starts], [5], epochs=epochs, validation=[held_out]
    )

    generator = torch.Generator().manual_seed(5)
    plain = plain_autoencoder(autoencoder.network.build([generator])).double()
    optimiser = torch.optim.Adam(plain.parameters(), lr=1e-3)
    windows = torch.from_numpy(np.stack([FRAMES[s : s + CONTEXT].ravel() for s in starts])).double()
    for epoch in range(epochs):
        total, in_training = 0.0, []
        for index in torch.randperm(90, generator=generator).split(BATCH):
            loss = nn.functional.mse_loss(plain(windows[index]), windows[index])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            in_training.append(float(loss.detach()))
            total += in_training[-1] * len(index)
        assert history[epoch]["loss"] == pytest.approx(total / 90, rel=1e-9)
    held_out_windows = np.stack([FRAMES[s : s + CONTEXT].ravel() for s in held_out])
    with torch.no_grad():
        in_validation = [
            float(nn.functional.mse_loss(plain.eval()(batch), batch))
            for batch in torch.from_numpy(held_out_windows).double().split(BATCH)
        ]
    assert batch_errors == pytest.approx([*in_training, *in_validation], rel=1e-9)
    assert history[-1]["validation"] == pytest.approx(np.dot(in_validation, [16, 4]) / 20, rel=1e-9)


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
def test_a_machine_of_a_fleet_equals_the_machine_trained_alone(name, settings):
    detector = make_detector(name, **settings)
    starts = [np.arange(0, 71), np.arange(71, 112), np.arange(112, 150)]  # 5, 3 and 3 steps an epoch
    held_out = [np.arange(150, 160), np.empty(0, int), np.arange(160, 163)]
    weights, histories, _, batch_errors = train(detector, starts, [1, 2, 3], epochs=4, validation=held_out)
    for machine in range(3):
        alone, (history,), _, (errors_alone,) = train(
            detector, [starts[machine]], [machine + 1], epochs=4, validation=[held_out[machine]]
        )
        assert len(history) == len(histories[machine]) == 4
        for figures, figures_alone in zip(histories[machine], history, strict=True):
            assert figures.keys() == figures_alone.keys()
            for name, value in figures.items():
                np.testing.assert_allclose(value, figures_alone[name], rtol=1e-6, err_msg=name)
        assert batch_errors[machine] == pytest.approx(errors_alone, rel=1e-6)
        assert len(errors_alone) == len(range(0, len(starts[machine]), BATCH)) + (len(held_out[machine]) > 0)
        for key, value in alone.items():
            torch.testing.assert_close(weights[key][machine], value[0], rtol=1e-5, atol=1e-6)


def test_a_last_batch_of_one_vector_is_skipped():
    seen = []
    detector = make_detector("autoencoder")

    def loss(modules, batch):
        seen.append(int(batch.mask.sum()))
        return detector.network.loss(modules, batch)

    vectors = FleetVectors(FRAMES, [np.arange(2 * BATCH + 1)], [np.empty(0, int)], CONTEXT)
    plan = TrainingPlan(2, BATCH, device="cpu")
    train_fleet(detector.network.build, loss, vectors, [0], plan, names=["m"], progress=lambda *_: None)
    assert seen == [BATCH] * 4


def test_the_weights_are_those_of_the_last_epoch():
    """Training for one more epoch from the same start continues the shorter training."""
    detector, starts = make_detector("autoencoder"), [np.arange(40)]
    short, (history,), *_ = train(detector, starts, [9], epochs=2)
    longer, (more,), *_ = train(detector, starts, [9], epochs=3)
    assert [e["loss"] for e in more[:2]] == [e["loss"] for e in history]
    assert not torch.equal(short["rebuild.weight"], longer["rebuild.weight"])
    unchanged, *_ = train(detector, starts, [9], epochs=2, learning_rate=0.0)
    first = detector.network.build([torch.Generator().manual_seed(9)])["rebuild"].weight
    assert torch.equal(unchanged["rebuild.weight"], first.double())


def test_a_finished_machine_keeps_the_final_weights():
    detector = make_detector("autoencoder")
    alone, *_ = train(detector, [np.arange(20)], [3], epochs=2)
    both, *_ = train(detector, [np.arange(20), np.arange(20, 190)], [3, 4], epochs=2)
    for key, value in alone.items():
        torch.testing.assert_close(both[key][0], value[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["autoencoder", "gamma_vae"])
def test_equal_seeds_give_equal_results(name):
    detector, starts = make_detector(name), [np.arange(50)]
    (weights, history, *_), (same_weights, same_history, *_), (other_weights, *_) = (
        train(detector, starts, [seed]) for seed in (7, 7, 8)
    )
    assert history == same_history
    assert all(torch.equal(weights[key], same_weights[key]) for key in weights)
    assert not torch.equal(weights["rebuild.weight"], other_weights["rebuild.weight"])


def test_machines_with_different_seeds_have_different_orders():
    orders: list[torch.Tensor] = []
    detector = make_detector("autoencoder")

    def loss(modules, batch):
        orders.append(batch.x[:, :, 0].clone())  # (M, B) the first value identifies the vector
        return detector.network.loss(modules, batch)

    vectors = FleetVectors(FRAMES, [np.arange(BATCH)] * 2, [np.empty(0, int)] * 2, CONTEXT)
    plan = TrainingPlan(2, BATCH, device="cpu")
    train_fleet(
        detector.network.build, loss, vectors, [0, 1], plan, names=["a", "b"], progress=lambda *_: None
    )
    first, second = orders
    assert not torch.equal(first[0], first[1]), "each machine is shuffled differently"
    assert not torch.equal(first[0], second[0]), "each epoch is shuffled again"
    assert torch.equal(first[0].sort().values, second[1].sort().values), "all vectors appear once per epoch"


def test_validation_does_not_change_the_training():
    detector, starts = make_detector("gamma_vae"), [np.arange(50)]
    without, *_ = train(detector, starts, [7])
    validated, (history,), *_ = train(detector, starts, [7], validation=[np.arange(100, 120)])
    assert all(torch.equal(without[key], validated[key]) for key in without)
    assert all(np.isfinite(epoch["validation"]) for epoch in history)


def test_progress_is_reported_every_epoch():
    reports: list = []
    train(make_detector("gamma_vae"), [np.arange(40)], [0], epochs=3, reports=reports)
    assert [epoch for epoch, _ in reports] == [1, 2, 3]
    assert {"loss", "reconstruction", "kl", "active_units"} <= set(reports[-1][1])


def test_figures_are_means_over_the_vectors_of_an_epoch():
    """A step counts in proportion to the number of its vectors."""
    seen: list[tuple[float, int]] = []
    detector = make_detector("gamma_vae")

    def loss(modules, batch):
        losses, figures = detector.network.loss(modules, batch)
        seen.append((losses.detach(), figures["kl_per_dimension"].detach(), int(batch.mask.sum())))
        return losses, figures

    vectors = FleetVectors(FRAMES, [np.arange(2 * BATCH + 3)], [np.empty(0, int)], CONTEXT)
    plan = TrainingPlan(2, BATCH, device="cpu")
    _, (machine,) = train_fleet(
        detector.network.build, loss, vectors, [0], plan, names=["m"], progress=lambda *_: None
    )
    history = machine.history
    assert [epoch["epoch"] for epoch in history] == [1, 2]
    for epoch, steps in zip(history, (seen[:3], seen[3:]), strict=True):
        assert [count for *_, count in steps] == [BATCH, BATCH, 3]
        losses, kl_per_dimension = (
            sum(step[i] * step[2] for step in steps) / (2 * BATCH + 3) for i in (0, 1)
        )
        assert epoch["loss"] == pytest.approx(float(losses[0]), rel=1e-5)
        assert epoch["kl_per_dimension"] == pytest.approx(kl_per_dimension[0].tolist(), rel=1e-5)


def test_a_diverging_machine_is_named_and_does_not_affect_the_others():
    """One of the machines has levels so high that their squares overflow."""
    detector, starts = make_detector("gamma_vae"), [np.arange(30), np.arange(150, 190), np.arange(40, 70)]
    frames = FRAMES.copy()
    frames[149:] *= 1e20
    weights, histories, errors, _ = train(detector, starts, [1, 2, 3], frames=frames)
    assert [bool(error) for error in errors] == [False, True, False]
    assert isinstance(errors[1], DivergedError)
    assert re.match(r"machine 1: training diverged in epoch 1: .*loss", str(errors[1]))
    assert [len(history) for history in histories] == [3, 1, 3]
    for machine in (0, 2):
        alone, (history,), *_ = train(detector, [starts[machine]], [machine + 1])
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

"""Training of the dual-branch network: mixed clips, exchanged branches, odd twins, and that it learns."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from auscult.detectors.discriminative.augmentation import Disturbance
from auscult.detectors.discriminative.dual_branch import Shape
from auscult.detectors.discriminative.dual_training import (
    DualPlan,
    _disturbed,
    _exchanged,
    _mixed,
    export_dual,
    train_dual,
)
from auscult.detectors.discriminative.dual_views import DualViews
from auscult.errors import DivergedError

SHAPE = Shape(bands=16, points=128, width=2, line_width=4)
AXES = (np.linspace(0, 1, 16), np.linspace(0, 1, 128))
PLAN = DualPlan(epochs=12, batch_size=8, learning_rate=5e-3, mixup=0.0, disturb=0.0, device="cpu")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def clips(count: int = 24) -> tuple[list[DualViews], np.ndarray]:
    """Two kinds of clips of several lengths: one loud in low bands, the other in high ones."""
    rng, views, labels = np.random.default_rng(0), [], np.arange(count) % 2
    for label in labels:
        frames, spectrum = rng.normal(-60, 3, (20 + rng.integers(9), 16)), rng.normal(-60, 3, 128)
        half = slice(0, 8) if label else slice(8, 16)
        frames[:, half] += 15
        spectrum[slice(0, 64) if label else slice(64, 128)] += 15
        views.append(DualViews(frames.astype(np.float32), spectrum.astype(np.float32)))
    return views, labels


def train(plan: DualPlan = PLAN, seed: int = 1, **options):
    views, labels = clips()
    told: list[int] = []
    network, history = train_dual(
        SHAPE, views, labels, AXES, plan, seed, name="test", progress=lambda e, f: told.append(e), **options
    )
    assert told == list(range(1, plan.epochs + 1))
    return network, history


def test_it_learns_to_tell_classes_apart():
    network, history = train()
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["accuracy"] > 0.9
    assert not network.training


def test_the_seed_decides_everything_and_nothing_is_left_behind():
    before = torch.random.get_rng_state()
    one, other, third = (train(DualPlan(epochs=2, batch_size=8, device="cpu"), s)[0] for s in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    states = [n.state_dict() for n in (one, other, third)]
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    assert not torch.equal(states[0]["frames.first.weight"], states[2]["frames.first.weight"])


def test_few_clips_are_taken_several_times():
    """As many steps as for more clips: the running statistics count batches."""
    views, labels = clips(4)
    for least, batches in ((0, 1), (9, 2)):  # nine at least: three times four, in batches of eight
        plan = DualPlan(epochs=1, batch_size=8, least_clips=least, device="cpu")
        network, _ = train_dual(SHAPE, views, labels, AXES, plan, 0, name="test", progress=lambda *_: None)
        assert int(network.state_dict()["frames.norm.num_batches_tracked"]) == batches


def test_a_loss_that_leaves_the_numbers_is_an_error():
    views, labels = clips(4)
    views[0].spectrum[3] = np.nan
    with pytest.raises(DivergedError, match=r"the name.*epoch 1"):
        train_dual(SHAPE, views, labels, AXES, PLAN, 0, name="the name", progress=lambda *_: None)


def test_mixing_adds_powers_and_labels_alike():
    frames = torch.tensor([0.0, 20.0])[:, None, None].expand(2, 3, 4)  # powers 1 and 100
    spectrum, y = torch.tensor([0.0, 20.0])[:, None].expand(2, 5), torch.eye(2)
    draw = generator()
    for _ in range(10):
        its_frames, its_spectrum, labels = _mixed(frames, spectrum, y, 1.0, draw)
        power = labels @ torch.tensor([1.0, 100.0])
        torch.testing.assert_close(its_spectrum, 10 * power.log10()[:, None].expand(2, 5))
        torch.testing.assert_close(its_frames, 10 * power.log10()[:, None, None].expand(2, 3, 4))
        torch.testing.assert_close(labels.sum(1), torch.ones(2))
    same = _mixed(frames, spectrum, y, 0.0, draw)
    torch.testing.assert_close(same[0], frames)
    torch.testing.assert_close(same[2], y)


def test_an_exchanged_clip_is_half_of_each_class():
    changes = torch.arange(6.0)[:, None].expand(6, 2)
    lines, y = 10 + changes, torch.eye(6)
    embedding, labels = _exchanged(changes, lines, y, 1.0, generator())
    assert embedding.shape == (6, 4)
    for i in range(6):
        j = int(embedding[i, 2]) - 10  # whose spectrum it took
        assert int(embedding[i, 0]) == i
        assert labels[i, 6 + i] == labels[i, 12 + j] == 0.5
        assert labels[i].sum() == 1
    embedding, labels = _exchanged(changes, lines, y, 0.0, generator())
    torch.testing.assert_close(embedding, torch.cat([changes, lines], 1))
    torch.testing.assert_close(labels[:, :6], y)


def test_an_odd_twin_has_a_class_of_its_own():
    disturbance = Disturbance(*AXES, generator())
    frames, spectrum, y = torch.zeros(20, 9, 16), torch.zeros(20, 128), torch.eye(2).repeat(10, 1)
    its_frames, its_spectrum, labels = _disturbed(frames, spectrum, y, 0.5, disturbance)
    odd = labels[:, 2:].sum(1) == 1
    assert 0 < int(odd.sum()) < 20
    torch.testing.assert_close(labels[:, :2] + labels[:, 2:], y)
    assert bool((its_spectrum[odd].abs().amax(1) > 0).all())
    assert float(its_frames[~odd].abs().max()) == float(its_spectrum[~odd].abs().max()) == 0


def test_the_exported_network_computes_the_same_for_any_length():
    network, _ = train(DualPlan(epochs=1, batch_size=8, device="cpu"))
    session = onnxruntime.InferenceSession(
        export_dual(network, SHAPE, kind="a test").tobytes(), providers=["CPUExecutionProvider"]
    )
    draw = generator()
    for clips_, times, spectra in ((1, 1, 1), (3, 37, 1), (1, 160, 4)):
        frames = torch.randn(clips_, times, 16, generator=draw) - 60
        spectrum = torch.randn(spectra, 128, generator=draw) - 60
        ours = session.run(["changes", "lines"], {"frames": frames.numpy(), "spectrum": spectrum.numpy()})
        with torch.no_grad():
            theirs = network(frames, spectrum)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=1e-4, atol=1e-4)

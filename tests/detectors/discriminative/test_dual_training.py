"""Training of the dual-branch network: mixup, feature exchange, pseudo-anomalies, and convergence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from auscult.detectors.discriminative.augmentation import RandomBandGain
from auscult.detectors.discriminative.dual_branch import DualBranchSize
from auscult.detectors.discriminative.dual_training import (
    DualTrainingConfig,
    _add_pseudo_anomalies,
    _exchange_features,
    _mix,
    train_dual,
)
from auscult.detectors.discriminative.dual_views import DualViews
from auscult.errors import DivergedError

SIZE = DualBranchSize(bands=16, points=128, width=2, line_width=4)
AXES = (np.linspace(0, 1, 16), np.linspace(0, 1, 128))
CONFIG = DualTrainingConfig(epochs=12, batch_size=8, learning_rate=5e-3, mixup=0.0, disturb=0.0, device="cpu")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def clips(count: int = 24) -> tuple[list[DualViews], np.ndarray]:
    """Clips of two classes and several lengths: one is loud in low bands, the other in high ones."""
    rng, views, labels = np.random.default_rng(0), [], np.arange(count) % 2
    for label in labels:
        frames, spectrum = rng.normal(-60, 3, (20 + rng.integers(9), 16)), rng.normal(-60, 3, 128)
        half = slice(0, 8) if label else slice(8, 16)
        frames[:, half] += 15
        spectrum[slice(0, 64) if label else slice(64, 128)] += 15
        views.append(DualViews(frames.astype(np.float32), spectrum.astype(np.float32)))
    return views, labels


def train(config: DualTrainingConfig = CONFIG, seed: int = 1):
    views, labels = clips()
    epochs: list[int] = []
    network, history = train_dual(
        SIZE, views, labels, AXES, config, seed, name="test", progress=lambda epoch, _: epochs.append(epoch)
    )
    assert epochs == list(range(1, config.epochs + 1))
    return network, history


def test_training_separates_the_classes():
    network, history = train()
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["accuracy"] > 0.9
    assert not network.training


def test_training_depends_on_the_seed_alone_and_keeps_the_global_rng_state():
    before = torch.random.get_rng_state()
    config = DualTrainingConfig(epochs=2, batch_size=8, device="cpu")
    states = [train(config, seed)[0].state_dict() for seed in (1, 1, 2)]
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    assert not torch.equal(states[0]["frames.first.weight"], states[2]["frames.first.weight"])


def test_a_small_training_set_is_repeated_within_the_epoch():
    """The running statistics count the batches."""
    views, labels = clips(4)
    for min_clips, batches in ((0, 1), (9, 2)):  # at least nine: three times four, in batches of eight
        config = DualTrainingConfig(epochs=1, batch_size=8, min_clips=min_clips, device="cpu")
        network, _ = train_dual(SIZE, views, labels, AXES, config, 0, name="test", progress=lambda *_: None)
        assert int(network.state_dict()["frames.norm.num_batches_tracked"]) == batches


def test_a_loss_that_is_not_finite_is_an_error():
    views, labels = clips(4)
    views[0].spectrum[3] = np.nan
    with pytest.raises(DivergedError, match=r"the name.*epoch 1"):
        train_dual(SIZE, views, labels, AXES, CONFIG, 0, name="the name", progress=lambda *_: None)


def test_mixup_weights_powers_and_labels_equally():
    frames = torch.tensor([0.0, 20.0])[:, None, None].expand(2, 3, 4)  # powers 1 and 100
    spectrum, y = torch.tensor([0.0, 20.0])[:, None].expand(2, 5), torch.eye(2)
    rng = generator()
    for _ in range(10):
        mixed_frames, mixed_spectrum, labels = _mix(frames, spectrum, y, 1.0, rng)
        power = labels @ torch.tensor([1.0, 100.0])
        torch.testing.assert_close(mixed_spectrum, 10 * power.log10()[:, None].expand(2, 5))
        torch.testing.assert_close(mixed_frames, 10 * power.log10()[:, None, None].expand(2, 3, 4))
        torch.testing.assert_close(labels.sum(1), torch.ones(2))
    unmixed = _mix(frames, spectrum, y, 0.0, rng)
    torch.testing.assert_close(unmixed[0], frames)
    torch.testing.assert_close(unmixed[2], y)


def test_an_exchanged_clip_has_half_the_label_of_each_of_the_two_clips():
    of_frames = torch.arange(6.0)[:, None].expand(6, 2)
    of_spectrum, y = 10 + of_frames, torch.eye(6)
    embedding, labels = _exchange_features(of_frames, of_spectrum, y, 1.0, generator())
    assert embedding.shape == (6, 4)
    for i in range(6):
        j = int(embedding[i, 2]) - 10  # the clip whose spectrum embedding it got
        assert int(embedding[i, 0]) == i
        assert labels[i, 6 + i] == labels[i, 12 + j] == 0.5
        assert labels[i].sum() == 1
    embedding, labels = _exchange_features(of_frames, of_spectrum, y, 0.0, generator())
    torch.testing.assert_close(embedding, torch.cat([of_frames, of_spectrum], 1))
    torch.testing.assert_close(labels[:, :6], y)


def test_pseudo_anomalies_have_separate_classes():
    random_gain = RandomBandGain(*AXES, generator())
    frames, spectrum, y = torch.zeros(20, 9, 16), torch.zeros(20, 128), torch.eye(2).repeat(10, 1)
    new_frames, new_spectrum, labels = _add_pseudo_anomalies(frames, spectrum, y, 0.5, random_gain)
    modified = labels[:, 2:].sum(1) == 1
    assert 0 < int(modified.sum()) < 20
    torch.testing.assert_close(labels[:, :2] + labels[:, 2:], y)
    assert bool((new_spectrum[modified].abs().amax(1) > 0).all())
    assert float(new_frames[~modified].abs().max()) == float(new_spectrum[~modified].abs().max()) == 0

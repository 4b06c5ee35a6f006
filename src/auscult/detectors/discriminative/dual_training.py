"""Training of the dual-branch network as a classifier, with mixup and feature exchange.

Mixup after Zhang et al., ICLR 2018; FeatEx (feature exchange) after Wilkinghoff, "Self-supervised learning
for anomalous sound detection", ICASSP 2024. Published mixup adds waveforms. Here the powers of frames and
spectra are added, which is the expectation for waveforms without common phase, so that features are computed
once per clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from auscult.detectors.discriminative.adacos import SubClusterAdaCos
from auscult.detectors.discriminative.augmentation import RandomBandGain
from auscult.detectors.discriminative.dual_branch import EMBEDDING, DualBranch, DualBranchSize
from auscult.detectors.discriminative.dual_views import DualViews
from auscult.detectors.training.adam import Adam
from auscult.detectors.training.process import torch_single_thread
from auscult.detectors.training.training import choose_device
from auscult.errors import DivergedError

_DECAY = 0.01  # of the weights, by AdamW


@dataclass(frozen=True)
class DualTrainingConfig:
    """Hyperparameters of training; the defaults are the published ones."""

    epochs: int = 16
    batch_size: int = 64
    learning_rate: float = 1e-3  # of AdamW
    min_clips: int = 0  # minimum clips per epoch; a smaller training set is repeated within the epoch
    centres: int = 16  # sub-clusters per class
    mixup: float = 0.5  # share of the clips that are mixed with another
    exchange: float = 0.5  # share of the clips that take the spectrum embedding of another
    disturb: float = 0.5  # share of pseudo-anomalous clips, which doubles the number of classes; 0: none
    max_frames: int = 320  # maximum length of a training clip
    device: str = "auto"


@torch_single_thread()
def train_dual(
    size: DualBranchSize,
    views: Sequence[DualViews],
    labels: np.ndarray,
    axes: tuple[np.ndarray, np.ndarray],
    config: DualTrainingConfig,
    seed: int,
    *,
    name: str,
    progress: Callable[[int, Mapping[str, float]], None],
) -> tuple[DualBranch, list[dict]]:
    """Train the network to classify the clips.

    Args:
        views: of at least two clips.
        labels: (N,) class of each clip, from 0.
        axes: (F,) and (P,) positions of frames and spectrum in frequency; see `RandomBandGain`.
        name: of the network, for error messages.
        progress: called after each epoch with the number of epochs done and their metrics.

    Returns:
        The network in evaluation mode on the CPU, and its history, one dict per epoch.

    Raises:
        DivergedError: the loss is not finite.
    """
    device = choose_device(config.device)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DualBranch(size)
    classes = (int(labels.max()) + 1) * (2 if config.disturb else 1)
    class_head = SubClusterAdaCos(2 * EMBEDDING, classes, config.centres, generator)
    exchange_head = SubClusterAdaCos(2 * EMBEDDING, 3 * classes, config.centres, generator)
    modules = nn.ModuleList([network, class_head, exchange_head]).to(device)
    optimiser = Adam(modules, config.learning_rate, decay=_DECAY)
    clips = _TrainingClips(views, labels, config, generator, device)
    random_gain = RandomBandGain(*axes, generator)
    history: list[dict] = []
    for epoch in range(config.epochs):
        network.train()
        losses, accuracies = [], []
        for frames, spectrum, y in clips.batches():
            if config.disturb:
                frames, spectrum, y = _add_pseudo_anomalies(frames, spectrum, y, config.disturb, random_gain)
            frames, spectrum, y = _mix(frames, spectrum, y, config.mixup, generator)
            frames, spectrum, y = frames.to(device), spectrum.to(device), y.to(device)
            of_frames, of_spectrum = network(frames, spectrum)  # embeddings, (B, 128) each
            log_p = class_head(torch.cat([of_frames, of_spectrum], 1))  # (B, C)
            embedding, exchange_y = _exchange_features(of_frames, of_spectrum, y, config.exchange, generator)
            loss = -(y * log_p).sum(1).mean() + exchange_head.loss(embedding, exchange_y)
            optimiser.zero_gradients()
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
            accuracies.append((log_p.argmax(1) == y.argmax(1)).float().mean())
        metrics = {
            "loss": float(torch.stack(losses).mean()),
            "accuracy": float(torch.stack(accuracies).mean()),
        }
        if not np.isfinite(metrics["loss"]):
            raise DivergedError(f"{name}: training diverged in epoch {epoch + 1}: loss {metrics['loss']}")
        history.append({"epoch": epoch + 1, **metrics})
        progress(epoch + 1, metrics)
    _recalibrate_batch_norm(network, clips)
    return network.cpu().eval(), history


@torch.no_grad()
def _recalibrate_batch_norm(network: DualBranch, clips: _TrainingClips) -> None:
    """Recompute the running statistics of batch normalisation with the final weights and unmixed clips.

    Training takes few steps, so its running means lag behind the weights, and mixed clips do not occur in
    scoring.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    network.train()
    for frames, spectrum, _ in clips.batches():
        network(frames.to(clips.device), spectrum.to(clips.device))


class _TrainingClips:
    """The training clips in batches of equal length."""

    def __init__(
        self,
        views: Sequence[DualViews],
        labels: np.ndarray,
        config: DualTrainingConfig,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        self.config, self.generator, self.device = config, generator, device
        self.frames = [torch.from_numpy(v.frames) for v in views]
        self.spectra = torch.from_numpy(np.stack([v.spectrum for v in views]))  # (N, P)
        self.y = one_hot(torch.from_numpy(labels).long()).float()  # (N, C)
        self.length = min(int(np.median([len(v.frames) for v in views])), config.max_frames)

    def batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield frames (B, T, F), spectra (B, P) and labels (B, C) of one epoch.

        A last batch of one clip is skipped: batch normalisation cannot compute a variance from it.
        """
        repeats = -(-max(self.config.min_clips, 1) // len(self.frames))
        orders = [torch.randperm(len(self.frames), generator=self.generator) for _ in range(repeats)]
        for indices in torch.cat(orders).split(self.config.batch_size):
            if len(indices) > 1:
                frames = torch.stack([self._crop(self.frames[i]) for i in indices.tolist()])
                yield frames, self.spectra[indices], self.y[indices]

    def _crop(self, frames: Tensor) -> Tensor:
        """A random excerpt of the common length; a shorter clip is repeated."""
        spare = len(frames) - self.length
        if spare <= 0:
            return frames[torch.arange(self.length) % len(frames)]
        start = int(torch.randint(spare + 1, (), generator=self.generator))
        return frames[start : start + self.length]


def _add_pseudo_anomalies(
    frames: Tensor, spectrum: Tensor, y: Tensor, share: float, random_gain: RandomBandGain
) -> tuple[Tensor, Tensor, Tensor]:
    """Turn a random share of the clips into pseudo-anomalies.

    Each class has a second class for its pseudo-anomalous clips: labels (B, C) become (B, 2C).
    """
    mask = (torch.rand(len(y), generator=random_gain.generator) < share)[:, None]  # (B, 1)
    new_frames, new_spectrum = random_gain(frames, spectrum)
    zeros = torch.zeros_like(y)
    labels = torch.where(mask, torch.cat([zeros, y], 1), torch.cat([y, zeros], 1))
    return torch.where(mask[..., None], new_frames, frames), torch.where(mask, new_spectrum, spectrum), labels


def _mix(
    frames: Tensor, spectrum: Tensor, y: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Mixup: mix a random share of the clips with another clip of the batch.

    The weight λ is uniform and applies to the labels and the powers.
    """
    other = torch.randperm(len(y), generator=generator)
    weight = torch.rand(len(y), generator=generator)
    weight[torch.rand(len(y), generator=generator) >= share] = 1.0
    weight = weight[:, None]  # (B, 1)

    def blend(a: Tensor, w: Tensor) -> Tensor:
        return w * a + (1 - w) * a[other]

    def blend_db(x: Tensor, w: Tensor) -> Tensor:
        return 10 * blend(torch.pow(10.0, x / 10), w).clamp_min(1e-20).log10()

    return blend_db(frames, weight[..., None]), blend_db(spectrum, weight), blend(y, weight)


def _exchange_features(
    of_frames: Tensor, of_spectrum: Tensor, y: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """FeatEx: replace the spectrum embedding by another clip's in a random share of the clips.

    Returns:
        (B, 256) embeddings of both branches and their (B, 3C) labels: of a clip without exchange, its label
        among the first C classes; of one with exchange, half the label of each of the two clips among the
        other 2C.
    """
    size = len(y)
    other = torch.randperm(size, generator=generator).to(y.device)
    mask = (torch.rand(size, generator=generator) < share).to(y.device)[:, None]  # (B, 1)
    embedding = torch.cat([of_frames, torch.where(mask, of_spectrum[other], of_spectrum)], 1)
    zeros = torch.zeros_like(y)
    original, exchanged = torch.cat([y, zeros, zeros], 1), torch.cat([zeros, y / 2, y[other] / 2], 1)
    return embedding, torch.where(mask, exchanged, original)

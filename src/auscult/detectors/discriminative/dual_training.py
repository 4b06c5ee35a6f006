"""Training of the dual-branch network: tell classes apart, from mixed clips and exchanged branches.

Mixup after Zhang et al., ICLR 2018; FeatEx (feature exchange) after Wilkinghoff, "Self-supervised learning
for anomalous sound detection", ICASSP 2024. Published mixup adds waveforms; here the powers of frames and
spectra are added, which is what waveforms without common phase give on average, so that features are
computed once for each clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from auscult.detectors.discriminative.adacos import SubClusterAdaCos
from auscult.detectors.discriminative.augmentation import Disturbance
from auscult.detectors.discriminative.dual_branch import EMBEDDING, DualBranch, Shape
from auscult.detectors.discriminative.dual_views import DualViews
from auscult.detectors.training.export import export
from auscult.detectors.training.process import one_thread
from auscult.detectors.training.training import choose_device
from auscult.errors import DivergedError


@dataclass(frozen=True)
class DualPlan:
    """How the network is trained; the defaults are the published ones."""

    epochs: int = 16
    batch_size: int = 64  # clips in one step
    learning_rate: float = 1e-3  # of AdamW
    least_clips: int = 0  # clips in an epoch at least: of fewer recordings each is taken several times
    centres: int = 16  # sub-clusters of a class
    mixup: float = 0.5  # share of the clips that are mixed
    exchange: float = 0.5  # share of the clips whose branches are exchanged
    disturb: float = 0.5  # share of the clips made odd on purpose; each class has a twin of such clips
    longest: int = 320  # frames of a training clip at most
    device: str = "auto"


@one_thread()
def train_dual(
    shape: Shape,
    views: Sequence[DualViews],
    labels: np.ndarray,
    axes: tuple[np.ndarray, np.ndarray],
    plan: DualPlan,
    seed: int,
    *,
    name: str,
    progress: Callable[[int, Mapping[str, float]], None],
) -> tuple[DualBranch, list[dict]]:
    """Trains the network to tell the classes apart.

    Args:
        views: two clips or more.
        labels: (N,) class of each clip, counted from 0.
        axes: (F,) and (P,), where frames and spectrum lie in frequency; see `Disturbance`.
        name: what to call it in an error.
        progress: told the epochs done and their figures.

    Returns:
        The network in evaluation mode on the CPU, and its history, a dict an epoch.

    Raises:
        DivergedError: the loss left the finite numbers.
    """
    device = choose_device(plan.device)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DualBranch(shape)
    classes = (int(labels.max()) + 1) * (2 if plan.disturb else 1)
    telling = SubClusterAdaCos(2 * EMBEDDING, classes, plan.centres, generator)  # clips as they are
    matching = SubClusterAdaCos(2 * EMBEDDING, 3 * classes, plan.centres, generator)  # and exchanged
    learnt = nn.ModuleList([network, telling, matching]).to(device)
    optimiser = torch.optim.AdamW(learnt.parameters(), lr=plan.learning_rate)
    clips = _Clips(views, labels, plan, generator, device)
    disturbance = Disturbance(*axes, generator)
    history: list[dict] = []
    for epoch in range(plan.epochs):
        network.train()
        losses, right = [], []
        for frames, spectrum, y in clips.batches():
            if plan.disturb:
                frames, spectrum, y = _disturbed(frames, spectrum, y, plan.disturb, disturbance)
            frames, spectrum, y = _mixed(frames, spectrum, y, plan.mixup, generator)
            frames, spectrum, y = frames.to(device), spectrum.to(device), y.to(device)
            changes, lines = network(frames, spectrum)  # (B, 128) each
            told = telling(torch.cat([changes, lines], 1))  # (B, C)
            exchanged, its_y = _exchanged(changes, lines, y, plan.exchange, generator)
            loss = -(y * told).sum(1).mean() + matching.loss(exchanged, its_y)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
            right.append((told.argmax(1) == y.argmax(1)).float().mean())
        figures = {"loss": float(torch.stack(losses).mean()), "accuracy": float(torch.stack(right).mean())}
        if not np.isfinite(figures["loss"]):
            raise DivergedError(f"{name}: training diverged in epoch {epoch + 1}: loss {figures['loss']}")
        history.append({"epoch": epoch + 1, **figures})
        progress(epoch + 1, figures)
    _settle_norms(network, clips)
    return network.cpu().eval(), history


@torch.no_grad()
def _settle_norms(network: DualBranch, clips: _Clips) -> None:
    """Batch normalisation's running means of the last weights and of clips that are not mixed: few steps
    leave those of training behind, and scoring hears no mixtures."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    network.train()
    for frames, spectrum, _ in clips.batches():
        network(frames.to(clips.device), spectrum.to(clips.device))


class _Clips:
    """The training clips as batches of equal length."""

    def __init__(
        self,
        views: Sequence[DualViews],
        labels: np.ndarray,
        plan: DualPlan,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        self.plan, self.generator, self.device = plan, generator, device
        self.frames = [torch.from_numpy(v.frames) for v in views]
        self.spectra = torch.from_numpy(np.stack([v.spectrum for v in views]))  # (N, P)
        self.y = one_hot(torch.from_numpy(labels).long()).float()  # (N, C)
        self.length = min(int(np.median([len(v.frames) for v in views])), plan.longest)

    def batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Frames (B, T, F), spectra (B, P) and labels (B, C) of one epoch. A last batch of one clip is
        left out: batch normalisation has no variance there."""
        rounds = -(-max(self.plan.least_clips, 1) // len(self.frames))
        orders = [torch.randperm(len(self.frames), generator=self.generator) for _ in range(rounds)]
        for part in torch.cat(orders).split(self.plan.batch_size):
            if len(part) > 1:
                frames = torch.stack([self._cut(self.frames[i]) for i in part.tolist()])
                yield frames, self.spectra[part], self.y[part]

    def _cut(self, frames: Tensor) -> Tensor:
        """A random part of the common length; a shorter clip goes round."""
        spare = len(frames) - self.length
        if spare <= 0:
            return frames[torch.arange(self.length) % len(frames)]
        start = int(torch.randint(spare + 1, (), generator=self.generator))
        return frames[start : start + self.length]


def _disturbed(
    frames: Tensor, spectrum: Tensor, y: Tensor, share: float, disturbance: Disturbance
) -> tuple[Tensor, Tensor, Tensor]:
    """Some clips made odd, which changes their class to its twin; labels become (B, 2C)."""
    odd = (torch.rand(len(y), generator=disturbance.generator) < share)[:, None]  # (B, 1)
    odd_frames, odd_spectrum = disturbance(frames, spectrum)
    none = torch.zeros_like(y)
    labels = torch.where(odd, torch.cat([none, y], 1), torch.cat([y, none], 1))
    return torch.where(odd[..., None], odd_frames, frames), torch.where(odd, odd_spectrum, spectrum), labels


def _mixed(
    frames: Tensor, spectrum: Tensor, y: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Some clips with another of the batch added; the weight λ is uniform, for labels as for powers."""
    other = torch.randperm(len(y), generator=generator)
    weight = torch.rand(len(y), generator=generator)
    weight[torch.rand(len(y), generator=generator) >= share] = 1.0
    weight = weight[:, None]  # (B, 1)

    def blend(a: Tensor, w: Tensor) -> Tensor:
        return w * a + (1 - w) * a[other]

    def blend_db(x: Tensor, w: Tensor) -> Tensor:
        return 10 * blend(torch.pow(10.0, x / 10), w).clamp_min(1e-20).log10()

    return blend_db(frames, weight[..., None]), blend_db(spectrum, weight), blend(y, weight)


def _exchanged(
    changes: Tensor, lines: Tensor, y: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Embeddings (B, 256), some with the second half of another clip, and their labels (B, 3C): whole clips
    are of the first C classes, of the exchanged ones half is of each clip's class among the other 2C."""
    size = len(y)
    other = torch.randperm(size, generator=generator).to(y.device)
    swapped = (torch.rand(size, generator=generator) < share).to(y.device)[:, None]  # (B, 1)
    embedding = torch.cat([changes, torch.where(swapped, lines[other], lines)], 1)
    none = torch.zeros_like(y)
    whole, halves = torch.cat([y, none, none], 1), torch.cat([none, y / 2, y[other] / 2], 1)
    return embedding, torch.where(swapped, halves, whole)


class _Scoring(nn.Module):
    def __init__(self, network: DualBranch) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        return self.network(frames, spectrum)


def export_dual(network: DualBranch, shape: Shape, *, kind: str) -> np.ndarray:
    """The ONNX bytes (L,) uint8 of a trained network: ``frames`` (N, T, F) and ``spectrum`` (M, P) in,
    ``changes`` (N, 128) and ``lines`` (M, 128) out; N and M may differ.

    Args:
        kind: as `export`'s.
    """
    inputs = {
        "frames": (torch.zeros(3, 160, shape.bands), {0: "clips", 1: "times"}),
        "spectrum": (torch.zeros(2, shape.points), {0: "spectra"}),
    }
    scoring = _Scoring(network).eval()
    (blob,) = export(scoring, inputs, ["changes", "lines"], [network.state_dict()], kind=kind)
    return blob

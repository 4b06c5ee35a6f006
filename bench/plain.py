"""The plain reference for speed measurements: the same task in a straightforward implementation.

Per-clip log-mels by librosa, all 640-d vectors in memory as float64, eager PyTorch on one network, Adam,
batches of 256 indexed from a tensor, scoring clip by clip. Nothing is deliberately slowed down or optimised:
no data loader, no logging, and PyTorch's default number of threads. The networks are the autoencoder of
Harada et al., "First-shot anomaly detection for machine condition monitoring", EUSIPCO 2023, and the gamma
VAE of the DCASE 2024 Task 2 report with its exact divergence, both implemented from their descriptions.

    python -m bench.plain NETWORK.pt CLIP …      prints a score for each clip
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import librosa
import numpy as np
import soundfile
import torch
from torch import Tensor, nn

BANDS, CONTEXT, BATCH = 128, 5, 256
WIDTH = BANDS * CONTEXT


def log_mel(path: str) -> np.ndarray:
    """(T, 128) log-mel of one clip in dB."""
    samples, rate = soundfile.read(path, dtype="float32")
    mel = librosa.feature.melspectrogram(
        y=samples, sr=rate, n_fft=1024, hop_length=512, n_mels=BANDS, power=2.0
    )
    return 10.0 * np.log10(np.maximum(mel, 2.220446e-16)).T


def vectors_of(paths: Sequence[str]) -> np.ndarray:
    """The (V, 640) float64 vectors of all clips: five consecutive log-mel frames each."""
    clips = [log_mel(path) for path in paths]
    out = np.empty((sum(len(clip) - CONTEXT + 1 for clip in clips), WIDTH))
    row = 0
    for clip in clips:
        count = len(clip) - CONTEXT + 1
        for frame in range(CONTEXT):
            out[row : row + count, frame * BANDS : (frame + 1) * BANDS] = clip[frame : frame + count]
        row += count
    return out


def _blocks(widths: Iterable[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out, momentum=0.01, eps=1e-3), nn.ReLU()]
    return nn.Sequential(*layers)


class Autoencoder(nn.Module):
    """The network of the baseline, 267,928 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = _blocks([WIDTH, 128, 128, 128, 128, 8, 128, 128, 128, 128])
        self.rebuild = nn.Linear(128, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.rebuild(self.layers(x))

    def loss(self, x: Tensor) -> Tensor:
        return nn.functional.mse_loss(self(x), x)


class GammaVAE(nn.Module):
    """The network of the report, 268,944 parameters, with softplus heads and the exact divergence."""

    PRIOR_SHAPE = 2.0  # the scale of the prior is 1

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _blocks([WIDTH, 128, 128, 128, 128])
        self.shape, self.scale = nn.Linear(128, 8), nn.Linear(128, 8)
        self.decoder = _blocks([8, 128, 128, 128, 128])
        self.rebuild = nn.Linear(128, WIDTH)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(x)
        softplus = nn.functional.softplus
        return softplus(self.shape(h)) + 0.1, softplus(self.scale(h)) + 1e-6

    def forward(self, x: Tensor) -> Tensor:
        shape, scale = self.posterior(x)
        return self.rebuild(self.decoder(shape * scale))

    def loss(self, x: Tensor) -> Tensor:
        shape, scale = self.posterior(x)
        z = (torch._standard_gamma(shape) * scale).clamp_min(1e-6)
        prior = torch.tensor(self.PRIOR_SHAPE)
        divergence = (
            (shape - prior) * torch.digamma(shape)
            - torch.lgamma(shape)
            + torch.lgamma(prior)
            - prior * torch.log(scale)
            + shape * (scale - 1)
        )
        return nn.functional.mse_loss(self.rebuild(self.decoder(z)), x) + divergence.sum(1).mean()


NETWORKS: dict[str, type[Autoencoder | GammaVAE]] = {"autoencoder": Autoencoder, "gamma_vae": GammaVAE}


def train(network: Autoencoder | GammaVAE, vectors: Tensor, epochs: int = 100) -> Iterator[float]:
    """Train a network; yield the mean loss of each epoch when it ends.

    Args:
        vectors: (V, 640) float64, on the device to train on.
    """
    network.to(vectors.device).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(epochs):
        total = torch.zeros((), device=vectors.device)
        for batch in torch.randperm(len(vectors), device=vectors.device).split(BATCH):
            if len(batch) == 1:  # batch normalisation cannot compute a variance
                continue
            optimiser.zero_grad()
            loss = network.loss(vectors[batch].float())
            loss.backward()
            optimiser.step()
            total += loss.detach() * len(batch)
        yield float(total) / len(vectors)


@torch.no_grad()
def scores(network: nn.Module, paths: Iterable[str]) -> Iterator[float]:
    """Yield the mean squared error of each clip, processed one at a time from file to score."""
    network.eval()
    for path in paths:
        frames = log_mel(path)
        count = len(frames) - CONTEXT + 1
        x = torch.from_numpy(np.hstack([frames[i : i + count] for i in range(CONTEXT)]))
        yield float((network(x) - x).square().mean())


def main(network: str, *paths: str) -> None:
    """Score clips with a network from a file that contains its kind and its state."""
    kind, state = torch.load(network, weights_only=True)
    loaded = NETWORKS[kind]()
    loaded.load_state_dict(state)
    for path, score in zip(paths, scores(loaded, paths), strict=True):
        print(f"{path}\t{score:.6f}")


if __name__ == "__main__":
    main(*sys.argv[1:])

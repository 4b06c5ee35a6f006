"""The dual-branch network: a small ResNet on the frames and strided convolutions on the clip's spectrum.

Wilkinghoff, ICASSP 2023 ("Design choices …") and 2024 ("Self-supervised learning for anomalous sound
detection"); residual blocks with squeeze-and-excitation after Hu et al., CVPR 2018. As published, a
layer before a normalisation has no bias.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

#: Dimensions of the embedding of each branch.
EMBEDDING = 128


@dataclass(frozen=True)
class DualBranchSize:
    """The input sizes and layer sizes of the network."""

    bands: int  # values of a frame, F
    points: int  # of the spectrum, P
    width: int = 16  # channels of the first residual stage; each of the three further stages doubles them
    blocks: int = 1  # residual blocks per stage
    line_width: int = 64  # channels of the convolutions on the spectrum
    kernels: Sequence[tuple[int, int]] = ((64, 16), (16, 8), (16, 4))  # lengths and strides of their kernels
    published: bool = False  # as published: see `DualBranch` and `FrameBranch`

    @property
    def block_strides(self) -> list[int]:
        """Strides of the residual blocks: all stages but the first halve time and frequency."""
        return [2 if stage > 0 and number == 0 else 1 for stage in range(4) for number in range(self.blocks)]


class DualBranch(nn.Module):
    """Both branches.

    Their embeddings are returned separately, since FeatEx exchanges them between clips. As published, the
    inputs are converted from dB to magnitudes first.
    """

    def __init__(self, size: DualBranchSize) -> None:
        super().__init__()
        self.frames = FrameBranch(size)
        self.spectrum = SpectrumBranch(size)
        self.magnitudes = size.published

    def forward(self, frames: Tensor, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """The two (B, 128) embeddings of (B, T, F) frames and (B, P) spectra, in dB."""
        if self.magnitudes:
            frames, spectrum = (torch.exp(x * (math.log(10) / 20)) for x in (frames, spectrum))
        return self.frames(frames), self.spectrum(spectrum)


class FrameBranch(nn.Module):
    """The embedding of the frames: a ResNet, pooled over time.

    As published, the mean of each band is subtracted first and pooling is the maximum over time. On dB values
    of a hundred clips the maximum is mostly noise: there the bands keep their levels and pooling is the mean.
    """

    def __init__(self, size: DualBranchSize) -> None:
        super().__init__()
        self.published = size.published
        widths = [size.width * 2**stage for stage in range(4)]
        self.norm_in = nn.BatchNorm2d(1)
        self.first = nn.Conv2d(1, widths[0], 7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = [widths[0], *(width for width in widths for _ in range(size.blocks))]
        blocks = zip(pairwise(channels), size.block_strides, strict=True)
        self.blocks = nn.Sequential(*(Residual(*in_out, stride=stride) for in_out, stride in blocks))
        bands = size.bands
        for _ in range(5):  # first convolution, pooling, three stages
            bands = (bands + 1) // 2
        self.norm_out = nn.BatchNorm1d(widths[-1] * bands)
        self.out = nn.Linear(widths[-1] * bands, EMBEDDING, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.published:
            x = x - x.mean(dim=1, keepdim=True)
        x = self.pool(torch.relu(self.norm(self.first(self.norm_in(x[:, None])))))  # (B, W, T/4, F/4)
        x = self.blocks(x)  # (B, 8W, T/32, F/32)
        x = x.amax(dim=2) if self.published else x.mean(dim=2)  # (B, 8W, F/32)
        return self.out(self.norm_out(x.flatten(1)))  # (B, 128)


class Residual(nn.Module):
    """A residual block: two convolutions with squeeze-and-excitation, and a shortcut."""

    def __init__(self, n_in: int, n_out: int, *, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        squeezed = max(n_out // 4, 2)
        self.excite = nn.Sequential(
            nn.Linear(n_out, squeezed), nn.ReLU(), nn.Linear(squeezed, n_out), nn.Sigmoid()
        )
        self.short = (
            nn.Identity()
            if (n_in, stride) == (n_out, 1)
            else nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out))
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)  # (B, C, T, F)
        gain = self.excite(y.mean(dim=(2, 3)))  # (B, C)
        return torch.relu(self.short(x) + y * gain[:, :, None, None])


class SpectrumBranch(nn.Module):
    """The embedding of the clip's spectrum: three strided convolutions over frequency, then an MLP."""

    def __init__(self, size: DualBranchSize) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.BatchNorm1d(1)]
        channels, points = 1, size.points
        for length, stride in size.kernels:
            convolution = nn.Conv1d(
                channels, size.line_width, length, stride, padding=length // 2, bias=False
            )
            layers += [convolution, nn.BatchNorm1d(size.line_width), nn.ReLU()]
            channels, points = size.line_width, (points + 2 * (length // 2) - length) // stride + 1
        layers.append(nn.Flatten())
        width = channels * points
        for _ in range(3):
            layers += [nn.Linear(width, EMBEDDING, bias=False), nn.BatchNorm1d(EMBEDDING), nn.ReLU()]
            width = EMBEDDING
        self.layers = nn.Sequential(*layers, nn.Linear(EMBEDDING, EMBEDDING, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x[:, None])  # (B, 128)

"""The dual-branch network: a small ResNet on frames, strided convolutions on the spectrum of the clip.

Wilkinghoff, ICASSP 2023 ("Design choices …") and 2024 ("Self-supervised learning for anomalous sound
detection"); residual blocks with squeeze-excitation after Hu et al., CVPR 2018. Layers have no bias before a
normalisation, as there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

EMBEDDING = 128  # numbers that each branch gives


@dataclass(frozen=True)
class Shape:
    """What the network looks like."""

    bands: int  # F of the frames
    points: int  # of the spectrum
    width: int = 16  # channels of the first residual stage; each of the three others has twice as many
    blocks: int = 1  # residual blocks in a stage
    line_width: int = 64  # channels of the convolutions on the spectrum
    kernels: Sequence[tuple[int, int]] = ((64, 16), (16, 8), (16, 4))  # their lengths and strides
    published: bool = False  # magnitudes, each band's mean taken away, and the maximum over time


class DualBranch(nn.Module):
    """Both branches; their embeddings stay apart, since FeatEx exchanges them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.frames = FrameBranch(shape)
        self.spectrum = SpectrumBranch(shape)
        self.magnitudes = shape.published

    def forward(self, frames: Tensor, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, F) and (B, P) in dB to two embeddings (B, 128)."""
        if self.magnitudes:
            frames, spectrum = (torch.exp(x * (math.log(10) / 20)) for x in (frames, spectrum))
        return self.frames(frames), self.spectrum(spectrum)


class FrameBranch(nn.Module):
    """How a clip changes: a ResNet, pooled over time.

    As published each band's mean is taken away first and the maximum over time is what counts. On logarithms
    of a hundred clips a maximum is mostly noise; there the mean is taken, and the bands keep their levels.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.published = shape.published
        widths = [shape.width * 2**stage for stage in range(4)]
        self.norm_in = nn.BatchNorm2d(1)
        self.first = nn.Conv2d(1, widths[0], 7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        blocks: list[nn.Module] = []
        for n_in, n_out in pairwise([widths[0], *widths]):
            for number in range(shape.blocks):
                new = number == 0 and len(blocks) > 0  # each stage but the first halves time and frequency
                blocks.append(Residual(n_in if number == 0 else n_out, n_out, stride=2 if new else 1))
        self.blocks = nn.Sequential(*blocks)
        bands = shape.bands
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
    """Two convolutions, each channel weighed by what the clip holds, beside a short cut."""

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
    """What a clip holds: three strided convolutions over frequency, then an MLP."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.BatchNorm1d(1)]
        channels, points = 1, shape.points
        for length, stride in shape.kernels:
            convolution = nn.Conv1d(
                channels, shape.line_width, length, stride, padding=length // 2, bias=False
            )
            layers += [convolution, nn.BatchNorm1d(shape.line_width), nn.ReLU()]
            channels, points = shape.line_width, (points + 2 * (length // 2) - length) // stride + 1
        layers.append(nn.Flatten())
        width = channels * points
        for _ in range(3):
            layers += [nn.Linear(width, EMBEDDING, bias=False), nn.BatchNorm1d(EMBEDDING), nn.ReLU()]
            width = EMBEDDING
        self.layers = nn.Sequential(*layers, nn.Linear(EMBEDDING, EMBEDDING, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x[:, None])  # (B, 128)

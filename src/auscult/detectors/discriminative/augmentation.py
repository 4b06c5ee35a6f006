"""Clips made odd on purpose: what a network must notice where normal clips alone leave nothing to tell apart.

A gain over a few neighbouring frequencies, all the time, in one stretch, or again and again. Telling such
clips from intact ones is a self-made task in the way of CutPaste (Li et al., CVPR 2021) for pictures: local
changes of a normal sample form a class of their own.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

#: Smallest and largest gain, dB, of either sign; and width of the gain as a share of all bands.
GAINS = (3.0, 20.0)
WIDTHS = (0.01, 0.15)


class Disturbance:
    """Draws gains and applies them to both views alike."""

    def __init__(self, bands: np.ndarray, lines: np.ndarray, generator: torch.Generator) -> None:
        """
        Args:
            bands, lines: (F,) and (P,) where the values of a frame and the points of the spectrum lie on one
                axis of frequency from 0 to 1.
        """
        self.bands, self.lines = (torch.from_numpy(x.astype(np.float32)) for x in (bands, lines))
        self.generator = generator

    def __call__(self, frames: Tensor, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B, T, F) and spectra (B, P) in dB, on the CPU, every clip with a gain of its own."""
        size, length = frames.shape[:2]
        centre, width = self._draw(size), WIDTHS[0] * (WIDTHS[1] / WIDTHS[0]) ** self._draw(size)
        gain = GAINS[0] + (GAINS[1] - GAINS[0]) * self._draw(size)
        gain = torch.where(self._draw(size) < 0.5, gain, -gain)[:, None]  # (B, 1) dB
        when = self._when(size, length)  # (B, T), 0 or 1
        bumps = [
            torch.exp(-0.5 * ((axis - centre[:, None]) / width[:, None]) ** 2)
            for axis in (self.bands, self.lines)
        ]
        share = when.mean(dim=1, keepdim=True)  # (B, 1) of the time
        power = 1 - share + share * torch.exp(gain * bumps[1] * (math.log(10) / 10))  # (B, P)
        return frames + (gain * bumps[0])[:, None] * when[..., None], spectrum + 10 * power.log10()

    def _when(self, size: int, length: int) -> Tensor:
        """(B, T): a third all the time, the others in periods of 2 frames to twice the clip."""
        period = 2 * length ** self._draw(size)
        phase = (torch.arange(length) / period[:, None] + self._draw(size)[:, None]) % 1
        on = phase < (0.1 + 0.4 * self._draw(size))[:, None]
        return (on | (self._draw(size) < 1 / 3)[:, None]).float()

    def _draw(self, size: int) -> Tensor:
        return torch.rand(size, generator=self.generator)

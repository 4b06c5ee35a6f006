"""Pseudo-anomalies: normal clips with a random gain in a narrow frequency band.

They give the network extra classes to separate where the normal clips alone have few. The gain applies all
the time, in one interval, or periodically. Separating such clips from unmodified ones is a self-supervised
task like CutPaste (Li et al., CVPR 2021) for images, where local changes of a normal sample form a class.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

#: Smallest and largest absolute gain, dB; its sign is random.
GAINS = (3.0, 20.0)
#: Smallest and largest width of the band, as a share of the frequency axis.
WIDTHS = (0.01, 0.15)


class RandomBandGain:
    """Applies a random gain in a narrow band, the same one to both views of a clip."""

    def __init__(self, bands: np.ndarray, lines: np.ndarray, generator: torch.Generator) -> None:
        """
        Args:
            bands, lines: (F,) and (P,) positions of the values of a frame and of the points of the spectrum
                on a common frequency axis from 0 to 1.
            generator: of all random numbers.
        """
        self.bands, self.lines = (torch.from_numpy(x.astype(np.float32)) for x in (bands, lines))
        self.generator = generator

    def __call__(self, frames: Tensor, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """Modified frames (B, T, F) and spectra (B, P), in dB and on the CPU; the gain differs by clip."""
        size, length = frames.shape[:2]
        centre, width = self._uniform(size), WIDTHS[0] * (WIDTHS[1] / WIDTHS[0]) ** self._uniform(size)
        gain = GAINS[0] + (GAINS[1] - GAINS[0]) * self._uniform(size)
        gain = torch.where(self._uniform(size) < 0.5, gain, -gain)[:, None]  # (B, 1) dB
        active = self._active_frames(size, length)  # (B, T), 0 or 1
        bumps = [
            torch.exp(-0.5 * ((axis - centre[:, None]) / width[:, None]) ** 2)
            for axis in (self.bands, self.lines)
        ]
        share = active.mean(dim=1, keepdim=True)  # (B, 1) of the time
        power = 1 - share + share * torch.exp(gain * bumps[1] * (math.log(10) / 10))  # (B, P)
        return frames + (gain * bumps[0])[:, None] * active[..., None], spectrum + 10 * power.log10()

    def _active_frames(self, size: int, length: int) -> Tensor:
        """The (B, T) mask of frames with the gain: all frames in a third of the clips; in the others it is
        periodic, with a period from 2 frames to twice the clip."""
        period = 2 * length ** self._uniform(size)
        phase = (torch.arange(length) / period[:, None] + self._uniform(size)[:, None]) % 1
        on = phase < (0.1 + 0.4 * self._uniform(size))[:, None]
        return (on | (self._uniform(size) < 1 / 3)[:, None]).float()

    def _uniform(self, size: int) -> Tensor:
        return torch.rand(size, generator=self.generator)

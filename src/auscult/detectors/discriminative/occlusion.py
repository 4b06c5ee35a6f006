"""Where a network of two views finds a clip odd: by how much its score falls when a part is hidden.

Occlusion is of Zeiler & Fergus, "Visualizing and understanding convolutional networks", ECCV 2014. In the
frames a group of bands over a stretch of time is replaced by the usual level of each, in the spectrum a group
by the usual spectrum; when the latter's share came about is told by where the clip's log-mel is far from
usual. A map's mean over time, summed over bands, is the sum of all falls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from auscult.detectors.discriminative.dual_views import DualViews
from auscult.detectors.statistics.pooled_views import shared_out


@dataclass(frozen=True)
class Hiding:
    """What is hidden of a clip, part after part.

    Attributes:
        axes: where the values of a frame (F,) and the points of the spectrum (P,) lie among the mel bands,
            from 0 to 1.
        usual_frames: (F,) what stands in for hidden frames.
        usual_spectrum: (P,) what stands in for the hidden spectrum.
        groups: of bands, G.
        stretches: of time at most, S.
    """

    axes: tuple[np.ndarray, np.ndarray]
    usual_frames: np.ndarray
    usual_spectrum: np.ndarray
    groups: int
    stretches: int

    def spectra(self, views: DualViews) -> np.ndarray:
        """(G, P) float32: the spectrum with each group of bands hidden in turn."""
        group = (self.axes[1] * self.groups).astype(int)  # (P,)
        hidden = group == np.arange(self.groups)[:, None]
        return np.where(hidden, self.usual_spectrum, views.spectrum).astype(np.float32)

    def frames(self, views: DualViews) -> Iterator[np.ndarray]:
        """For each group of bands (S, T', F): the frames with it hidden in each stretch of time in turn.

        One group at a time: copies of a long clip for all of them would fill the memory.
        """
        group_of = (self.axes[0] * self.groups).astype(int)  # (F,)
        cuts = self._cuts(views)
        for group in range(self.groups):
            columns = np.flatnonzero(group_of == group)
            hidden = np.repeat(views.frames[None], len(cuts) - 1, axis=0)
            for clip, (start, stop) in zip(hidden, pairwise(cuts), strict=True):
                clip[start:stop, columns] = self.usual_frames[columns]
            yield hidden

    def stretch_of(self, views: DualViews, places: np.ndarray) -> np.ndarray:
        """(T,) the stretch of time that each place (T,), counted in the frames of the view, is in."""
        cuts = self._cuts(views)
        return np.minimum(np.searchsorted(cuts[1:], places, side="right"), len(cuts) - 2)

    def map(
        self,
        log_mel: np.ndarray,
        stretch: np.ndarray,
        falls: np.ndarray,
        steady_falls: np.ndarray,
        usual: np.ndarray,
    ) -> np.ndarray:
        """The falls of one score over time and frequency.

        Args:
            log_mel: (T, B) of the clip, dB.
            stretch: (T,) which stretch a frame is in.
            falls: (G · S,) with each group hidden in each stretch.
            steady_falls: (G,) with each group of the spectrum hidden.
            usual: (B,) mean log-mel of normal clips.

        Returns:
            (T, B) float32.
        """
        group = np.arange(log_mel.shape[1]) * self.groups // log_mel.shape[1]  # (B,)
        bands = np.bincount(group)
        each = np.maximum(falls, 0.0).reshape(self.groups, -1) / bands[:, None]  # (G, S) of each band
        duration = np.bincount(stretch, minlength=each.shape[1])
        blocks = (each * len(log_mel) / np.maximum(duration, 1))[group][:, stretch].T  # (T, B)
        share = np.maximum(steady_falls, 0.0) / bands
        return (blocks + shared_out(share[group], log_mel, "mean", usual)).astype(np.float32)

    def _cuts(self, views: DualViews) -> np.ndarray:
        """Where stretches begin and end, in frames of the view."""
        count = len(views.frames)
        return np.linspace(0, count, min(self.stretches, count) + 1).astype(int)

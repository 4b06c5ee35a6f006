"""Score maps by occlusion: how much the score drops when a part of the clip is replaced by normal sound.

Occlusion follows Zeiler & Fergus, "Visualizing and understanding convolutional networks", ECCV 2014. In the
frames, a group of bands over a segment of time is replaced by the mean level of each band in the normal
clips; in the spectrum, a group of bands is replaced by the mean spectrum. The spectrum has no time axis: its
drops are distributed over time by how far the clip's log-mel deviates from normal. The mean of a map over
time, summed over bands, is the sum of all drops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from auscult.detectors.discriminative.dual_views import DualViews
from auscult.detectors.statistics.pooled_views import distribute_over_frames


@dataclass(frozen=True)
class Occluder:
    """Replaces one part of a clip at a time.

    Attributes:
        axes: positions of the values of a frame (F,) and of the points of the spectrum (P,) on the mel axis,
            from 0 to 1.
        mean_frame: (F,) replaces occluded parts of the frames.
        mean_spectrum: (P,) replaces occluded parts of the spectrum.
        groups: number of groups of bands, G.
        segments: maximum number of segments of time, S.
    """

    axes: tuple[np.ndarray, np.ndarray]
    mean_frame: np.ndarray
    mean_spectrum: np.ndarray
    groups: int
    segments: int

    def occluded_spectra(self, views: DualViews) -> np.ndarray:
        """(G, P) float32: the spectrum with each group of bands occluded in turn."""
        group = (self.axes[1] * self.groups).astype(int)  # (P,)
        occluded = group == np.arange(self.groups)[:, None]
        return np.where(occluded, self.mean_spectrum, views.spectrum).astype(np.float32)

    def occluded_frames(self, views: DualViews) -> Iterator[np.ndarray]:
        """For each group of bands, (S, T', F): the frames with it occluded in each segment of time in turn.

        Yields one group at a time: copies of a long clip for all groups would fill the memory.
        """
        group_of = (self.axes[0] * self.groups).astype(int)  # (F,)
        edges = self._segment_edges(views)
        for group in range(self.groups):
            columns = np.flatnonzero(group_of == group)
            copies = np.repeat(views.frames[None], len(edges) - 1, axis=0)
            for frames, (start, stop) in zip(copies, pairwise(edges), strict=True):
                frames[start:stop, columns] = self.mean_frame[columns]
            yield copies

    def segment_of(self, views: DualViews, positions: np.ndarray) -> np.ndarray:
        """(T,) the segment that contains each position (T,), counted in frames of the view."""
        edges = self._segment_edges(views)
        return np.minimum(np.searchsorted(edges[1:], positions, side="right"), len(edges) - 2)

    def map(
        self,
        log_mel: np.ndarray,
        segment: np.ndarray,
        frame_drops: np.ndarray,
        spectrum_drops: np.ndarray,
        mean_log_mel: np.ndarray,
    ) -> np.ndarray:
        """The drops of one score, distributed over time and frequency.

        Args:
            log_mel: (T, B) of the clip, dB.
            segment: (T,) index of the segment of each frame.
            frame_drops: (G · S,) with each group of bands occluded in each segment.
            spectrum_drops: (G,) with each group of the spectrum occluded.
            mean_log_mel: (B,) of the normal clips.

        Returns:
            (T, B) float32.
        """
        group = np.arange(log_mel.shape[1]) * self.groups // log_mel.shape[1]  # (B,)
        bands = np.bincount(group)
        per_band = np.maximum(frame_drops, 0.0).reshape(self.groups, -1) / bands[:, None]  # (G, S)
        duration = np.bincount(segment, minlength=per_band.shape[1])
        blocks = (per_band * len(log_mel) / np.maximum(duration, 1))[group][:, segment].T  # (T, B)
        share = np.maximum(spectrum_drops, 0.0) / bands
        steady = distribute_over_frames(share[group][None], log_mel, ["mean"], mean_log_mel[None])  # (T, B)
        return (blocks + steady).astype(np.float32)

    def _segment_edges(self, views: DualViews) -> np.ndarray:
        """Where segments begin and end, in frames of the view."""
        count = len(views.frames)
        return np.linspace(0, count, min(self.segments, count) + 1).astype(int)

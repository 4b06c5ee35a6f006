"""Network detectors with densities of whole clips: Gaussians on vectors pooled from the network's outputs.

Where the network errs alike on all normal clips, an anomalous clip differs from them even if its errors are
small. A subclass pools each clip into one or more vectors, and one Gaussian is fitted to each. Adaptation
updates the Gaussians; the network stays as it is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from auscult.corpus import AudioClip, is_target
from auscult.detectors.reconstruction.network import WindowDetector
from auscult.detectors.statistics.densities import Gaussian


class ClipDensityDetector(WindowDetector):
    """A network on windows, and a Gaussian on every vector that `pooled` computes from a clip."""

    @abstractmethod
    def pooled(self, windows: np.ndarray, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the vectors of one clip whose density over normal clips is fitted, by name.

        Args:
            windows: (V, width), the windows of the clip.
            outputs: the results of `run` for them.
        """

    def density(self, name: str) -> Gaussian:
        """Return the fitted density of one of the vectors of `pooled`."""
        return Gaussian(*(self.arrays[f"{name}_{part}"] for part in ("means", "precision", "counts")))

    def fit_densities(self, recordings: Sequence[AudioClip]) -> None:
        """Fit a density to each pooled vector of normal clips."""
        clips = [self._windows(r) for r in recordings]
        target = is_target(recordings)
        if len(clips) == 1:  # one clip has no variance: use its two halves as two clips
            half = len(clips[0]) // 2
            clips, target = [clips[0][:half], clips[0][half:]], np.repeat(target, 2)
        # A generator, because the outputs of all clips may not fit in memory.
        run = self.run_for_fitting()
        with_outputs = ((windows, run(windows)) for windows in clips)
        for name, vectors in self._pooled_vectors(with_outputs).items():
            self._store_density(name, Gaussian.fit(vectors, target))

    def update_densities(
        self, clips: Iterable[tuple[np.ndarray, Mapping[str, np.ndarray]]], target: np.ndarray
    ) -> None:
        """Update the densities with further normal clips.

        Args:
            clips: for each of N clips the (V, width) windows and the results of `run` for them.
            target: (N,) bool, true for clips of the target domain.
        """
        for name, vectors in self._pooled_vectors(clips).items():
            self._store_density(name, self.density(name).adapted(vectors, target))

    def _pooled_vectors(
        self, clips: Iterable[tuple[np.ndarray, Mapping[str, np.ndarray]]]
    ) -> dict[str, np.ndarray]:
        """Return every pooled vector of N clips, each (N, D), by name."""
        pooled = [self.pooled(windows, outputs) for windows, outputs in clips]
        return {name: np.stack([vectors[name] for vectors in pooled]) for name in pooled[0]}

    def _store_density(self, name: str, density: Gaussian) -> None:
        self.arrays[f"{name}_means"] = density.means
        self.arrays[f"{name}_precision"] = density.precision
        self.arrays[f"{name}_counts"] = density.counts


def density_shapes(name: str, size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays of one density on vectors of ``size`` elements."""
    return {f"{name}_means": (2, size), f"{name}_precision": (size, size), f"{name}_counts": (2,)}

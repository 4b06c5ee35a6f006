"""Network detectors that know how whole clips are spread: a density of what the network says of each.

Where normal clips agree in how a network errs, an odd one stands out though its errors be small. One Gaussian
is kept for each vector that a subclass makes of a clip; new normals move it, and the network stays.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from auscult.corpus import AudioClip, of_target
from auscult.detectors.reconstruction.network import WindowDetector
from auscult.detectors.statistics.densities import Gaussian


class ClipDensityDetector(WindowDetector):
    """A network on windows, and a Gaussian on every vector that `pooled` makes of a clip."""

    @abstractmethod
    def pooled(self, windows: np.ndarray, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The vectors of one clip whose density over normal clips is learnt, by name.

        Args:
            windows: (V, width) of the clip.
            outputs: what `run` gave for them.
        """

    def density(self, name: str) -> Gaussian:
        """The density of one of the vectors that `pooled` gives."""
        return Gaussian(*(self.arrays[f"{name}_{part}"] for part in ("means", "precision", "counts")))

    def after_training(self, recordings: Sequence[AudioClip]) -> None:
        """Learns how the pooled vectors of normal clips are spread."""
        clips = [self._windows(r) for r in recordings]
        target = of_target(recordings)
        if len(clips) == 1:  # one clip has no spread: its two halves stand for two clips
            half = len(clips[0]) // 2
            clips, target = [clips[0][:half], clips[0][half:]], np.repeat(target, 2)
        heard = ((windows, self.run(windows)) for windows in clips)  # outputs of all would fill the memory
        for name, vectors in self._vectors(heard).items():
            self._keep(name, Gaussian.fit(vectors, target))

    def take_in(
        self, heard: Iterable[tuple[np.ndarray, Mapping[str, np.ndarray]]], target: np.ndarray
    ) -> None:
        """Takes further normal clips into the densities.

        Args:
            heard: of each of N clips the (V, width) windows and what `run` gave for them.
            target: (N,) bool, which are of the target domain.
        """
        for name, vectors in self._vectors(heard).items():
            self._keep(name, self.density(name).adapted(vectors, target))

    def _vectors(self, heard: Iterable[tuple[np.ndarray, Mapping[str, np.ndarray]]]) -> dict[str, np.ndarray]:
        """Every pooled vector of N clips, each (N, D)."""
        pooled = [self.pooled(windows, outputs) for windows, outputs in heard]
        return {name: np.stack([vectors[name] for vectors in pooled]) for name in pooled[0]}

    def _keep(self, name: str, density: Gaussian) -> None:
        self.arrays[f"{name}_means"] = density.means
        self.arrays[f"{name}_precision"] = density.precision
        self.arrays[f"{name}_counts"] = density.counts


def density_shapes(name: str, size: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays of one density on vectors of ``size`` elements."""
    return {f"{name}_means": (2, size), f"{name}_precision": (size, size), f"{name}_counts": (2,)}

"""Base class of scorers, which turn the outputs of a network for one recording into anomaly scores.

Where a network errs alike on all normal recordings, an anomalous one differs from them even if its errors are
small. So every scorer pools the outputs of a recording into one vector, and a Gaussian is fitted to these
vectors of normal recordings. Adapting a detector updates the Gaussians; the network stays as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from auscult.detectors.base import Evidence
from auscult.detectors.reconstruction.window_network import NetworkConfig
from auscult.detectors.statistics.densities import Gaussian

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

#: Outputs of a network by name, each (V, …) for V windows.
Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Scorer(ABC):
    """Scores of a recording, relative to statistics of normal recordings.

    Class attributes:
        scores: names of the scores.
        vector: name of the pooled vector, with which the names of the arrays of its density begin.

    Attributes:
        config: of the detector.
        arrays: of the detector; the scorer reads and sets its own.
        facts: of the detector, likewise.
    """

    scores: ClassVar[tuple[str, ...]]
    vector: ClassVar[str]

    config: NetworkConfig
    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]

    @property
    def bands(self) -> int:
        """Number of mel bands."""
        return self.config.front_end.n_mels

    @property
    def size(self) -> int:
        """Length of the pooled vector."""
        return 2 * self.bands

    @abstractmethod
    def pooled(self, windows: np.ndarray, outputs: Outputs) -> np.ndarray:
        """Return the pooled vector (D,) of a recording.

        Args:
            windows: (V, width), the windows of the recording.
            outputs: of the network for them.
        """

    @abstractmethod
    def evidence(self, windows: np.ndarray, outputs: Outputs, *, explain: bool) -> Evidence:
        """Return the scores of a recording, and with ``explain`` their maps."""

    @abstractmethod
    def evidence_in_graph(self, windows: Value, output: Callable[[str], Value]) -> GraphEvidence:
        """Compute scores and maps in an ONNX graph.

        Args:
            windows: (V, width) float32.
            output: returns an output of the network for them by its name.
        """

    def fit_windows(  # noqa: B027 - nothing by default
        self,
        run: Callable[[np.ndarray], Outputs],
        frames: np.ndarray,
        starts: np.ndarray,
        target_frames: np.ndarray,
    ) -> None:
        """Fit statistics of the single training windows; does nothing by default.

        Args:
            run: returns the outputs of the network for windows.
            frames: (F, bands), the frames of all recordings one after the other.
            starts: (N,) first frame of each training window.
            target_frames: (F,) bool, true for frames of the target domain.
        """

    def fit(self, vectors: Sequence[np.ndarray], target: np.ndarray) -> None:
        """Fit the density to the pooled vectors of normal recordings.

        Args:
            vectors: the pooled vector of each of N ≥ 2 recordings.
            target: (N,) bool, true for recordings of the target domain.
        """
        self._store(Gaussian.fit(np.stack(vectors), target))

    def update(self, clips: Sequence[tuple[np.ndarray, Outputs]], target: np.ndarray) -> list[str]:
        """Update what is fitted with further normal recordings.

        Args:
            clips: windows and outputs of the network for each of N recordings.
            target: (N,) bool, true for recordings of the target domain.

        Returns:
            Notes on what has changed.
        """
        vectors = [self.pooled(windows, outputs) for windows, outputs in clips]
        self._store(self.density.adapted(np.stack(vectors), target))
        return []

    @property
    def density(self) -> Gaussian:
        """The fitted density of the pooled vector."""
        return Gaussian(*(self.arrays[f"{self.vector}_{part}"] for part in ("means", "precision", "counts")))

    def _store(self, density: Gaussian) -> None:
        self.arrays.update({f"{self.vector}_{part}": array for part, array in vars(density).items()})

    def expected_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the arrays of the scorer."""
        name, size = self.vector, self.size
        return {f"{name}_means": (2, size), f"{name}_precision": (size, size), f"{name}_counts": (2,)}

"""What defines a network on context windows: layers and training loss in PyTorch, outputs as ONNX graphs.

Only fitting imports PyTorch: a trained network is stored and run as ONNX.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.detectors.base import Config
from auscult.errors import OptionError
from auscult.runtime.option_fields import option

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import Value
    from auscult.detectors.training.layers_onnx import TrainedNetwork
    from auscult.detectors.training.step import Batch, Loss

#: Precisions of matrix products in training; scoring always uses float32.
PRECISIONS = ("float32", "bf16")


@dataclass
class NetworkConfig(Config):
    """Options of a network on context windows; the defaults are the DCASE baseline's."""

    epochs: int = option(100, "Passes over the training vectors.")
    batch_size: int = option(256, "Vectors in one training step.")
    learning_rate: float = option(1e-3, "Learning rate of Adam.")
    context: int = option(5, "Frames in one vector.")
    validation: float = option(
        0.1,
        "Share of the training vectors that are held out to show the validation loss. It is 0 where fit "
        "calibrates by cross-fitting, which holds out recordings itself.",
    )
    device: str = option("auto", "Device to train on: auto, cpu, cuda or mps.")
    precision: str = option("float32", "Precision of matrix products in training.", choices=PRECISIONS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs < 1 or self.context < 1 or not self.learning_rate > 0:
            raise OptionError("epochs, context and learning_rate must be positive")
        if self.batch_size < 2:
            raise OptionError(f"batch_size must be at least 2 for batch normalisation, got {self.batch_size}")
        if not 0 <= self.validation < 1:
            raise OptionError(f"validation must be at least 0 and less than 1, got {self.validation:g}")

    @property
    def width(self) -> int:
        """Length of one vector."""
        return self.context * self.front_end.n_mels

    @property
    def variant(self) -> str:
        """The options that decide whether training can fail, for messages; empty if there are none."""
        return ""


class WindowNetwork(ABC):
    """A network on context windows; machines of a fleet share the program, but no weights.

    Shapes: M machines, B vectors per batch, width = context · bands.
    """

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config

    @abstractmethod
    def build(self, generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
        """Return the untrained modules of a fleet, from one random generator per machine."""

    def initialise(  # noqa: B027 - nothing by default
        self, modules: torch.nn.ModuleDict, frames: np.ndarray, starts: Sequence[np.ndarray]
    ) -> None:
        """Set initial values from statistics of the training recordings; does nothing by default.

        Args:
            modules: the new modules of the fleet.
            frames: (F, bands), the frames of all recordings one after the other.
            starts: for every machine the first frame of each of its training windows.
        """

    @abstractmethod
    def loss(self, modules: torch.nn.ModuleDict, batch: Batch) -> Loss:
        """Return the loss of each machine, (M,), and figures to log, each (M,) or (M, K)."""

    @abstractmethod
    def outputs(self, trained: TrainedNetwork, x: Value) -> Mapping[str, Value]:
        """Return the network outputs needed for scoring x (N, width), by name; each (N, …) float32."""

    def stored(self, trained: TrainedNetwork) -> dict[str, np.ndarray]:
        """Return the ONNX files that scoring runs, by the name of their array in the detector's ``arrays``.

        One file by default, ``network``, which computes `outputs` of the input ``x``.
        """
        return {"network": trained.to_onnx(self.outputs, self.config.width)}

    def trained_facts(self, trained: TrainedNetwork) -> dict[str, object]:
        """Return what the facts of the detector say about trained weights; nothing by default."""
        return {}

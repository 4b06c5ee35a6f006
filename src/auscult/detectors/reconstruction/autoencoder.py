"""The official autoencoder baseline of DCASE Challenge Task 2 (2023–2026).

Harada et al., "First-shot anomaly detection for machine condition monitoring: a domain generalization
baseline", EUSIPCO 2023. 640-128-128-128-128-8-128-128-128-128-640 on five stacked log-mel frames. Every layer
but the last is Linear with BatchNorm and ReLU, including the bottleneck: 267,928 parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auscult.corpus import AudioClip
from auscult.detectors.reconstruction.network_detector import NetworkDetector
from auscult.detectors.reconstruction.residual_scorer import ReconstructionConfig, ResidualScorer
from auscult.detectors.reconstruction.window_network import WindowNetwork
from auscult.detectors.representable import Representation
from auscult.errors import OptionError
from auscult.runtime.option_fields import option

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import Value
    from auscult.detectors.training.layers_onnx import TrainedNetwork
    from auscult.detectors.training.step import Batch, Loss

#: The layer with the codes, counted from 0: it follows the four hidden layers of the encoder.
_BOTTLENECK_LAYER = 4


@dataclass
class AutoencoderConfig(ReconstructionConfig):
    """Options of the autoencoder; the defaults are the baseline's."""

    hidden: int = option(128, "Width of the hidden layers.")
    bottleneck: int = option(8, "Width of the narrowest layer, the code.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.hidden, self.bottleneck) < 1:
            raise OptionError("hidden and bottleneck must be positive")


class AutoencoderNetwork(WindowNetwork):
    """Nine layers with ReLU, the fifth of them the bottleneck, and a linear one."""

    config: AutoencoderConfig

    def build(self, generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
        from torch import nn

        from auscult.detectors.training.layers import Linear, Stack

        c = self.config
        hidden = [c.hidden] * 4
        return nn.ModuleDict(
            {
                "layers": Stack(generators, [c.width, *hidden, c.bottleneck, *hidden]),
                "rebuild": Linear(generators, c.hidden, c.width),
            }
        )

    def loss(self, modules: torch.nn.ModuleDict, batch: Batch) -> Loss:
        from auscult.detectors.training.layers import mean_squared_error

        rebuilt = modules["rebuild"](modules["layers"](batch.x, batch.mask))  # (M, B, width)
        return mean_squared_error(rebuilt, batch.x, batch.mask), {}

    def outputs(self, trained: TrainedNetwork, x: Value) -> dict[str, Value]:
        return {"rebuilt": trained.linear("rebuild", trained.stack("layers", x))}


class Autoencoder(NetworkDetector):
    """An autoencoder trained on windows of normal sound; large reconstruction errors are anomalous."""

    name = "autoencoder"
    config: AutoencoderConfig
    config_type = AutoencoderConfig
    network_type = AutoencoderNetwork
    scores = ResidualScorer.scores
    fits_frame_length = False  # always the frames of the baseline
    batch_score = "mse"

    @property
    def scorers(self) -> tuple[ResidualScorer]:
        return (ResidualScorer(self.config, self.arrays, self.facts),)

    def represent(self, recording: AudioClip) -> Representation:
        """Return the outputs of the bottleneck, which the stored network does not return when scoring."""
        from auscult.detectors.onnx_export.intermediate import IntermediateNetwork

        network, opened = self.arrays["network"], self.__dict__.get("_bottleneck")
        if opened is None or opened.network is not network:
            opened = self._bottleneck = IntermediateNetwork(network, "Relu", _BOTTLENECK_LAYER)
        codes = opened.run({"x": self.windows(recording)})
        # Inside, networks of version 0.1.0 have a machine axis.
        return self.representation_by(codes.reshape(-1, codes.shape[-1]))

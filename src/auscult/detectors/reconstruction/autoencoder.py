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
from auscult.detectors.base import Representation
from auscult.detectors.reconstruction.reconstruction import NetworkConfig, NetworkDetector
from auscult.errors import OptionError
from auscult.runtime.option_fields import option

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import Value
    from auscult.detectors.training.layers_onnx import TrainedNetwork
    from auscult.detectors.training.step import Loss


#: The layer with the codes, counted from 0: it follows the four hidden layers of the encoder.
_BOTTLENECK_LAYER = 4


@dataclass
class AutoencoderConfig(NetworkConfig):
    """Options of the autoencoder; the defaults are the baseline's."""

    hidden: int = option(128, "Width of the hidden layers.")
    bottleneck: int = option(8, "Width of the narrowest layer, the code.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.hidden, self.bottleneck) < 1:
            raise OptionError("hidden and bottleneck must be positive")


class Autoencoder(NetworkDetector):
    """An autoencoder trained on windows of normal sound; large reconstruction errors are anomalous."""

    name = "autoencoder"
    config: AutoencoderConfig
    config_type = AutoencoderConfig

    def build(self, generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
        from torch import nn

        from auscult.detectors.training.layers import Linear, Stack

        c = self.config
        width, hidden = c.context * c.front_end.n_mels, [c.hidden] * 4
        return nn.ModuleDict(
            {
                "layers": Stack(generators, [width, *hidden, c.bottleneck, *hidden]),
                "rebuild": Linear(generators, c.hidden, width),
            }
        )

    def represent(self, recording: AudioClip) -> Representation:
        """Return the outputs of the bottleneck, which the stored network does not return when scoring."""
        from auscult.detectors.onnx_export.intermediate import IntermediateNetwork

        network, opened = self.arrays["network"], self.__dict__.get("_bottleneck")
        if opened is None or opened.network is not network:
            opened = self._bottleneck = IntermediateNetwork(network, "Relu", _BOTTLENECK_LAYER)
        codes = opened.run({"x": self._windows(recording)})
        # Inside, networks of version 0.1.0 have a machine axis.
        return self.representation_by(codes.reshape(-1, codes.shape[-1]))

    def loss(
        self,
        network: torch.nn.ModuleDict,
        x: torch.Tensor,
        mask: torch.Tensor,
        generators: Sequence[torch.Generator],
        epochs: torch.Tensor,
    ) -> Loss:
        from auscult.detectors.training.layers import mean_squared_error

        return mean_squared_error(network["rebuild"](network["layers"](x, mask)), x, mask), {}

    def outputs(self, network: TrainedNetwork, x: Value) -> dict[str, Value]:
        return {"rebuilt": network.linear("rebuild", network.stack("layers", x))}

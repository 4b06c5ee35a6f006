"""Trained layers in an ONNX graph; the counterpart of ``layers.py`` in evaluation mode.

With running statistics, a batch normalisation is one multiplication and one addition per channel. Both become
part of the weights of the linear layer before it, so the graph has no normalisation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import nn

from auscult.detectors.onnx_export.graph import Graph, Value
from auscult.detectors.training.layers import NORM_EPS


@dataclass(frozen=True)
class TrainedNetwork:
    """The weights of one machine, and its layers as parts of an ONNX graph.

    Attributes:
        weights: name in the ``state_dict`` of the fleet's network to array, without the machine axis.
    """

    weights: Mapping[str, np.ndarray]

    @classmethod
    def of_machine(cls, network: nn.Module, machine: int) -> TrainedNetwork:
        """Return one machine of a trained fleet.

        Args:
            network: of the fleet, on the CPU.
            machine: its index in the fleet.
        """
        return cls({name: tensor[machine].numpy() for name, tensor in network.state_dict().items()})

    def linear(self, name: str, x: Value) -> Value:
        """Apply the `Linear` of this name to x (N, in); return (N, out)."""
        return x.graph.Gemm(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def stack(self, name: str, x: Value) -> Value:
        """Apply the `Stack` of this name to x (N, widths[0]); return (N, widths[-1])."""
        layers = sum(key.startswith(f"{name}.linears.") and key.endswith(".bias") for key in self.weights)
        for layer in range(layers):
            x = x.graph.Relu(
                x.graph.Gemm(x, *self._normalised(f"{name}.linears.{layer}", f"{name}.norms.{layer}"))
            )
        return x

    def _normalised(self, linear: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
        """Return weight (in, out) and bias (1, out) of a linear layer and its normalisation in one."""
        weight, bias = (self.weights[f"{linear}.{name}"].astype(np.float64) for name in ("weight", "bias"))
        of_norm = (
            self.weights[f"{norm}.{name}"] for name in ("scale", "shift", "running_mean", "running_var")
        )
        gain, offset = normalisation(*of_norm, eps=NORM_EPS)
        return (weight * gain).astype(np.float32), (bias * gain + offset).astype(np.float32)

    def to_onnx(
        self, outputs: Callable[[TrainedNetwork, Value], Mapping[str, Value]], width: int
    ) -> np.ndarray:
        """Return the bytes of an ONNX file, (L,) uint8, with the input ``x``, (N, width) float32.

        Args:
            outputs: computes the named outputs, each a float32 matrix, from this network and x.
            width: length of one input vector.
        """
        graph = Graph()
        named = outputs(self, graph.input("x", np.float32, ("vectors", width)))
        typed = {
            name: (value, np.float32, (f"{name}_rows", f"{name}_columns")) for name, value in named.items()
        }
        return np.frombuffer(graph.to_bytes(typed, {}), np.uint8)


def normalisation(
    scale: np.ndarray, shift: np.ndarray, mean: np.ndarray, var: np.ndarray, *, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return factor and summand, float64, of a batch normalisation by running statistics.

    Args:
        scale, shift: trained parameters of the channels.
        mean, var: running statistics of the channels.
        eps: added to the variances.
    """
    gain = scale / np.sqrt(var.astype(np.float64) + eps)
    return gain, shift - mean * gain

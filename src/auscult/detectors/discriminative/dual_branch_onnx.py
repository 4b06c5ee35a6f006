"""The trained dual-branch network as an ONNX graph; the counterpart of ``dual_branch.py`` in evaluation mode.

Batch normalisations become part of the weights of the layer before or after them. Only the one before the
first convolution of each branch remains, since padding follows it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from auscult.detectors.discriminative.dual_branch import EMBEDDING, DualBranch, DualBranchSize
from auscult.detectors.onnx_export.graph import Graph, Value
from auscult.detectors.training.layers_onnx import normalisation

_EPS = 1e-5  # of PyTorch's normalisations


def export_dual(network: DualBranch, size: DualBranchSize) -> np.ndarray:
    """Export a trained network as the bytes of an ONNX file, (L,) uint8.

    Its inputs are ``frames`` (N, T, F) and ``spectrum`` (M, P), its outputs the embeddings ``changes``
    (N, 128) of the frames and ``lines`` (M, 128) of the spectrum; N and M may differ.

    Args:
        network: in evaluation mode, on the CPU.
        size: of the network.
    """
    graph = Graph()
    frames = graph.input("frames", np.float32, ("clips", "times", size.bands))
    spectrum = graph.input("spectrum", np.float32, ("spectra", size.points))
    if size.published:
        to_magnitude = np.float32(math.log(10) / 20)
        frames, spectrum = graph.Exp(frames * to_magnitude), graph.Exp(spectrum * to_magnitude)
    layers = _Layers({name: tensor.numpy() for name, tensor in network.state_dict().items()})
    changes, lines = _frame_branch(layers, frames, size), _spectrum_branch(layers, spectrum, size)
    outputs = {
        "changes": (changes, np.float32, ("clips", EMBEDDING)),
        "lines": (lines, np.float32, ("spectra", EMBEDDING)),
    }
    return np.frombuffer(graph.to_bytes(outputs, {}), np.uint8)


def _frame_branch(layers: _Layers, x: Value, size: DualBranchSize) -> Value:
    """Return the (N, 128) embedding of (N, T, F) frames; see `dual_branch.FrameBranch`."""
    graph = x.graph
    if size.published:
        x = x - x.mean(1, keepdims=True)
    x = layers.normalised("frames.norm_in", graph.Unsqueeze(x, np.array([1])))
    x = graph.Relu(layers.convolution("frames.first", "frames.norm", x, stride=2, padding=3))
    x = graph.MaxPool(x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])  # (N, W, T/4, F/4)
    for block, stride in enumerate(size.block_strides):
        x = _residual(layers, f"frames.blocks.{block}", x, stride)
    x = x.max(2) if size.published else x.mean(2)  # (N, 8W, F/32)
    return layers.linear_after_norm("frames.norm_out", "frames.out", graph.Flatten(x))


def _residual(layers: _Layers, name: str, x: Value, stride: int) -> Value:
    """Return the result of a residual block, (N, C, T, F); see `dual_branch.Residual`."""
    graph = x.graph
    y = graph.Relu(layers.convolution(f"{name}.body.0", f"{name}.body.1", x, stride=stride, padding=1))
    y = layers.convolution(f"{name}.body.3", f"{name}.body.4", y, stride=1, padding=1)
    squeezed = graph.Relu(layers.linear(f"{name}.excite.0", graph.Flatten(graph.GlobalAveragePool(y))))
    gain = graph.Sigmoid(layers.linear(f"{name}.excite.2", squeezed))  # (N, C)
    if f"{name}.short.0.weight" in layers.weights:
        x = layers.convolution(f"{name}.short.0", f"{name}.short.1", x, stride=stride, padding=0)
    return graph.Relu(x + y * graph.Unsqueeze(gain, np.array([2, 3])))


def _spectrum_branch(layers: _Layers, x: Value, size: DualBranchSize) -> Value:
    """Return the (M, 128) embedding of (M, P) spectra; see `dual_branch.SpectrumBranch`."""
    graph = x.graph
    x = layers.normalised("spectrum.layers.0", graph.Unsqueeze(x, np.array([1])))
    index = 1  # of the next layer in the sequence
    for length, stride in size.kernels:
        names = f"spectrum.layers.{index}", f"spectrum.layers.{index + 1}"
        x = graph.Relu(layers.convolution(*names, x, stride=stride, padding=length // 2))
        index += 3  # convolution, normalisation, ReLU
    x, index = graph.Flatten(x), index + 1
    for _ in range(3):
        x = graph.Relu(layers.linear(f"spectrum.layers.{index}", x, norm=f"spectrum.layers.{index + 1}"))
        index += 3
    return layers.linear(f"spectrum.layers.{index}", x)


@dataclass(frozen=True)
class _Layers:
    """Layers of PyTorch as parts of a graph, by their names in the ``state_dict``, here ``weights``."""

    weights: Mapping[str, np.ndarray]

    def normalised(self, norm: str, x: Value) -> Value:
        """Apply a normalisation of one channel."""
        gain, offset = (part.astype(np.float32) for part in self._norm(norm))
        return x * gain + offset

    def convolution(self, name: str, norm: str, x: Value, *, stride: int, padding: int) -> Value:
        """Apply a convolution over one or two axes, and a normalisation."""
        gain, offset = self._norm(norm)
        weight = self.weights[f"{name}.weight"]  # (out, in, …)
        axes = weight.ndim - 2
        weight = weight * gain.reshape(-1, *[1] * (axes + 1))
        return x.graph.Conv(
            x,
            weight.astype(np.float32),
            offset.astype(np.float32),
            strides=[stride] * axes,
            pads=[padding] * (2 * axes),
        )

    def linear(self, name: str, x: Value, *, norm: str = "") -> Value:
        """Apply a linear layer, and a normalisation after it if there is one."""
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")  # (out, in), (out,)
        if norm:
            gain, bias = self._norm(norm)
            weight = weight * gain[:, None]
        return _gemm(x, weight, bias)

    def linear_after_norm(self, norm: str, name: str, x: Value) -> Value:
        """Apply a normalisation and a linear layer."""
        gain, offset = self._norm(norm)
        weight = self.weights[f"{name}.weight"]
        return _gemm(x, weight * gain, weight @ offset)

    def _norm(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        parts = ("weight", "bias", "running_mean", "running_var")
        return normalisation(*(self.weights[f"{name}.{part}"] for part in parts), eps=_EPS)


def _gemm(x: Value, weight: np.ndarray, bias: np.ndarray | None) -> Value:
    parameters = [part.astype(np.float32) for part in (weight, bias) if part is not None]
    return x.graph.Gemm(x, *parameters, transB=1)

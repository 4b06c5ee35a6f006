"""Values inside a stored network that are not among its outputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auscult.detectors.onnx_export.runtime import OnnxNetwork
from auscult.errors import MissingExtraError

_NAME = "intermediate"


class IntermediateNetwork(OnnxNetwork):
    """A network that returns the result of one of its operators.

    Args:
        network: (L,) uint8, ONNX bytes.
        operator: kind of the operator, such as ``Relu``.
        index: which of the operators of this kind, counted from 0 in the order of the graph.

    Raises:
        MissingExtraError: the package onnx is not installed.
    """

    def __init__(self, network: np.ndarray, operator: str, index: int) -> None:
        try:
            import onnx
        except ImportError as error:
            raise MissingExtraError("Reading codes from the network", "export") from error
        self.network = network
        model = onnx.load_from_string(network.tobytes())
        result = [node.output[0] for node in model.graph.node if node.op_type == operator][index]
        model.graph.node.append(onnx.helper.make_node("Identity", [result], [_NAME]))
        output = onnx.helper.make_tensor_value_info(_NAME, onnx.TensorProto.FLOAT, None)
        del model.graph.output[:]
        model.graph.output.append(output)
        self.arrays = {"network": np.frombuffer(model.SerializeToString(), dtype=np.uint8)}

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the result for these inputs."""
        return self.run_network(inputs)[_NAME]

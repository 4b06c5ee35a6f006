"""`Graph`: what is requested twice is computed and stored once; networks are merged as often as needed."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from auscult.detectors.onnx_export.graph import Graph, Value


def model_of(graph: Graph, value: Value, shape=("N",)) -> onnx.ModelProto:
    return onnx.load_from_string(graph.to_bytes({"y": (value, np.float64, shape)}, {}))


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": x})[0]


def test_the_same_operator_on_the_same_inputs_is_one_node():
    graph = Graph()
    x = graph.input("x", np.float64, ("N",))

    def squares(value: Value) -> Value:
        return (value * np.arange(3.0)).square()

    assert squares(x) == squares(x)
    model = model_of(graph, squares(x) + squares(x))
    assert [node.op_type for node in model.graph.node] == ["Mul", "Mul", "Add", "Identity"]
    np.testing.assert_array_equal(run(model, np.array([5.0, 1.0, 2.0])), [0.0, 2.0, 32.0])


def test_other_attributes_inputs_or_numbers_of_outputs_are_another_node():
    graph = Graph()
    x = graph.input("x", np.float64, ("N", 2))
    assert x.mean(0) == x.mean(0)
    assert x.mean(0) != x.mean(1)
    assert x.mean(0) != x.mean(0, keepdims=True)
    assert x.mean(0) != x.sum(0)
    largest, _ = graph.TopK(x, np.array([1]), outputs=2)
    assert graph.TopK(x, np.array([1]), outputs=2)[0] == largest
    assert graph.TopK(x, np.array([1]), axis=0, outputs=2)[0] != largest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.float64(1), np.float32(1)),
        (np.float64(0.0), np.float64(-0.0)),
        (np.zeros(4), np.zeros((2, 2))),
        (np.array([1, 2]), np.array([2, 1])),
        (2, 2.0),
    ],
)
def test_constants_are_equal_only_with_the_same_type_shape_and_bits(one, other):
    graph = Graph()
    assert graph.Identity(one) == graph.Identity(np.array(one))
    assert graph.Identity(one) != graph.Identity(other)


def test_equal_constants_are_stored_once():
    graph = Graph()
    x = graph.input("x", np.float64, (8,))
    model = model_of(graph, (x + np.arange(8.0)) * np.arange(8.0)[::-1][::-1], (8,))
    assert len(model.graph.initializer) == 1
    np.testing.assert_array_equal(run(model, np.ones(8)), (1 + np.arange(8.0)) * np.arange(8.0))


def test_two_networks_are_merged_under_one_prefix():
    def network(factor: float) -> np.ndarray:
        graph = Graph()
        product = graph.input("v", np.float64, ("N",)) * np.float64(factor)
        return np.frombuffer(graph.to_bytes({"w": (product, np.float64, ("N",))}, {}), np.uint8)

    graph = Graph()
    x = graph.input("x", np.float64, ("N",))
    first = graph.merge(network(3.0), "network/", v=x)("w")
    second = graph.merge(network(5.0), "network/", v=first)("w")
    np.testing.assert_array_equal(run(model_of(graph, first + second), np.array([1.0, 2.0])), [18.0, 36.0])

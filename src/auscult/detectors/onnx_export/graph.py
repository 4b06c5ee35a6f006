"""ONNX graphs written like NumPy: values with operators, and every ONNX operator by its name.

::

    graph = Graph()
    x = graph.input("x", np.float32, ("N",))
    loudness = (x.double().square()).mean(axis=0)
    graph.to_bytes({"loudness": (loudness, np.float64, ())}, {})

The only package that is needed is onnx. Which version of an operator is meant is said by `OPSET`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FLOAT, INT64, DOUBLE = 1, 7, 11  # ONNX's numbers of these types
OPSET = 20  #: of ONNX: the first whose DFT takes its axis as an input; ONNX Runtime has it since 1.17


@dataclass(frozen=True)
class Value:
    """A tensor that will be there when the graph runs. Python's numbers beside it are float64 and int64, as
    in NumPy; nothing is converted by itself."""

    graph: Graph
    name: str

    __array_ufunc__ = None  # an array to the left leaves the arithmetic to this class

    def __add__(self, other: Operand) -> Value:
        return self.graph.Add(self, other)

    def __sub__(self, other: Operand) -> Value:
        return self.graph.Sub(self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self.graph.Sub(other, self)

    def __mul__(self, other: Operand) -> Value:
        return self.graph.Mul(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Value:
        return self.graph.Div(self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self.graph.Div(other, self)

    def __matmul__(self, other: Operand) -> Value:
        return self.graph.MatMul(self, other)

    def __rmatmul__(self, other: Operand) -> Value:
        return self.graph.MatMul(other, self)

    def square(self) -> Value:
        return self.graph.Mul(self, self)

    def mean(self, axis: int | None = None, *, keepdims: bool = False) -> Value:
        return self._reduced("ReduceMean", axis, keepdims)

    def sum(self, axis: int | None = None, *, keepdims: bool = False) -> Value:
        return self._reduced("ReduceSum", axis, keepdims)

    def max(self, axis: int | None = None, *, keepdims: bool = False) -> Value:
        return self._reduced("ReduceMax", axis, keepdims)

    def double(self) -> Value:
        return self.graph.Cast(self, to=DOUBLE)

    def float(self) -> Value:
        return self.graph.Cast(self, to=FLOAT)

    def reshape(self, *shape: int) -> Value:
        """0 keeps the length that an axis has."""
        return self.graph.Reshape(self, np.array(shape))

    def transposed(self) -> Value:
        """With its axes in reverse order."""
        return self.graph.Transpose(self)

    def count(self, axis: int = 0) -> Value:
        """The length of an axis: an int64 without axes."""
        return self.graph.Squeeze(self.graph.Shape(self, start=axis, end=axis + 1))

    def cut(self, start: int | None, stop: int | None, step: int = 1, *, axis: int = 0) -> Value:
        """``x[start:stop:step]`` along one axis."""
        far = np.iinfo(np.int64).max
        first = start if start is not None else (0 if step > 0 else far)
        last = stop if stop is not None else (far if step > 0 else -far)
        return self.graph.Slice(self, *(np.array([n]) for n in (first, last, axis, step)))

    def _reduced(self, operator: str, axis: int | None, keepdims: bool) -> Value:
        axes = () if axis is None else (np.array([axis]),)
        return getattr(self.graph, operator)(self, *axes, keepdims=int(keepdims))


Operand = Value | np.ndarray | np.generic | float | int


@dataclass(frozen=True)
class GraphEvidence:
    """What `auscult.detectors.base.Evidence` says of a recording, as values of a graph.

    Attributes:
        scores: score name to a float64 without axes.
        maps: score name to (T, n_mels) float32; of all scores, for a file leaves out what it does not give.
    """

    scores: Mapping[str, Value]
    maps: Mapping[str, Value]

    def __or__(self, other: GraphEvidence) -> GraphEvidence:
        """The scores and maps of both."""
        return GraphEvidence({**self.scores, **other.scores}, {**self.maps, **other.maps})


class Graph:
    """Nodes in the order in which they are written; ``graph.MatMul(a, b)`` adds one and gives its output,
    or as many outputs as ``outputs`` says. An input that is left out is ``None``."""

    def __init__(self) -> None:
        self._opset = OPSET
        self._nodes: list[Any] = []
        self._constants: dict[str, np.ndarray] = {}
        self._weights: dict[str, Any] = {}  # of networks that were merged in
        self._inputs: list[tuple[str, Any, Sequence[str | int]]] = []

    def input(self, name: str, dtype: Any, shape: Sequence[str | int]) -> Value:
        """What is given to the graph; an axis of any length has a name."""
        self._inputs.append((name, dtype, shape))
        return Value(self, name)

    def __getattr__(self, operator: str) -> Callable[..., Any]:
        if not operator[:1].isupper():
            raise AttributeError(operator)

        def add(*inputs: Operand | None, outputs: int = 1, **attributes: Any) -> Value | tuple[Value, ...]:
            from onnx import helper

            names = [f"{operator}_{len(self._nodes)}_{i}" for i in range(outputs)]
            its = ["" if operand is None else self._named(operand) for operand in inputs]
            self._nodes.append(helper.make_node(operator, its, names, **attributes))
            values = tuple(Value(self, name) for name in names)
            return values[0] if outputs == 1 else values

        return add

    def merge(self, network: np.ndarray, prefix: str, **inputs: Value) -> Callable[[str], Value]:
        """Puts a network into the graph.

        Args:
            network: (L,) uint8, ONNX bytes.
            prefix: what its names begin with from now on; no other network's.
            inputs: what it is given, by its own names.

        Returns:
            A function from the name of one of its outputs to that output.
        """
        from onnx import compose, helper, inliner, load_from_string, version_converter

        model = inliner.inline_local_functions(load_from_string(network.tobytes()))
        (its_opset,) = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
        self._opset = max(self._opset, its_opset)
        if its_opset < self._opset:
            model = version_converter.convert_version(model, self._opset)
        its = compose.add_prefix(model, prefix).graph
        for name, value in inputs.items():
            self._nodes.append(helper.make_node("Identity", [value.name], [f"{prefix}{name}"]))
        for node in its.node:  # the exporter leaves the paths and lines of its source files in them
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
            self._nodes.append(node)
        self._weights |= {weight.name: weight for weight in its.initializer}
        return lambda name: Value(self, f"{prefix}{name}")

    def to_bytes(
        self,
        outputs: Mapping[str, tuple[Value, Any, Sequence[str | int]]],
        metadata: Mapping[str, str],
    ) -> bytes:
        """The ONNX file of what these outputs take and nothing else.

        Args:
            outputs: name to value, type and shape, as `input` takes them.
            metadata: kept in the file, as ONNX Runtime's ``get_modelmeta().custom_metadata_map``.
        """
        from onnx import checker, helper, numpy_helper

        nodes = [helper.make_node("Identity", [value.name], [name]) for name, (value, *_) in outputs.items()]
        needed = {value.name for value, *_ in outputs.values()}
        for node in reversed(self._nodes):
            if needed & set(node.output):
                nodes.append(node)
                needed |= set(node.input)
        constants = {n: numpy_helper.from_array(a, n) for n, a in self._constants.items() if n in needed}
        weights = {name: weight for name, weight in self._weights.items() if name in needed}
        inputs, results = (
            [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
                for name, dtype, shape in ends
            ]
            for ends in (self._inputs, [(name, *its) for name, (_, *its) in outputs.items()])
        )
        opsets = [helper.make_opsetid("", self._opset)]
        model = helper.make_model(
            helper.make_graph(
                nodes[::-1],
                "auscult",
                inputs,
                results,
                [*constants.values(), *weights.values()],
            ),
            producer_name="auscult",
            opset_imports=opsets,
            ir_version=helper.find_min_ir_version_for(opsets),
        )
        helper.set_model_props(model, dict(metadata))
        checker.check_model(model)
        return model.SerializeToString()

    def _named(self, operand: Operand) -> str:
        """The name of a value, or of a constant that is made of a number or an array."""
        if isinstance(operand, Value):
            return operand.name
        name = f"constant_{len(self._constants)}"
        self._constants[name] = np.ascontiguousarray(operand) if np.ndim(operand) else np.asarray(operand)
        return name

"""Builds ONNX graphs in the style of NumPy: values with arithmetic, and every ONNX operator as a method.

::

    graph = Graph()
    x = graph.input("x", np.float32, ("N",))
    loudness = (x.double().square()).mean(axis=0)
    graph.to_bytes({"loudness": (loudness, np.float64, ())}, {})

Needs only the package onnx. Operators are those of the version `OPSET`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

#: ONNX's enumeration of data types.
FLOAT, INT64, DOUBLE = 1, 7, 11
#: Version of the ONNX operator set: the first whose DFT takes its axis as an input. ONNX Runtime supports it
#: since 1.17.
OPSET = 20


@dataclass(frozen=True)
class Value:
    """A tensor of the graph, computed when the graph runs.

    Python numbers in arithmetic with it are float64 or int64, as in NumPy. There is no implicit conversion of
    types; use `double` and `float`.
    """

    graph: Graph
    name: str

    __array_ufunc__ = None  # makes NumPy arrays on the left defer to this class

    def __add__(self, other: Operand) -> Value:
        return self.graph.Add(self, other)

    __radd__ = __add__

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

    def exp(self) -> Value:
        return self.graph.Exp(self)

    def log(self) -> Value:
        return self.graph.Log(self)

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
        """As in NumPy, and 0 keeps the length of an axis."""
        return self.graph.Reshape(self, np.array(shape))

    def count(self, axis: int = 0) -> Value:
        """Return the length of an axis, an int64 scalar."""
        return self.graph.Squeeze(self.graph.Shape(self, start=axis, end=axis + 1))

    def slice(self, start: int | None, stop: int | None, step: int = 1, *, axis: int = 0) -> Value:
        """Return ``x[start:stop:step]`` along one axis."""
        largest = np.iinfo(np.int64).max
        first = start if start is not None else (0 if step > 0 else largest)
        last = stop if stop is not None else (largest if step > 0 else -largest)
        return self.graph.Slice(self, *(np.array([n]) for n in (first, last, axis, step)))

    def _reduced(self, operator: str, axis: int | None, keepdims: bool) -> Value:
        axes = () if axis is None else (np.array([axis]),)
        return getattr(self.graph, operator)(self, *axes, keepdims=int(keepdims))


Operand = Value | np.ndarray | np.generic | float | int


@dataclass(frozen=True)
class GraphEvidence:
    """The scores and maps of `auscult.detectors.base.Evidence` as values of a graph.

    Attributes:
        scores: score name to float64 scalar.
        maps: score name to (T, n_mels) float32, for every score; `Graph.to_bytes` drops unused ones.
    """

    scores: Mapping[str, Value]
    maps: Mapping[str, Value]

    def __or__(self, other: GraphEvidence) -> GraphEvidence:
        """Return the scores and maps of both."""
        return GraphEvidence({**self.scores, **other.scores}, {**self.maps, **other.maps})


class Graph:
    """An ONNX graph under construction.

    ``graph.MatMul(a, b)`` appends a node and returns its output; with ``outputs=n`` it returns a tuple of n
    outputs. Optional inputs that are omitted are ``None``; attributes are keyword arguments.

    An operator on the same inputs is computed once, however often it is requested, and equal constants are
    stored once, so that detectors in one graph share what they have in common.
    """

    def __init__(self) -> None:
        self._opset = OPSET
        self._nodes: list[Any] = []
        self._outputs: dict[tuple[bytes, int], tuple[Value, ...]] = {}  # of nodes that were requested before
        self._constants: dict[str, np.ndarray] = {}
        self._constant_names: dict[tuple[Any, ...], str] = {}
        self._weights: dict[str, Any] = {}  # of merged networks
        self._inputs: list[tuple[str, Any, Sequence[str | int]]] = []

    def input(self, name: str, dtype: Any, shape: Sequence[str | int]) -> Value:
        """Add an input of the graph; an axis of variable length is given by a name."""
        self._inputs.append((name, dtype, shape))
        return Value(self, name)

    def __getattr__(self, operator: str) -> Callable[..., Any]:
        if not operator[:1].isupper():
            raise AttributeError(operator)

        def add(*inputs: Operand | None, outputs: int = 1, **attributes: Any) -> Value | tuple[Value, ...]:
            from onnx import helper

            input_names = ["" if operand is None else self._name_of(operand) for operand in inputs]
            node = helper.make_node(operator, input_names, [], **attributes)
            key = node.SerializeToString(deterministic=True), outputs
            if key not in self._outputs:
                # ONNX Runtime before 1.21 refuses some graphs whose nodes have no names.
                node.name = f"{operator}_{len(self._nodes)}"
                node.output.extend(f"{node.name}_{i}" for i in range(outputs))
                self._nodes.append(node)
                self._outputs[key] = tuple(Value(self, name) for name in node.output)
            values = self._outputs[key]
            return values[0] if outputs == 1 else values

        return add

    def merge(self, network: np.ndarray, prefix: str, **inputs: Value) -> Callable[[str], Value]:
        """Insert a network into the graph.

        Args:
            network: (L,) uint8, ONNX bytes.
            prefix: prepended, with a number, to all names of the network.
            inputs: input name of the network to value.

        Returns:
            A function from the name of an output of the network to its value.
        """
        from onnx import compose, helper, inliner, load_from_string, version_converter

        prefix = f"{prefix}{len(self._nodes)}/"
        model = inliner.inline_local_functions(load_from_string(network.tobytes()))
        (model_opset,) = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
        self._opset = max(self._opset, model_opset)
        if model_opset < self._opset:
            model = version_converter.convert_version(model, self._opset)
        prefixed = compose.add_prefix(model, prefix).graph
        for name, value in inputs.items():
            self._nodes.append(helper.make_node("Identity", [value.name], [f"{prefix}{name}"]))
        for node in prefixed.node:  # without paths and lines of source files, which PyTorch's exporter adds
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
            self._nodes.append(node)
        self._weights |= {weight.name: weight for weight in prefixed.initializer}
        return lambda name: Value(self, f"{prefix}{name}")

    def to_bytes(
        self,
        outputs: Mapping[str, tuple[Value, Any, Sequence[str | int]]],
        metadata: Mapping[str, str],
    ) -> bytes:
        """Return the ONNX file, with only the nodes that the outputs depend on.

        Args:
            outputs: output name to value, type and shape, as in `input`.
            metadata: stored in the file; ONNX Runtime gives it as ``get_modelmeta().custom_metadata_map``.
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
                for name, dtype, shape in tensors
            ]
            for tensors in (self._inputs, [(name, *type_) for name, (_, *type_) in outputs.items()])
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

    def _name_of(self, operand: Operand) -> str:
        """Return the name of a value, or of a new constant made of a number or an array."""
        if isinstance(operand, Value):
            return operand.name
        array = np.ascontiguousarray(operand) if np.ndim(operand) else np.asarray(operand)
        key = array.dtype.str, array.shape, blake2b(array.tobytes()).digest()
        name = self._constant_names.setdefault(key, f"constant_{len(self._constants)}")
        self._constants[name] = array
        return name

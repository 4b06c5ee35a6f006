"""From trained networks to ONNX: from here on ONNX Runtime is the one way to run them."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class _Scoring(nn.Module):
    """What is exported: (N, width) vectors of one machine in, named outputs of (N, …) out."""

    def __init__(
        self, network: nn.ModuleDict, outputs: Callable[[nn.ModuleDict, Tensor], dict[str, Tensor]]
    ) -> None:
        super().__init__()
        self.network, self.outputs = network, outputs

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(value[0] for value in self.outputs(self.network, x[None]).values())


def export_fleet(
    build: Callable[[Sequence[torch.Generator]], nn.ModuleDict],
    outputs: Callable[[nn.ModuleDict, Tensor], dict[str, Tensor]],
    network: nn.ModuleDict,
    machines: Sequence[int],
    width: int,
    *,
    kind: str | None = None,
) -> list[np.ndarray]:
    """The ONNX bytes of some machines of a trained fleet, each (L,) uint8.

    Args:
        machines: their places in the fleet.
        kind: as `export`'s.
    """
    state = network.state_dict()
    single = build([torch.Generator().manual_seed(0)]).eval()
    single.load_state_dict({name: value[:1] for name, value in state.items()})
    scoring = _Scoring(single, outputs).eval()
    names = list(outputs(single, torch.zeros(1, 2, width)))
    states = [{k: v[m : m + 1] for k, v in state.items()} for m in machines]
    return export(scoring, {"x": (torch.zeros(3, width), {0: "vectors"})}, names, states, kind=kind)


def export(
    scoring: nn.Module,
    inputs: Mapping[str, tuple[Tensor, Mapping[int, str]]],
    names: Sequence[str],
    states: Sequence[Mapping[str, Tensor]],
    *,
    kind: str | None = None,
) -> list[np.ndarray]:
    """The ONNX bytes, each (L,) uint8, of one network with every given set of weights.

    The graph is the same for all, so it is traced once and the weights put into copies of it.

    Args:
        scoring: in evaluation mode; its submodule ``network`` is what the weights belong to.
        inputs: name to an example, and the axes of any length with a name each, in the order of ``forward``.
        names: of the outputs, in order.
        states: the weights of ``scoring.network``, as `state_dict` names them.
        kind: names all that the graph depends on but weights; a graph of that kind that was traced before
            is taken again, since tracing takes half a second, and seconds the first time.
    """
    import onnx
    from onnx import numpy_helper

    graph = _traced.get(kind) if kind else None
    if graph is None:
        graph = _trace(scoring, inputs, names)
    if kind:
        _traced[kind] = graph
    weights = {w.name: w for w in graph.graph.initializer if w.name.startswith("network.")}
    blobs = []
    for state in states:
        for name, tensor in weights.items():
            tensor.CopyFrom(numpy_helper.from_array(state[name.removeprefix("network.")].numpy(), name))
        onnx.checker.check_model(graph)
        blobs.append(np.frombuffer(graph.SerializeToString(), dtype=np.uint8))
    return blobs


_traced: dict[str, Any] = {}  # kind to ONNX graph, with whatever weights were put into it last


def _trace(
    scoring: nn.Module,
    inputs: Mapping[str, tuple[Tensor, Mapping[int, str]]],
    names: Sequence[str],
):
    """The graph of a network with its weights as named initialisers (``optimize=False`` keeps the names)."""
    import onnx

    silent = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in silent]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "network.onnx"
        for logger in silent:
            logger.setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the exporter warns about its own insides
                torch.onnx.export(
                    scoring,
                    tuple(example for example, _ in inputs.values()),
                    path,
                    input_names=list(inputs),
                    output_names=list(names),
                    dynamic_shapes={
                        name: {axis: torch.export.Dim(its_name) for axis, its_name in axes.items()}
                        for name, (_, axes) in inputs.items()
                    },
                    dynamo=True,
                    optimize=False,
                    external_data=False,
                    verbose=False,
                )
        finally:
            for logger, level in zip(silent, levels, strict=True):
                logger.setLevel(level)
        graph = onnx.load(path)
    # Metadata hold stack traces of whoever exported: 140 kB, and their folders' names.
    inside = graph.graph
    parts = (inside.node, inside.value_info, inside.initializer, inside.input, inside.output)
    for part in (inside, *chain(*parts)):
        part.ClearField("metadata_props")
    return graph

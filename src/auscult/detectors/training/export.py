"""Export of trained networks to ONNX; scoring always runs them with ONNX Runtime."""

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


class _ScoringModule(nn.Module):
    """The exported module: (N, width) vectors of one machine in, named outputs of (N, …) out."""

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
    cache_key: str | None = None,
) -> list[np.ndarray]:
    """Return the ONNX bytes of some machines of a trained fleet, each (L,) uint8.

    Args:
        build: as in `train_fleet`.
        outputs: computes the named outputs from the network and x (M, N, width).
        network: the trained network of the fleet.
        machines: their indices in the fleet.
        width: length of one vector.
        cache_key: as in `export`.
    """
    state = network.state_dict()
    single = build([torch.Generator().manual_seed(0)]).eval()
    single.load_state_dict({name: value[:1] for name, value in state.items()})
    scoring = _ScoringModule(single, outputs).eval()
    names = list(outputs(single, torch.zeros(1, 2, width)))
    states = [{k: v[m : m + 1] for k, v in state.items()} for m in machines]
    return export(scoring, {"x": (torch.zeros(3, width), {0: "vectors"})}, names, states, cache_key=cache_key)


def export(
    scoring: nn.Module,
    inputs: Mapping[str, tuple[Tensor, Mapping[int, str]]],
    names: Sequence[str],
    states: Sequence[Mapping[str, Tensor]],
    *,
    cache_key: str | None = None,
) -> list[np.ndarray]:
    """Return the ONNX bytes, each (L,) uint8, of one network with every given set of weights.

    The graph is the same for all, so it is traced once and the weights are put into copies of it.

    Args:
        scoring: in evaluation mode; the weights belong to its submodule ``network``.
        inputs: name to an example and the names of its axes of variable length, in the order of ``forward``.
        names: names of the outputs, in order.
        states: weights of ``scoring.network``, with the keys of its `state_dict`.
        cache_key: identifies everything the graph depends on except the weights. A graph traced earlier under
            the same key is reused, since tracing takes half a second, and seconds the first time. ``None``:
            no caching.
    """
    import onnx
    from onnx import numpy_helper

    graph = _traced_graphs.get(cache_key) if cache_key else None
    if graph is None:
        graph = _trace(scoring, inputs, names)
    if cache_key:
        _traced_graphs[cache_key] = graph
    weights = {w.name: w for w in graph.graph.initializer if w.name.startswith("network.")}
    blobs = []
    for state in states:
        for name, tensor in weights.items():
            tensor.CopyFrom(numpy_helper.from_array(state[name.removeprefix("network.")].numpy(), name))
        onnx.checker.check_model(graph)
        blobs.append(np.frombuffer(graph.SerializeToString(), dtype=np.uint8))
    return blobs


_traced_graphs: dict[str, Any] = {}  # cache key to ONNX graph, with the weights that were put in last


def _trace(
    scoring: nn.Module,
    inputs: Mapping[str, tuple[Tensor, Mapping[int, str]]],
    names: Sequence[str],
):
    """Return the graph of a network with its weights as named initialisers (``optimize=False`` keeps the
    names)."""
    import onnx

    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "network.onnx"
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the exporter warns about its own internals
                torch.onnx.export(
                    scoring,
                    tuple(example for example, _ in inputs.values()),
                    path,
                    input_names=list(inputs),
                    output_names=list(names),
                    dynamic_shapes={
                        name: {axis: torch.export.Dim(axis_name) for axis, axis_name in axes.items()}
                        for name, (_, axes) in inputs.items()
                    },
                    dynamo=True,
                    optimize=False,
                    external_data=False,
                    verbose=False,
                )
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
        graph = onnx.load(path)
    # The metadata hold 140 kB of stack traces, with the folder names of the exporting machine.
    inner = graph.graph
    parts = (inner.node, inner.value_info, inner.initializer, inner.input, inner.output)
    for part in (inner, *chain(*parts)):
        part.ClearField("metadata_props")
    return graph

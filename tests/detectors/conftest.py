"""A small real encoder: a bank of fixed random filters in ONNX, with the input shapes that encoders have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

FEATURES = 24


@pytest.fixture(scope="session")
def encoder_file(tmp_path_factory) -> Callable[..., str]:
    """``encoder_file(kind="waveform", shape=None, clip_level=False)``: path of an encoder of 24 features.

    Args:
        kind: ``waveform``: a frame every 160 samples, each of 400 samples; ``log_mel``: a frame for each
            log-mel frame.
        shape: of the input, default ``(1, "N")`` or ``(1, "T", 16)``; with a name as its first dimension it
            takes batches.
        clip_level: the output is the mean over the frames instead, (1, D).
    """
    folder, written = tmp_path_factory.mktemp("encoders"), {}

    def write(kind: str = "waveform", shape: tuple | None = None, *, clip_level: bool = False) -> str:
        shape = shape or ((1, "N") if kind == "waveform" else (1, "T", 16))
        key = (kind, shape, clip_level)
        if key not in written:
            path = folder / f"{len(written)}.onnx"
            _write(path, kind, shape, clip_level)
            written[key] = str(path)
        return written[key]

    return write


def _write(path: Path, kind: str, shape: tuple, clip_level: bool) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(7)
    nodes, weights = [], {}
    if kind == "waveform":
        hertz, phase = rng.uniform(50, 7000, (FEATURES, 1)), rng.uniform(0, 6.3, (FEATURES, 1))
        tones = np.cos(2 * np.pi * hertz * np.arange(400) / 16000 + phase)  # (D, 400)
        window = np.pad(np.hanning(64), 168)  # short, so that the passbands leave no gap between the tones
        weights["filters"] = (tones * window / 4)[:, None].astype(np.float32)  # (D, 1, 400)
        weights["layout"] = np.array([1 if len(shape) == 1 else 0, 1, -1])  # 0: as in the input
        nodes += [
            helper.make_node("Reshape", ["x", "layout"], ["samples"]),  # (B, 1, N)
            helper.make_node("Conv", ["samples", "filters"], ["filtered"], strides=[160]),  # (B, D, F)
            helper.make_node("Transpose", ["filtered"], ["steps"], perm=[0, 2, 1]),  # (B, F, D)
        ]
    else:
        weights["filters"] = rng.standard_normal((shape[-1], FEATURES)).astype(np.float32) / 10
        nodes.append(helper.make_node("MatMul", ["x", "filters"], ["steps"]))  # (1, T, D)
    nodes.append(helper.make_node("Relu", ["steps"], ["y" if not clip_level else "frames"]))
    if clip_level:
        weights["axis"] = np.array([1])
        nodes.append(helper.make_node("ReduceMean", ["frames", "axis"], ["y"], keepdims=0))  # (1, D)
    batch = 1 if len(shape) == 1 else shape[0]
    out = (batch, FEATURES) if clip_level else (batch, "F", FEATURES)
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)

"""What ``auscult fit`` prints about a pretrained encoder."""

from __future__ import annotations

import json

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")


@pytest.fixture
def encoder(tmp_path) -> str:
    """An encoder of 100 features per frame of 100 samples, with its sample rate in the metadata."""
    from onnx import TensorProto, helper, numpy_helper

    layout = numpy_helper.from_array(np.array([1, -1, 100]), "layout")
    nodes = [helper.make_node("Reshape", ["x", "layout"], ["y"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4000))]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, "F", 100))]
    graph = helper.make_graph(nodes, "encoder", inputs, outputs, [layout])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    model.metadata_props.add(key="sample_rate", value="8000")
    onnx.save(model, tmp_path / "small.onnx")
    return str(tmp_path / "small.onnx")


LINE = "small.onnx, 8000 Hz (as its metadata say), windows of 0.5 s, 80 frames per clip"


def test_rate_window_and_frames_are_printed(run, machine, encoder, tmp_path):
    options = ("--detector", "embedding_memory", "--set", f"encoder={encoder}")
    result = run("fit", machine, "-o", tmp_path / "fan.auscult", *options)
    assert result.exit_code == 0, result.output
    assert LINE in result.stdout
    result = run("fit", machine, "-o", tmp_path / "fan.auscult", *options, "--set", "encoder_rate=4000")
    assert "4000 Hz (encoder_rate), windows of 1 s, 40 frames per clip" in result.stdout
    assert "encoder_rate is 4000 Hz, but small.onnx gives its sample rate as 8000 Hz" in result.stderr


def test_the_encoder_of_a_member_of_auto_is_printed(run, machine, encoder, tmp_path):
    settings = ("members=quarter_levels", f"encoder={encoder}")
    options = [part for setting in settings for part in ("--set", setting)]
    result = run("fit", machine, "-o", tmp_path / "fan.auscult", *options)
    assert result.exit_code == 0, result.output
    assert LINE in result.stdout
    result = run("fit", machine, "-o", tmp_path / "fan.auscult", *options, "--json")
    summary = json.loads(result.stdout)
    assert [member["name"] for member in summary["members"]] == ["quarter_levels", "encoder"]
    assert (summary["encoder"]["rate"], summary["encoder"]["frames_per_clip"]) == (8000, [80, 80])

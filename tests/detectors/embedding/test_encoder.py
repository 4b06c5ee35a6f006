"""Encoder files: which are accepted, and how a clip is encoded window by window."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from auscult.detectors.embedding.encoder import Encoder, read_encoder
from auscult.errors import OptionError

NOISE = np.random.default_rng(0).standard_normal(16000).astype(np.float32)


def open_encoder(path: str, **options) -> Encoder:
    return Encoder.open(read_encoder(path), path, **options)


def identity(path, shape, *, inputs=1, outputs=1, kind=TensorProto.FLOAT, rank_out=None):
    """An ONNX file whose outputs are copies of its inputs."""
    graph_inputs = [helper.make_tensor_value_info(f"x{i}", kind, shape) for i in range(inputs)]
    out_shape = shape if rank_out is None else [None] * rank_out
    graph_outputs = [helper.make_tensor_value_info(f"y{i}", kind, out_shape) for i in range(outputs)]
    nodes = [helper.make_node("Identity", ["x0"], [f"y{i}"]) for i in range(outputs)]
    graph = helper.make_graph(nodes, "identity", graph_inputs, graph_outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return str(path)


@pytest.mark.parametrize(
    ("shape", "kind", "length"),
    [
        (("N",), "waveform", None),
        ((1, "N"), "waveform", None),
        (("batch", 4000), "waveform", 4000),
        ((1, 1, "N"), "waveform", None),
    ],
)
def test_input_shapes_of_a_waveform(encoder_file, shape, kind, length):
    encoder = open_encoder(encoder_file(shape=shape))
    assert (encoder.kind, encoder.length, encoder.bands) == (kind, length, None)
    frames, positions = encoder.encode(NOISE[:4000], 4000, 400)
    expected, _ = open_encoder(encoder_file()).encode(NOISE[:4000], 4000, 400)
    np.testing.assert_allclose(frames, expected, rtol=1e-5)
    assert frames.shape == (1 + (4000 - 400) // 160, 24)
    assert positions.shape == (len(frames),)


@pytest.mark.parametrize(
    ("shape", "length", "bands"), [((1, "T", 16), None, 16), (("batch", 50, 16), 50, 16)]
)
def test_input_shapes_of_log_mel_frames(encoder_file, shape, length, bands):
    encoder = open_encoder(encoder_file("log_mel", shape))
    assert (encoder.kind, encoder.length, encoder.bands) == ("log_mel", length, bands)
    log_mel = NOISE[: 50 * 16].reshape(50, 16)
    frames, positions = encoder.encode(log_mel, 50, 1)
    assert frames.shape == (50, 24)
    np.testing.assert_allclose(positions, np.arange(50) + 0.5)


def test_a_clip_level_output_is_one_frame(encoder_file):
    frames, positions = open_encoder(encoder_file(clip_level=True)).encode(NOISE, 16000, 400)
    assert frames.shape == (1, 24)
    assert positions.tolist() == [8000]
    all_frames, _ = open_encoder(encoder_file()).encode(NOISE, 16000, 400)
    np.testing.assert_allclose(frames[0], all_frames.mean(axis=0), rtol=1e-4)


def test_a_long_clip_is_encoded_window_by_window(encoder_file):
    """This log-mel encoder treats each frame separately, so the windows must not affect the result."""
    encoder = open_encoder(encoder_file("log_mel"))
    log_mel = NOISE[: 16 * 70].reshape(70, 16)
    at_once, middles = encoder.encode(log_mel, 70, 1)
    for window in (1, 7, 20, 69, 1000):
        frames, positions = encoder.encode(log_mel, window, 1)
        np.testing.assert_array_equal(positions, middles)
        np.testing.assert_allclose(frames, at_once, rtol=1e-5, atol=1e-6)


def test_the_last_window_ends_with_the_clip(encoder_file):
    encoder = open_encoder(encoder_file())
    frames, positions = encoder.encode(NOISE[:10000], 4000, 400)
    assert np.all(np.diff(positions) > 0)
    per_window = 1 + (4000 - 400) // 160
    last, _ = encoder.encode(NOISE[6000:10000], 4000, 400)
    new = int(np.sum(6000 + (np.arange(per_window) + 0.5) * 4000 / per_window >= 8000))
    assert len(frames) == 2 * per_window + new
    np.testing.assert_array_equal(frames[-new:], last[-new:])


def test_a_short_clip_is_repeated_and_the_repetitions_left_out(encoder_file):
    encoder = open_encoder(encoder_file("log_mel", (1, 50, 16)))
    log_mel = NOISE[: 16 * 20].reshape(20, 16)
    frames, positions = encoder.encode(log_mel, 1000, 1)
    repeated, _ = encoder.encode(np.concatenate([log_mel] * 3)[:50], 1000, 1)
    np.testing.assert_array_equal(frames, repeated[:20])
    assert positions[-1] == 19.5
    frames, positions = open_encoder(encoder_file(clip_level=True)).encode(NOISE[:100], 16000, 16000)
    assert frames.shape == (1, 24), "the only frame is kept although its middle is after the clip"


@pytest.mark.parametrize("per_window", [1, 2, 3, 7])
@pytest.mark.parametrize("length", [100, 950, 1000, 1001, 1499, 1501, 1999, 2000, 3400])
def test_every_sample_of_a_clip_is_in_a_frame(tmp_path, per_window, length):
    """An encoder whose frames are the means of equal parts of a window of 1000 samples."""
    path = str(tmp_path / "means.onnx")
    _write_means(path, 1000 // per_window * per_window, per_window)
    encoder = open_encoder(path)
    positions = []
    for sample in range(0, length, 50):
        signal = np.zeros(length, np.float32)
        signal[sample] = 1
        frames, positions = encoder.encode(signal, 1, 1)
        assert frames.max() > 0, f"sample {sample} of {length}"
    assert np.all(np.diff(positions) > 0)


def _write_means(path, window, per_window):
    shape = numpy_helper.from_array(np.array([1, per_window, window // per_window]), "shape")
    axis = numpy_helper.from_array(np.array([2]), "axis")
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["parts"]),
        helper.make_node("ReduceMean", ["parts", "axis"], ["y"], keepdims=1),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, window))]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, per_window, 1))]
    graph = helper.make_graph(nodes, "means", inputs, outputs, [shape, axis])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


def test_one_of_several_outputs_can_be_chosen(encoder_file, tmp_path):
    model = onnx.load(encoder_file())
    model.graph.node.append(helper.make_node("Neg", ["y"], ["negative"]))
    model.graph.output.append(helper.make_tensor_value_info("negative", TensorProto.FLOAT, (1, "F", 24)))
    onnx.save(model, tmp_path / "two.onnx")
    expected, _ = open_encoder(encoder_file()).encode(NOISE, 16000, 400)
    for name, sign in (("y", 1), ("negative", -1)):
        frames, _ = open_encoder(str(tmp_path / "two.onnx"), output=name).encode(NOISE, 16000, 400)
        np.testing.assert_array_equal(frames, sign * expected)


def test_a_missing_file_or_one_that_is_not_onnx_is_an_error(tmp_path):
    with pytest.raises(OptionError, match=r"missing\.onnx.*No such file.*docs/how-to/export-an-encoder\.md"):
        read_encoder(str(tmp_path / "missing.onnx"))
    with pytest.raises(OptionError, match=r"docs/how-to/export-an-encoder\.md"):
        read_encoder(str(tmp_path))
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(OptionError, match=r"text\.onnx.*cannot be opened as an ONNX model"):
        open_encoder(str(tmp_path / "text.onnx"))


def test_the_error_for_external_weights_gives_the_export_option(encoder_file, tmp_path):
    model = onnx.load(encoder_file())
    path = tmp_path / "external.onnx"
    onnx.save(model, path, save_as_external_data=True, location="external.onnx.data", size_threshold=0)
    with pytest.raises(OptionError, match=r"external_data=False"):
        open_encoder(str(path))


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ({"shape": (1, "N"), "inputs": 2}, {}, "one input"),
        ({"shape": (1, "N"), "outputs": 2}, {}, "set encoder_output to .*y0 .*y1 "),
        ({"shape": (1, "N"), "outputs": 2}, {"output": "z"}, "no output 'z'.*y0 .*y1 "),
        ({"shape": (1, "N"), "kind": TensorProto.DOUBLE}, {}, "float32"),
        ({"shape": (1, 1, "T", 64)}, {}, "waveform input must have shape"),
        ({"shape": ("N",), "rank_out": 1}, {}, "output must have shape"),
        ({"shape": (8, "N")}, {}, "one clip at a time"),
        ({"shape": (4, "T", 64)}, {}, "one clip at a time"),
        ({"shape": (1, "N")}, {"kind": "log_mel"}, "log_mel input must have shape"),
    ],
)
def test_files_with_unsuitable_inputs_or_outputs_are_errors(tmp_path, file, options, message):
    path = identity(tmp_path / "wrong.onnx", **file)
    with pytest.raises(OptionError, match=rf"wrong\.onnx.*{message}.*docs/how-to/export-an-encoder\.md"):
        open_encoder(path, **options)


def test_an_encoder_that_cannot_run_on_a_clip_is_an_error(encoder_file):
    with pytest.raises(OptionError, match=r"cannot run on a waveform of shape \(1, 100\)"):
        open_encoder(encoder_file()).encode(NOISE[:100], 4000, 1)  # shorter than its filters

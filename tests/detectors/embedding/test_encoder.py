"""Encoder files: which are taken and which refused, and how a clip goes through one window by window."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from auscult.detectors.embedding.encoder import Encoder, read_encoder
from auscult.errors import OptionError

NOISE = np.random.default_rng(0).standard_normal(16000).astype(np.float32)


def opened(path: str, **options) -> Encoder:
    return Encoder.open(read_encoder(path), path, **options)


def identity(path, shape, *, inputs=1, outputs=1, kind=TensorProto.FLOAT, rank_out=None):
    """An ONNX file whose outputs are copies of its inputs."""
    told = [helper.make_tensor_value_info(f"x{i}", kind, shape) for i in range(inputs)]
    out_shape = shape if rank_out is None else [None] * rank_out
    given = [helper.make_tensor_value_info(f"y{i}", kind, out_shape) for i in range(outputs)]
    nodes = [helper.make_node("Identity", ["x0"], [f"y{i}"]) for i in range(outputs)]
    graph = helper.make_graph(nodes, "identity", told, given)
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
def test_layouts_of_a_waveform(encoder_file, shape, kind, length):
    encoder = opened(encoder_file(shape=shape))
    assert (encoder.kind, encoder.length, encoder.bands) == (kind, length, None)
    frames, places = encoder.encode(NOISE[:4000], 4000, 400)
    want, _ = opened(encoder_file()).encode(NOISE[:4000], 4000, 400)
    np.testing.assert_allclose(frames, want, rtol=1e-5)
    assert frames.shape == (1 + (4000 - 400) // 160, 24)
    assert places.shape == (len(frames),)


@pytest.mark.parametrize(
    ("shape", "length", "bands"), [((1, "T", 16), None, 16), (("batch", 50, 16), 50, 16)]
)
def test_layouts_of_log_mel_frames(encoder_file, shape, length, bands):
    encoder = opened(encoder_file("log_mel", shape))
    assert (encoder.kind, encoder.length, encoder.bands) == ("log_mel", length, bands)
    log_mel = NOISE[: 50 * 16].reshape(50, 16)
    frames, places = encoder.encode(log_mel, 50, 1)
    assert frames.shape == (50, 24)
    np.testing.assert_allclose(places, np.arange(50) + 0.5)


def test_what_comes_out_for_a_clip_as_a_whole_is_one_frame(encoder_file):
    frames, places = opened(encoder_file(clip_level=True)).encode(NOISE, 16000, 400)
    assert frames.shape == (1, 24)
    assert places.tolist() == [8000]
    steps, _ = opened(encoder_file()).encode(NOISE, 16000, 400)
    np.testing.assert_allclose(frames[0], steps.mean(axis=0), rtol=1e-4)


def test_a_long_clip_goes_in_window_by_window(encoder_file):
    """A log-mel encoder sees frame by frame, so that its windows must fit together without a seam."""
    encoder = opened(encoder_file("log_mel"))
    log_mel = NOISE[: 16 * 70].reshape(70, 16)
    whole, middles = encoder.encode(log_mel, 70, 1)
    for window in (1, 7, 20, 69, 1000):
        frames, places = encoder.encode(log_mel, window, 1)
        np.testing.assert_array_equal(places, middles)
        np.testing.assert_allclose(frames, whole, rtol=1e-5, atol=1e-6)


def test_the_last_window_ends_with_the_clip(encoder_file):
    encoder = opened(encoder_file())
    frames, places = encoder.encode(NOISE[:10000], 4000, 400)
    assert np.all(np.diff(places) > 0)
    per_window = 1 + (4000 - 400) // 160
    last, _ = encoder.encode(NOISE[6000:10000], 4000, 400)
    new = int(np.sum(6000 + (np.arange(per_window) + 0.5) * 4000 / per_window >= 8000))
    assert len(frames) == 2 * per_window + new
    np.testing.assert_array_equal(frames[-new:], last[-new:])


def test_a_short_clip_is_repeated_and_counted_once(encoder_file):
    encoder = opened(encoder_file("log_mel", (1, 50, 16)))
    log_mel = NOISE[: 16 * 20].reshape(20, 16)
    frames, places = encoder.encode(log_mel, 1000, 1)
    twice, _ = encoder.encode(np.concatenate([log_mel] * 3)[:50], 1000, 1)
    np.testing.assert_array_equal(frames, twice[:20])
    assert places[-1] == 19.5
    frames, places = opened(encoder_file(clip_level=True)).encode(NOISE[:100], 16000, 16000)
    assert frames.shape == (1, 24), "the one frame there is counts, though its middle is after the clip"


def test_a_file_that_is_no_onnx_or_not_there(tmp_path):
    with pytest.raises(OptionError, match=r"gone\.onnx.*No such file.*docs/encoders\.md"):
        read_encoder(str(tmp_path / "gone.onnx"))
    with pytest.raises(OptionError, match=r"docs/encoders\.md"):
        read_encoder(str(tmp_path))
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(OptionError, match=r"text\.onnx.*no ONNX model"):
        opened(str(tmp_path / "text.onnx"))


def test_weights_in_a_file_of_their_own_are_told_apart(encoder_file, tmp_path):
    model = onnx.load(encoder_file())
    path = tmp_path / "apart.onnx"
    onnx.save(model, path, save_as_external_data=True, location="apart.onnx.data", size_threshold=0)
    with pytest.raises(OptionError, match=r"external_data=False"):
        opened(str(path))


@pytest.mark.parametrize(
    ("made", "options", "told"),
    [
        ({"shape": (1, "N"), "inputs": 2}, {}, "one input and one output"),
        ({"shape": (1, "N"), "outputs": 2}, {}, "one input and one output"),
        ({"shape": (1, "N"), "kind": TensorProto.DOUBLE}, {}, "float32"),
        ({"shape": (1, 1, "T", 64)}, {}, "must go in"),
        ({"shape": ("N",), "rank_out": 1}, {}, "frames × features must come out"),
        ({"shape": (8, "N")}, {}, "one clip at a time"),
        ({"shape": (4, "T", 64)}, {}, "one clip at a time"),
        ({"shape": (1, "N")}, {"kind": "log_mel"}, "must go in"),
    ],
)
def test_files_of_the_wrong_shape_are_refused(tmp_path, made, options, told):
    path = identity(tmp_path / "wrong.onnx", **made)
    with pytest.raises(OptionError, match=rf"wrong\.onnx.*{told}.*docs/encoders\.md"):
        opened(path, **options)


def test_a_file_that_does_not_run_on_a_clip_says_so(encoder_file):
    with pytest.raises(OptionError, match=r"does not run on waveform of shape \(1, 100\)"):
        opened(encoder_file()).encode(NOISE[:100], 4000, 1)  # shorter than its filters

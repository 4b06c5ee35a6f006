"""The scripts of docs/how-to/export-an-encoder.md that need no further package, run on small files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper, numpy_helper

import auscult
from auscult.corpus import AudioClip
from auscult.detectors.embedding.encoder import Encoder
from auscult.errors import OptionError
from auscult.findings import messages
from auscult.model.model_file import load_model

RATE = 16_000
LENGTH = 15_600  # samples of an input of YAMNet
RNG = np.random.default_rng(3)


def run_script(name: str, folder: Path, *arguments: str) -> None:
    """Run a script from the documentation in a folder."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "export-an-encoder.md").read_text()
    (script,) = [s for s in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if s.startswith(f"# {name}")]
    (folder / name).write_text(script)
    subprocess.run(
        [sys.executable, name, *arguments],
        cwd=folder,
        check=True,
        env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},
    )


def save(path: Path, nodes: list, weights: dict[str, np.ndarray], shape: tuple, output: tuple) -> None:
    """Write a network with the input ``waveform`` and one output."""
    inputs = [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info(*output)]
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    for number, node in enumerate(nodes):
        node.name = f"node {number}"
    graph = helper.make_graph(nodes, "encoder", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    model.metadata_props.add(key="sample_rate", value=str(RATE))
    onnx.save(model, path)


def frames(path: Path, samples: np.ndarray, output: str = "") -> np.ndarray:
    encoder = Encoder.open(np.fromfile(path, np.uint8), str(path), output=output)
    return encoder.encode(samples.astype(np.float32), 10 * RATE, RATE)[0]


@pytest.fixture(scope="module")
def tagger(tmp_path_factory) -> Path:
    """A tagger as it comes from TensorFlow Lite: a quantised activation, features, then probabilities."""
    folder = tmp_path_factory.mktemp("tagger")
    kernels = RNG.normal(0, 0.05, (1024, 1, 400)).astype(np.float32)
    weights = {
        "layout": np.array([1, 1, -1]),
        "kernels": kernels,
        "axis": np.array([2]),
        "classes": RNG.normal(0, 0.1, (1024, 521)).astype(np.float32),
    }
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["waveform"], ["int8", "scale", "zero"]),
        helper.make_node("DequantizeLinear", ["int8", "scale", "zero"], ["rounded"]),
        helper.make_node("Reshape", ["rounded", "layout"], ["samples"]),
        helper.make_node("Conv", ["samples", "kernels"], ["filtered"], strides=[160]),
        helper.make_node("Relu", ["filtered"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["mean"]),
        helper.make_node("Squeeze", ["mean", "axis"], ["features"]),
        helper.make_node("MatMul", ["features", "classes"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["Identity"]),
    ]
    save(folder / "converted.onnx", nodes, weights, (LENGTH,), ("Identity", TensorProto.FLOAT, (1, 521)))
    run_script("from_tflite.py", folder)
    return folder / "yamnet_tflite.onnx"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, machine_sound) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for i in range(6):
        soundfile.write(folder / f"normal_{i}.wav", machine_sound(i), 8000)
    return folder


def test_a_converted_tagger_has_features_from_activations_that_are_not_rounded(tagger):
    samples = RNG.normal(0, 0.1, LENGTH).astype(np.float32)
    model = onnx.load(tagger)
    (kernels,) = [numpy_helper.to_array(i) for i in model.graph.initializer if i.name == "kernels"]
    steps = np.lib.stride_tricks.sliding_window_view(samples, 400)[::160]  # (F, 400)
    expected = np.maximum(steps @ kernels[:, 0].T, 0).mean(axis=0)
    (got,) = frames(tagger, samples, "embeddings")
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)
    assert frames(tagger, samples, "Identity").shape == (1, 521)
    assert {p.key: p.value for p in model.metadata_props}["sample_rate"] == "16000"


def test_one_output_of_a_tagger_is_chosen_by_name(tagger, recordings, tmp_path):
    settings = {"detector": "embedding_memory", "encoder": str(tagger)}
    clips = list(auscult.open_corpus(str(recordings)))
    with pytest.raises(OptionError, match=r"encoder_output.*Identity \[1, 521\].*embeddings \[1, 1024\]"):
        auscult.fit(clips, **settings)
    model = auscult.fit(clips, encoder_output="embeddings", **settings)
    model.save(tmp_path / "model.auscult")
    loaded = load_model(tmp_path / "model.auscult")
    assert loaded.detector.config.encoder_output == "embeddings"
    (before, after) = (m.detector.score(AudioClip.from_file(clips[0])).scores for m in (model, loaded))
    assert before == after
    assert not any("probabilities" in warning for warning in messages(model.warnings))
    scores = auscult.fit(clips, encoder_output="Identity", **settings)
    assert any("looks like class probabilities" in warning for warning in messages(scores.warnings))


@pytest.mark.parametrize("form", ["dynamic", "static", "weights"])
def test_quantised_encoders_are_smaller_and_have_similar_features(quantised, recordings, form):
    original, folder = quantised
    path = folder / f"encoder_{form}.onnx"
    assert path.stat().st_size < 0.5 * original.stat().st_size
    samples = RNG.normal(0, 0.1, 2 * RATE)
    expected, got = frames(original, samples), frames(path, samples)
    error = np.linalg.norm(got - expected) / np.linalg.norm(expected)
    assert 0 < error < 0.05
    clips = list(auscult.open_corpus(str(recordings)))
    model = auscult.fit(clips, detector="embedding_memory", encoder=str(path))
    assert model.detector.facts["encoder"]["features"] == 64
    assert model.detector.facts["encoder"]["rate_from"] == "metadata"


def test_the_front_end_and_small_weights_stay_in_float32(quantised):
    _, folder = quantised
    for form in ("dynamic", "static", "weights"):
        model = onnx.load(folder / f"encoder_{form}.onnx")
        of_type = {i.name: i.data_type for i in model.graph.initializer}
        assert of_type["bank"] == of_type["small"] == TensorProto.FLOAT
        assert "large" not in of_type


@pytest.fixture(scope="module")
def quantised(tmp_path_factory, recordings) -> tuple[Path, Path]:
    """A network with a front end and two convolutions, and the folder with its quantised forms."""
    folder = tmp_path_factory.mktemp("quantised")
    weights = {
        "layout": np.array([0, 1, -1]),
        "bank": RNG.normal(0, 0.1, (16, 1, 64)).astype(np.float32),
        "floor": np.float32(1e-3),
        "small": RNG.normal(0, 0.5, (16, 1, 3)).astype(np.float32),
        "large": RNG.normal(0, 0.02, (64, 16, 21)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["waveform", "layout"], ["samples"]),
        helper.make_node("Conv", ["samples", "bank"], ["filtered"], strides=[160]),
        helper.make_node("Mul", ["filtered", "filtered"], ["power"]),
        helper.make_node("Add", ["power", "floor"], ["positive"]),
        helper.make_node("Log", ["positive"], ["log"]),
        helper.make_node("Conv", ["log", "small"], ["first"], group=16, pads=[1, 1]),
        helper.make_node("Conv", ["first", "large"], ["second"], pads=[10, 10]),
        helper.make_node("Transpose", ["second"], ["y"], perm=[0, 2, 1]),
    ]
    path = folder / "encoder.onnx"
    save(path, nodes, weights, (1, "N"), ("y", TensorProto.FLOAT, (1, "F", 64)))
    run_script("quantise.py", folder, "encoder.onnx", str(recordings))
    return path, folder

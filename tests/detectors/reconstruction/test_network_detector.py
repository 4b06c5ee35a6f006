"""Sizes of the networks, layer by layer, and what all detectors with a network have in common."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch

from auscult.corpus import AudioClip, Clip
from auscult.detectors import detector_type
from auscult.detectors.onnx_export.graph import Graph
from auscult.detectors.options import make_config
from auscult.detectors.training.layers import NORM_EPS
from auscult.errors import FitError, OptionError, TooShortAudio
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

SMALL = {"sample_rate": 8000, "n_mels": 8, "n_fft": 512, "hop": 256, "hidden": 8, "epochs": 2}


def build(name: str) -> torch.nn.ModuleDict:
    return detector_type(name)().network.build([torch.Generator().manual_seed(0)])


def widths(network: torch.nn.ModuleDict) -> dict[str, list[tuple[int, int]]]:
    """Name of each part of the network to the widths of its linear layers."""
    parts = {}
    for name, part in network.items():
        linears = part.linears if hasattr(part, "linears") else [part]
        parts[name] = [tuple(layer.weight.shape[1:]) for layer in linears]
    return parts


def recording(seconds: float, seed: int = 0, domain: str | None = None) -> AudioClip:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * 8000)).astype(np.float32)
    return AudioClip(Clip(f"{seed}.wav", domain=domain), lambda: Waveform(0.1 * noise, 8000))


@pytest.mark.parametrize(("name", "parameters"), [("autoencoder", 267_928), ("gamma_vae", 268_944)])
def test_parameters(name, parameters):
    assert sum(p.numel() for p in build(name).parameters()) == parameters


def test_layers_of_the_baseline():
    network = build("autoencoder")
    hidden = [(128, 128)] * 3
    assert widths(network) == {
        "layers": [(640, 128), *hidden, (128, 8), (8, 128), *hidden],
        "rebuild": [(128, 640)],
    }
    norms = network["layers"].norms
    assert [norm.scale.shape[2] for norm in norms] == [128] * 4 + [8] + [128] * 4
    assert {norm.momentum for norm in norms} == {0.01}
    assert NORM_EPS == 1e-3


def test_layers_of_the_gamma_vae():
    hidden = [(128, 128)] * 3
    assert widths(build("gamma_vae")) == {
        "encoder": [(640, 128), *hidden],
        "fc_mu": [(128, 8)],
        "fc_var": [(128, 8)],
        "decoder": [(8, 128), *hidden],
        "rebuild": [(128, 640)],
    }


def test_the_default_options_are_those_of_the_baseline():
    config = detector_type("autoencoder")().config
    assert (config.epochs, config.batch_size, config.learning_rate, config.context) == (100, 256, 1e-3, 5)
    assert (config.seed, config.validation) == (13711, 0.1)
    assert config.front_end == FrontEnd(16000, 1024, 512, 128, 0.0, None, 2.220446e-16)


def test_a_window_is_five_frames_with_the_oldest_first():
    detector = detector_type("autoencoder")(make_config("autoencoder", settings=SMALL))
    clip = recording(1.0)
    frames, windows = clip.log_mel(detector.config.front_end), detector.windows(clip)
    assert windows.shape == (len(frames) - 4, 40)
    np.testing.assert_array_equal(windows[3], frames[3:8].ravel())


def test_minimum_samples_is_exactly_one_window():
    detector = detector_type("autoencoder")(make_config("autoencoder", settings=SMALL))
    needed = detector.minimum_samples()
    assert len(detector.windows(recording(needed / 8000))) == 1
    with pytest.raises(TooShortAudio, match=r"0\.wav: .*0\.128 s"):
        detector.windows(recording((needed - 1) / 8000))


def test_a_tenth_of_the_vectors_is_held_out_of_training(monkeypatch):
    from auscult.detectors.training import training

    calls = []

    def stop(build, loss, vectors, *_, **__):
        calls.append(vectors)
        raise FitError("stopped by the test")

    monkeypatch.setattr(training, "train_fleet", stop)
    recordings = [recording(1.0, seed) for seed in range(4)]  # 28 windows each
    for share, held_out in ((0.1, 11), (0.0, 0)):
        detector = detector_type("autoencoder")(
            make_config("autoencoder", settings={**SMALL, "validation": share})
        )
        with pytest.raises(FitError, match="stopped by the test"):
            detector.fit(recordings)
        train, validation = calls[-1].train[0], calls[-1].validation[0]
        assert (len(train), len(validation)) == (112 - held_out, held_out)
        starts = sorted([*train, *validation])
        assert starts == [32 * clip + i for clip in range(4) for i in range(28)], "no window spans two clips"


@pytest.mark.parametrize("name", ["autoencoder", "gamma_vae"])
def test_too_few_windows(name):
    detector = detector_type(name)(make_config(name, settings=SMALL))
    for recordings in ([], [recording(0.05)], [recording(detector.minimum_samples() / 8000)]):
        with pytest.raises(FitError, match="at least 2 are needed"):
            detector.fit(recordings)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epochs", 0),
        ("batch_size", 1),
        ("learning_rate", 0.0),
        ("context", 0),
        ("validation", 1.0),
        ("validation", -0.1),
        ("covariance", "pretty"),
        ("precision", "float16"),
        ("hidden", 0),
    ],
)
@pytest.mark.parametrize("name", ["autoencoder", "gamma_vae"])
def test_invalid_options_are_rejected_immediately(name, option, value):
    with pytest.raises(OptionError, match=option):
        make_config(name, settings={option: value})


def test_an_unavailable_device():
    detector = detector_type("autoencoder")(
        make_config("autoencoder", settings={**SMALL, "device": "abacus"})
    )
    with pytest.raises(OptionError, match="abacus"):
        detector.fit([recording(1.0)])


def test_batch_scores_are_the_mean_squared_errors_of_the_last_epoch():
    """Of about 150 training windows and 16 held-out ones, in batches of 32."""
    settings = {**SMALL, "batch_size": 32, "validation": 0.1}
    detector = detector_type("autoencoder")(make_config("autoencoder", settings=settings))
    detector.fit([recording(1.0, seed) for seed in range(6)])
    assert set(detector.facts["batch_scores"]) == {"mse"}
    batches = detector.facts["batch_scores"]["mse"]
    windows = sum(len(detector.windows(recording(1.0, seed))) for seed in range(6))
    held_out = round(0.1 * windows)
    assert len(batches) == -(-(windows - held_out) // 32) + -(-held_out // 32)
    assert np.mean(batches) == pytest.approx(detector.facts["history"][-1]["loss"], rel=0.1)
    assert "batch_scores" in detector.adapted([recording(1.0, 9)]).facts
    assert "batch_scores" not in detector.refitted([recording(1.0, 9)]).facts, "of other recordings"


def test_detectors_without_a_squared_error_store_no_batch_scores():
    name = "gamma_observation"
    detector = detector_type(name)(make_config(name, settings=SMALL))
    detector.fit([recording(1.0, seed) for seed in range(3)])
    assert "batch_scores" not in detector.facts


def test_fitting_imports_neither_the_compiler_nor_the_exporter_of_pytorch():
    """These and scikit-learn took most of the time of a short fit."""
    code = """
import sys
import numpy as np
from auscult.corpus import AudioClip, Clip
from auscult.detectors import detector_type
from auscult.detectors.options import make_config
from auscult.sound import Waveform

noise = np.random.default_rng(0).standard_normal((4, 8000)).astype(np.float32)
clips = [AudioClip(Clip(str(i)), lambda i=i: Waveform(noise[i], 16000)) for i in range(4)]
for name in ("autoencoder", "gamma_vae", "gamma_observation"):
    detector_type(name)(make_config(name, settings={"epochs": 1, "device": "cpu"})).fit(clips)
    print(*({"torch._dynamo", "torch.onnx", "onnxscript", "sympy", "sklearn"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_networks_of_version_0_1_0_give_the_same_codes_and_scores():
    """Their weights have a machine axis (1, in, out)."""
    detector = detector_type("autoencoder")(make_config("autoencoder", settings={**SMALL, "device": "cpu"}))
    detector.fit([recording(1.0, seed) for seed in range(3)])
    clip = recording(1.0, 9)
    codes, scores = detector.represent(clip).windows["codes"], detector.score(clip).scores
    stored = onnx.load_from_string(detector.arrays["network"].tobytes()).graph
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in stored.initializer}
    layers = [node for node in stored.node if node.op_type == "Gemm"]
    graph = Graph()
    y = graph.Unsqueeze(graph.input("x", np.float32, ("vectors", 40)), np.array([0]))
    for layer in layers:
        y = y @ weights[layer.input[1]][None] + weights[layer.input[2]][None]
        y = y if layer is layers[-1] else graph.Relu(y)
    rebuilt = graph.Squeeze(y, np.array([0]))
    earlier = graph.to_bytes({"rebuilt": (rebuilt, np.float32, ("vectors", 40))}, {})
    detector.arrays["network"] = np.frombuffer(earlier, np.uint8)
    np.testing.assert_allclose(detector.represent(clip).windows["codes"], codes, rtol=1e-5, atol=1e-5)
    assert detector.score(clip).scores == pytest.approx(scores, rel=1e-5)

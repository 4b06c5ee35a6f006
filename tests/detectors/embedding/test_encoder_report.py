"""What a fit reports about its encoder: rate, window, frames per clip, and suspicious outputs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from auscult.corpus import AudioClip, Clip, inspect_recordings
from auscult.detectors.embedding.embedding_memory import EmbeddingMemory
from auscult.detectors.embedding.encoder_report import probability_reason
from auscult.detectors.options import make_config
from auscult.errors import OptionError
from auscult.findings import messages
from auscult.model.fit_spec import FitSpec, InspectedFit
from auscult.model.fitting import fit_models
from auscult.sound import Waveform

RATE = 8000
SMALL = {"sample_rate": RATE, "n_fft": 512, "hop": 256, "n_mels": 16}
RNG = np.random.default_rng(0)


def fitted(encoder: str, clips: list[AudioClip], **settings) -> EmbeddingMemory:
    config = make_config("embedding_memory", settings={**SMALL, "encoder": encoder, **settings})
    return EmbeddingMemory(config).fit(clips)


@pytest.fixture(scope="module")
def clips(machine_sound) -> list[AudioClip]:
    sounds = [machine_sound(i, 2.0 if i < 5 else 3.0) for i in range(6)]
    return [
        AudioClip(Clip(f"{i}.wav"), lambda sound=sound: Waveform(sound, RATE))
        for i, sound in enumerate(sounds)
    ]


@pytest.fixture
def with_rate(encoder_file, tmp_path):
    """Write the encoder with this text as its sample rate."""

    def write(rate: str) -> str:
        model = onnx.load(encoder_file())
        helper.set_model_props(model, {"sample_rate": rate, "author": "somebody"})
        onnx.save(model, tmp_path / f"rate {rate[:2]}.onnx")
        return str(tmp_path / f"rate {rate[:2]}.onnx")

    return write


def scores(detector: EmbeddingMemory, clip: AudioClip) -> list[float]:
    return list(detector.score(clip).scores.values())


@pytest.mark.parametrize("text", ["32000", "32000.0", " 32000 "])
def test_the_rate_is_read_from_the_metadata(encoder_file, with_rate, clips, text):
    detector = fitted(with_rate(text), clips)
    encoder = detector.facts["encoder"]
    assert (encoder["rate"], encoder["rate_from"]) == (32000, "metadata")
    assert not messages(detector.findings)
    by_option = fitted(encoder_file(), clips, encoder_rate=32000)
    assert by_option.facts["encoder"]["rate_from"] == "option"
    np.testing.assert_array_equal(scores(detector, clips[0]), scores(by_option, clips[0]))
    default = fitted(encoder_file(), clips).facts["encoder"]
    assert (default["rate"], default["rate_from"]) == (16000, "default")


def test_the_option_replaces_the_metadata_with_a_warning(with_rate, clips):
    detector = fitted(with_rate("32000"), clips, encoder_rate=8000)
    assert detector.facts["encoder"]["rate"] == 8000
    (warning,) = messages(detector.findings)
    assert "8000 Hz" in warning
    assert "32000 Hz" in warning


@pytest.mark.parametrize("text", ["fast", "", "0", "-1", "nan", "inf", "1e999"])
def test_metadata_without_a_usable_rate_require_the_option(with_rate, clips, text):
    path = with_rate(text)
    with pytest.raises(OptionError, match=r"sample_rate as .*set encoder_rate"):
        fitted(path, clips)
    assert fitted(path, clips, encoder_rate=16000).facts["encoder"]["rate"] == 16000


def test_window_and_frames_per_clip(encoder_file, clips):
    encoder = fitted(encoder_file(), clips).facts["encoder"]
    assert (encoder["window_seconds"], encoder["output"], encoder["features"]) == (10.0, "y", 24)
    assert encoder["frames_per_clip"] == [1 + (32000 - 400) // 160, 1 + (48000 - 400) // 160]
    fixed = fitted(encoder_file(shape=(1, 8000), clip_level=True), clips).facts["encoder"]
    assert (fixed["window_seconds"], fixed["frames_per_clip"]) == (0.5, [4, 6])
    log_mel = fitted(encoder_file("log_mel", (1, 50, 16)), clips, encoder_rate=RATE).facts["encoder"]
    assert log_mel["window_seconds"] == pytest.approx(50 * 256 / RATE)


def test_noise_at_the_end_of_a_clip_changes_the_score_of_an_encoder_with_one_vector_per_window(
    encoder_file, machine_sound
):
    clips = [
        AudioClip(Clip(f"{i}.wav"), lambda i=i: Waveform(machine_sound(i, 14.9), RATE)) for i in range(4)
    ]
    detector = fitted(encoder_file(clip_level=True), clips)
    samples = machine_sound(9, 14.9)
    noisy = samples.copy()
    noisy[-round(4.9 * RATE) :] += RNG.normal(0, 0.5, round(4.9 * RATE)).astype(np.float32)
    (before, after) = (
        detector.score(AudioClip(Clip("x.wav"), lambda s=s: Waveform(s, RATE))).scores["nearest"]
        for s in (samples, noisy)
    )
    assert after > 3 * before


@pytest.mark.parametrize(
    ("frames", "suspicious"),
    [
        (RNG.dirichlet(np.ones(10), 5), True),
        (np.array([[0.2, 0.8], [1.0, 0.0]]), True),
        (RNG.normal(size=(3, 521)), True),
        (RNG.normal(size=(3, 527)), True),
        (RNG.uniform(0, 1, (5, 10)), False),
        (RNG.dirichlet(np.ones(10), 5) * 2 - 0.1, False),
        (np.ones((4, 1)), False),
        (RNG.normal(size=(3, 768)), False),
    ],
)
def test_outputs_that_look_like_class_probabilities(frames, suspicious):
    assert bool(probability_reason(frames.astype(np.float32))) == suspicious


def test_class_probabilities_are_warned_of(encoder_file, tmp_path, clips):
    model = onnx.load(encoder_file())
    model.graph.node[-1].output[0] = "features"
    model.graph.node.append(helper.make_node("Softmax", ["features"], ["y"], axis=-1))
    onnx.save(model, tmp_path / "softmax.onnx")
    (warning,) = messages(fitted(str(tmp_path / "softmax.onnx"), clips).findings)
    assert "output y of softmax.onnx looks like class probabilities" in warning
    assert "encoder_output" in warning
    weights = numpy_helper.from_array(RNG.normal(size=(24, 527)).astype(np.float32), "classes")
    model.graph.initializer.append(weights)
    model.graph.node[-1].CopyFrom(helper.make_node("MatMul", ["features", "classes"], ["y"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, "F", 527)))
    onnx.save(model, tmp_path / "tagger.onnx")
    (warning,) = messages(fitted(str(tmp_path / "tagger.onnx"), clips).findings)
    assert "527 columns" in warning


def test_features_that_are_never_positive_are_warned_of(encoder_file, tmp_path, clips):
    model = onnx.load(encoder_file())
    model.graph.node[-1].output[0] = "features"
    model.graph.node.append(helper.make_node("Softplus", ["features"], ["positive"]))
    model.graph.node.append(helper.make_node("Neg", ["positive"], ["y"]))
    onnx.save(model, tmp_path / "negative.onnx")
    path = str(tmp_path / "negative.onnx")
    (warning,) = messages(fitted(path, clips).findings)
    assert "at most 0 % of the features of negative.onnx are positive" in warning
    assert "gem_power=1" in warning
    assert not fitted(path, clips, gem_power=1).findings


def test_equal_scores_of_all_normal_recordings_are_warned_of(encoder_file, tmp_path, clips):
    model = onnx.load(encoder_file())
    model.graph.node[-1].output[0] = "features"
    model.graph.node.append(helper.make_node("Neg", ["features"], ["negative"]))
    model.graph.node.append(helper.make_node("Mul", ["features", "negative"], ["y"]))
    onnx.save(model, tmp_path / "equal.onnx")
    config = make_config("embedding_memory", settings={**SMALL, "encoder": str(tmp_path / "equal.onnx")})
    inspection = inspect_recordings(clips, minimum_samples=1, front_ends=[config.front_end])
    spec = FitSpec("embedding_memory", config, [r.clip for r in inspection.usable], "crossfit")
    (fitted_model,) = fit_models([InspectedFit(spec, inspection)])
    warnings = messages(fitted_model.warnings)
    assert any("scores of all normal recordings are equal" in warning for warning in warnings)

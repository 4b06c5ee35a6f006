"""`export`: same scores and maps as the model, metadata of the file, and detectors that cannot be
exported."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import auscult
from auscult.api.export import export
from auscult.corpus import AudioClip, Clip
from auscult.decision import fixed_threshold
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.exportable import Exportable
from auscult.detectors.maps.map_profile import MapProfile
from auscult.detectors.options import make_config
from auscult.errors import ExportError, MissingExtraError, OptionError
from auscult.model import Calibration, Model
from auscult.model.model_file import model_digest, read_header_and_arrays
from auscult.sound import Waveform

RATE = 8000
SMALL = {"sample_rate": RATE, "n_fft": 256, "hop": 128, "n_mels": 24}
NETWORK = {**SMALL, "epochs": 4, "hidden": 16, "batch_size": 64}
#: Name to detector, preset and settings.
MODELS = {
    "autoencoder": ("autoencoder", None, NETWORK),
    "ill-conditioned": (
        "autoencoder",
        None,
        {**NETWORK, "n_mels": 40, "f_min": 100.0, "covariance": "exact"},
    ),
    "other front end": (
        "autoencoder",
        None,
        {**NETWORK, "n_fft": 250, "hop": 100, "f_max": 3000.0, "context": 3},
    ),
    "context of one": ("autoencoder", None, {**NETWORK, "context": 1, "n_fft": 512, "hop": 171}),
    "gamma_vae exact": ("gamma_vae", "exact", NETWORK),
    "gamma_vae report": ("gamma_vae", "report", NETWORK),
    "gamma_vae weibull": ("gamma_vae", None, {**NETWORK, "sampler": "weibull"}),
    "gamma_vae moments": ("gamma_vae", "report", {**NETWORK, "latent": "mean_variance"}),
    "gamma_observation gaussian": ("gamma_observation", "gaussian", NETWORK),
    "gamma_observation gamma": ("gamma_observation", "gamma", {**NETWORK, "top": 0.35}),
    "pooled levels": ("pooled_gaussian", None, SMALL),
    "pooled modulation": ("pooled_gaussian", None, {**SMALL, "views": "modulation", "components": 3}),
    "pooled single": ("pooled_gaussian", None, {**SMALL, "views": "std,max,modulation_0.25", "n_mels": 50}),
    **{
        f"pooled {score} alone": ("pooled_gaussian", None, {**SMALL, "score": score, "all_scores": False})
        for score in detector_type("pooled_gaussian").scores
    },
    "neighbours": ("spectral_memory", None, SMALL),
    "neighbours density alone": (
        "spectral_memory",
        None,
        {**SMALL, "score": "density", "all_scores": False},
    ),
    "neighbours of unequal groups": (
        "spectral_memory",
        None,
        {
            **SMALL,
            "n_mels": 50,
            "groups": 7,
            "over_groups": "mean",
            "k_source": 3,
            "views": "std,modulation_0.1",
        },
    ),
    "subspaces": ("subspace_residual", None, SMALL),
    "subspaces of one score": ("subspace_residual", None, {**SMALL, "all_scores": False}),
    "subspaces of few bands": (
        "subspace_residual",
        None,
        {**SMALL, "n_mels": 9, "context": 1, "ranks": "0,64"},
    ),
    "auto": ("auto", None, {**SMALL, "folds": 3}),
    "auto of few members": (
        "auto",
        None,
        {**SMALL, "folds": 2, "fusion": "mean", "members": "modulation,quarter_residual", "n_mels": 31},
    ),
}
CASES = [
    (name, score)
    for name, (kind, _, settings) in MODELS.items()
    for score in ([settings["score"]] if "score" in settings else detector_type(kind).scores)
]
NOT_EXPORTABLE = sorted(name for name in DETECTORS if not issubclass(detector_type(name), Exportable))


@pytest.fixture(scope="module")
def normals(machine_sound):
    """Ten synthetic recordings of a fan, three of them in the target domain."""
    return [
        AudioClip(
            Clip(path=f"{i}.wav", domain="target" if i >= 7 else "source"),
            lambda i=i: Waveform(machine_sound(i), RATE),
        )
        for i in range(10)
    ]


@pytest.fixture(scope="module")
def fitted(normals):
    """``fitted(name, score)``: a model of `MODELS`, with profiles of its maps."""
    cache = {}

    def model(name: str, score: str = "") -> Model:
        if name not in cache:
            kind, preset, settings = MODELS[name]
            detector = detector_type(kind)(make_config(kind, preset=preset, settings=settings))
            detector.fit(normals)
            evidence = [detector.score(r, explain=True) for r in normals]
            standardised = () if detector.maps_are_zscores else detector.scores
            profiles = {s: MapProfile.fit(e.maps[s] for e in evidence) for s in standardised}
            scores = {s: np.array([e.scores[s] for e in evidence]) for s in detector.scores}
            cache[name] = detector, Calibration("none", scores, [None] * 10), profiles
        detector, calibration, profiles = cache[name]
        with_score = type(detector)(replace(detector.config, score=score))
        with_score.arrays, with_score.facts = detector.arrays, detector.facts
        return Model(with_score, calibration, profiles=profiles, provenance={"seconds": [1.0, 1.0]})

    return model


def session(path):
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def assert_same_score(model: Model, path, samples: np.ndarray) -> None:
    """Asserts that the file gives the same score and map for one sound as the model."""
    score, map = session(path).run(["score", "map"], {"samples": samples})
    expected = model.score(samples, model.sample_rate, explain=True)
    assert score == pytest.approx(expected.score, rel=1e-5)
    assert (map.shape, map.dtype) == (expected.map.shape, np.float32)
    assert np.abs(map - expected.map).max() <= 1e-4 * np.abs(expected.map).max()


@pytest.mark.parametrize(("name", "score"), CASES)
def test_scores_and_maps_are_those_of_the_model(name, score, fitted, machine_sound, tmp_path):
    model = fitted(name, score)
    parity = export(model, tmp_path / "m.onnx")
    assert parity.sounds >= 20
    assert max(parity.score, parity.map) <= 1e-5
    for seed, seconds, broken in ((50, 1.0, True), (51, 1.37, False), (52, 0.2501, True)):
        assert_same_score(model, tmp_path / "m.onnx", machine_sound(seed, seconds, broken=broken))


@pytest.mark.parametrize("name", ["autoencoder", "gamma_observation gamma", "pooled modulation", "auto"])
def test_the_shortest_sounds_are_scored(name, fitted, machine_sound, tmp_path):
    model = fitted(name)
    export(model, tmp_path / "m.onnx")
    shortest = json.loads(session(tmp_path / "m.onnx").get_modelmeta().custom_metadata_map["minimum_samples"])
    assert shortest == max(1, model.detector.minimum_samples())
    for extra in (0, 1, 127, 128, 129, 300):
        assert_same_score(model, tmp_path / "m.onnx", machine_sound(3)[: shortest + extra])


def test_without_a_profile_the_raw_map_is_exported(fitted, machine_sound, tmp_path):
    model = fitted("autoencoder")
    model.profiles.clear()
    export(model, tmp_path / "m.onnx")
    assert session(tmp_path / "m.onnx").get_modelmeta().custom_metadata_map["map"] == "parts of the score"
    assert_same_score(model, tmp_path / "m.onnx", machine_sound(60))


def test_a_tone_at_full_scale_does_not_disturb_neighbouring_bands(fitted, tmp_path):
    """In float32 the bands next to a pure tone would be 25 dB off, and the score with them."""
    model = fitted("pooled levels", "largest")
    export(model, tmp_path / "m.onnx")
    assert_same_score(
        model, tmp_path / "m.onnx", np.sin(2 * np.pi * 1000 / RATE * np.arange(RATE)).astype(np.float32)
    )


def test_the_metadata_hold_what_a_program_needs(fitted, tmp_path):
    model = fitted("autoencoder", "mahalanobis")
    export(model, tmp_path / "m.onnx", threshold=fixed_threshold(7.5))
    file = session(tmp_path / "m.onnx")
    metadata = file.get_modelmeta().custom_metadata_map
    assert (metadata["detector"], metadata["score"], metadata["auscult"]) == (
        "autoencoder",
        "mahalanobis",
        auscult.__version__,
    )
    assert (json.loads(metadata["sample_rate"]), json.loads(metadata["threshold"])) == (RATE, 7.5)
    assert metadata["threshold_method"] == '"fixed"'
    assert json.loads(metadata["calibration"]) == sorted(model.calibration.scores["mahalanobis"])
    assert json.loads(metadata["front_end"])["hop"] == 128
    assert len(json.loads(metadata["band_centres"])) == 24
    model.save(tmp_path / "m.auscult")
    assert metadata["digest"] == read_header_and_arrays(tmp_path / "m.auscult")[0]["digest"]
    assert metadata["digest"] == model_digest(auscult.load(tmp_path / "m.auscult"))
    assert [i.shape for i in file.get_inputs()] == [["N"]]
    assert [o.shape for o in file.get_outputs()] == [[], ["T", 24]]


def test_the_file_holds_no_source_file_names(fitted, tmp_path):
    export(fitted("gamma_vae exact"), tmp_path / "m.onnx")
    written = (tmp_path / "m.onnx").read_bytes()
    assert b"stack_trace" not in written
    assert b".py" not in written


def test_networks_of_an_older_opset_are_exported(fitted, machine_sound, tmp_path):
    import onnx
    from onnx import version_converter

    model = fitted("autoencoder")
    network = onnx.load_from_string(model.detector.arrays["network"].tobytes())
    older = version_converter.convert_version(network, 18).SerializeToString()
    model.detector.arrays["network"] = np.frombuffer(older, np.uint8)
    export(model, tmp_path / "m.onnx")
    assert_same_score(model, tmp_path / "m.onnx", machine_sound(61))


def test_recordings_are_compared_and_unreadable_ones_reported(fitted, machine_sound, tmp_path):
    soundfile.write(tmp_path / "good.wav", machine_sound(70), RATE)
    (tmp_path / "bad.wav").write_text("no sound")
    model = fitted("pooled levels")
    without_recordings = export(model, tmp_path / "m.onnx")
    clips = [Clip(path=str(tmp_path / name)) for name in ("good.wav", "bad.wav")]
    parity = export(model, tmp_path / "m.onnx", check=clips)
    assert parity.sounds == without_recordings.sounds + 1
    assert [error.path for error in parity.unreadable] == [str(tmp_path / "bad.wav")]


def test_a_file_with_different_scores_is_not_written(fitted, monkeypatch, tmp_path):
    from auscult.detectors.reconstruction import residual_scorer

    monkeypatch.setattr(residual_scorer, "SQUARE_FLOOR", 1.0)  # that of the graph
    with pytest.raises(ExportError, match="not written"):
        export(fitted("autoencoder", "residual_gaussian"), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_detectors_that_cannot_be_exported():
    assert NOT_EXPORTABLE == ["discriminative", "embedding_memory"]


@pytest.mark.parametrize("name", NOT_EXPORTABLE)
def test_the_error_says_what_an_export_would_require(name, tmp_path):
    kind = detector_type(name)
    settings = dict.fromkeys(kind.required_options, "encoder.onnx")
    with pytest.raises(
        OptionError, match=f"{name} cannot be exported: that would require .*{kind.export_needs[:9]}"
    ):
        export(Model(kind(make_config(name, settings=settings))), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_without_onnx_the_error_says_what_to_install(fitted, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"auscult\[export\]"):
        export(fitted("pooled levels"), tmp_path / "m.onnx")

"""Model files: models survive a round trip, and corrupt files are refused."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

import auscult
from auscult.corpus import AudioClip
from auscult.detectors.maps.map_profile import MapProfile
from auscult.detectors.options import config_from_json, config_to_json, make_config
from auscult.detectors.reconstruction.autoencoder import Autoencoder
from auscult.errors import ModelFileError
from auscult.findings import Finding
from auscult.model import Calibration, Model, model_file
from auscult.model.model_file import load_model, read_header_and_arrays, save_model
from auscult.model.normal_index import NormalIndex
from auscult.sound import Waveform

RATE = 8000
MANY_EXAMPLES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def model(machine_sound) -> Model:
    small = {"sample_rate": RATE, "n_fft": 256, "hop": 256, "n_mels": 4, "context": 2, "hidden": 2}
    detector = Autoencoder(make_config("autoencoder", settings={**small, "bottleneck": 1, "epochs": 1}))
    detector.fit([AudioClip.from_waveform(Waveform(machine_sound(i), RATE)) for i in range(3)])
    scores = {name: np.arange(3.0) + i for i, name in enumerate(detector.scores)}
    calibration = Calibration("crossfit", scores, ["source", None, "target"])
    few = Finding("few_recordings", "few – of 3", ("a – 1.wav",))
    provenance = {"clips": 3, "findings": [few.to_json()], "versions": {"auscult": "0.1.0"}}
    profiles = {name: MapProfile(np.arange(4.0) + i, np.ones(4)) for i, name in enumerate(detector.scores)}
    normals = NormalIndex(("a – 1.wav", "b.wav"), np.arange(16, dtype=np.float32).reshape(2, 8))
    return Model(detector, calibration, profiles=profiles, normals=normals, channel=1, provenance=provenance)


@pytest.fixture(scope="module")
def data(model, tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "valid.auscult"
    save_model(model, path)
    return path.read_bytes()


@pytest.fixture
def path(data, tmp_path) -> Path:
    path = tmp_path / "fan.auscult"
    path.write_bytes(data)
    return path


def same_model(one: Model, other: Model) -> bool:
    return (
        one.detector.name == other.detector.name
        and one.detector.config == other.detector.config
        and one.detector.facts == other.detector.facts
        and one.channel == other.channel
        and one.provenance == other.provenance
        and one.calibration.method == other.calibration.method
        and list(one.calibration.domains) == list(other.calibration.domains)
        and equal_arrays(one.detector.arrays, other.detector.arrays)
        and equal_arrays(one.calibration.scores, other.calibration.scores)
        and equal_arrays(profile_arrays(one), profile_arrays(other))
        and one.normals.paths == other.normals.paths
        and equal_arrays({"vectors": one.normals.vectors}, {"vectors": other.normals.vectors})
    )


def profile_arrays(model: Model) -> dict[str, np.ndarray]:
    return {name: profile.to_arrays() for name, profile in model.profiles.items()}


def equal_arrays(one, other) -> bool:
    return one.keys() == other.keys() and all(
        one[k].dtype == other[k].dtype and np.array_equal(one[k], other[k]) for k in one
    )


def rewrite(path: Path, change) -> None:
    """Applies ``change(header, arrays)`` to a model file and updates its digest."""
    header, arrays = read_header_and_arrays(path)
    change(header, arrays)
    header["digest"] = model_file._digest(header, arrays)
    path.write_bytes(save(arrays, metadata={"auscult": json.dumps(header)}))


def test_round_trip(model, path, machine_sound):
    loaded = load_model(path)
    assert same_model(model, loaded)
    assert loaded.threshold().needed == model.threshold().needed == 16
    sound = machine_sound(9)
    assert loaded.score(sound, RATE).scores == model.score(sound, RATE).scores
    expected, score = (m.score(sound, RATE, explain=True) for m in (model, loaded))
    assert np.array_equal(score.map, expected.map)
    assert score.nearest == expected.nearest == "a – 1.wav"


def test_round_trip_of_a_model_without_normal_recordings(model, tmp_path):
    Model(model.detector).save(str(tmp_path / "bare"))
    assert same_model(load_model(tmp_path / "bare"), Model(model.detector))


def test_saving_again_gives_the_same_bytes(data, path, tmp_path):
    load_model(path).save(str(tmp_path / "again"))
    assert (tmp_path / "again").read_bytes() == data


def test_a_rewritten_file_with_valid_contents_loads(path):
    """Otherwise the tests below would prove nothing."""
    rewrite(path, lambda header, arrays: header["provenance"].update(clips=4))
    assert load_model(path).provenance["clips"] == 4


@MANY_EXAMPLES
@given(draw=st.data())
def test_a_flipped_byte_is_detected(model, data, path, draw):
    position = draw.draw(st.integers(0, len(data) - 1))
    corrupt = bytearray(data)
    corrupt[position] ^= draw.draw(st.integers(1, 255))
    path.write_bytes(corrupt)
    try:
        loaded = load_model(path)
    except ModelFileError:
        return
    assert same_model(loaded, model), (
        f"byte {position} changed the model without an error"
    )  # else white space


@MANY_EXAMPLES
@given(draw=st.data())
def test_a_truncated_file_is_refused(data, path, draw):
    path.write_bytes(data[: draw.draw(st.integers(0, len(data) - 1))])
    with pytest.raises(ModelFileError):
        load_model(path)


@MANY_EXAMPLES
@given(junk=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(path, junk):
    path.write_bytes(junk)
    with pytest.raises(ModelFileError):
        load_model(path)


def test_trailing_bytes_are_refused(data, path):
    path.write_bytes(data + b"\0" * 8)
    with pytest.raises(ModelFileError):
        load_model(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ModelFileError, match="no such model file"):
        load_model(tmp_path / "none.auscult")
    with pytest.raises(ModelFileError, match="not a file"):
        load_model(tmp_path)


def test_safetensors_files_of_other_programs_are_refused(path):
    path.write_bytes(save({"weight": np.zeros(3, np.float32)}, metadata={"format": "pt"}))
    with pytest.raises(ModelFileError, match="not an auscult model"):
        load_model(path)
    path.write_bytes(save({"weight": np.zeros(3, np.float32)}))
    with pytest.raises(ModelFileError, match="not an auscult model"):
        load_model(path)


@pytest.mark.parametrize("header", ["", "[]", "3", "null", "{", "{}", '{"schema": 1}', '"text"'])
def test_an_invalid_header_is_refused(path, header):
    path.write_bytes(save({"a": np.zeros(1)}, metadata={"auscult": header}))
    with pytest.raises(ModelFileError, match="header"):
        load_model(path)


@pytest.mark.parametrize("provenance", [{"versions": {"auscult": "9.1"}}, None, []])
def test_a_newer_schema_is_refused_with_advice(path, provenance):
    rewrite(path, lambda header, arrays: header.update(schema=3, provenance=provenance))
    with pytest.raises(ModelFileError, match=r"a newer auscult.*schema 3, .* reads schema 2; install"):
        load_model(path)


def test_an_older_schema_is_refused_with_advice(path):
    def to_schema_1(header, arrays):
        header["schema"] = 1
        del header["normals"], arrays["normals/vectors"], arrays["detector/residual_means"]

    rewrite(path, to_schema_1)
    with pytest.raises(ModelFileError, match=r"an older auscult.*schema 1, .* reads schema 2; fit the model"):
        load_model(path)


def corrupt_array(name, change):
    def corrupt(header, arrays):
        arrays[name] = change(arrays[name])

    return corrupt


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h, a: h.update(detector="ear"), "detector 'ear' is not installed"),
        (lambda h, a: h["config"].update(colour="red"), "settings.*'colour'"),
        (lambda h, a: h["config"].update(epochs="many"), "settings.*epochs"),
        (lambda h, a: h["config"].update(covariance="pca"), "settings.*pca"),
        (lambda h, a: h["config"]["front_end"].update(n_mels=5), "precision_source, found"),
        (lambda h, a: h["config"].update(front_end=3), "header"),
        (lambda h, a: h.pop("config"), "header"),
        (lambda h, a: h.update(config=None), "header"),
        (lambda h, a: h.pop("facts"), "header"),
        (lambda h, a: h.update(calibration={"how": "none"}), "header"),
        (lambda h, a: h["calibration"].update(domains=7), "header"),
        (lambda h, a: h["calibration"].update(domains=[None]), r"calibration/\w+, found"),
        (lambda h, a: a.pop("detector/network"), "expected arrays"),
        (lambda h, a: a.update({"detector/extra": np.zeros(2)}), "expected arrays"),
        (lambda h, a: a.update({"extra": np.zeros(2)}), "expected arrays"),
        (corrupt_array("detector/precision_source", lambda x: x[:3]), "precision_source, found"),
        (corrupt_array("detector/precision_source", lambda x: x[None]), "precision_source, found"),
        (corrupt_array("detector/precision_target", lambda x: x * np.nan), "not finite"),
        (corrupt_array("calibration/mse", lambda x: x * np.inf), "not finite"),
        (corrupt_array("calibration/mahalanobis", lambda x: x[:1]), "calibration/mahalanobis, found"),
        (corrupt_array("profile/mse", lambda x: x[:1]), "profile/mse, found"),
        (corrupt_array("normals/vectors", lambda x: x[:1]), "normals/vectors, found"),
        (lambda h, a: h.update(normals=["a.wav"]), "normals/vectors, found"),
        (lambda h, a: h.update(normals=3), "header"),
        (lambda h, a: h.pop("normals"), "header field 'normals' is missing"),
        (lambda h, a: a.pop("normals/vectors"), "expected arrays .*'normals/vectors'"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_invalid_contents_with_a_valid_digest_are_refused(path, change, message):
    rewrite(path, change)
    with pytest.raises(ModelFileError, match=message):
        load_model(path)


def test_saving_to_a_missing_folder_is_an_error(model, tmp_path):
    with pytest.raises(ModelFileError, match="cannot be written"):
        save_model(model, tmp_path / "missing" / "fan.auscult")


def test_a_failed_write_keeps_the_old_file(model, path, monkeypatch):
    before = path.read_bytes()
    for function in ("replace", "fsync"):
        failing = mock.Mock(side_effect=OSError(28, "No space left on device"))
        with monkeypatch.context() as patched:
            patched.setattr(os, function, failing)
            with pytest.raises(ModelFileError, match="No space left"):
                save_model(model, path)
        assert failing.called
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name], "no partial file is left behind"


def test_an_interrupted_write_keeps_the_old_file(model, path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save_model(model, path)
    assert path.read_bytes() == before


def test_model_files_hold_no_pickle(model, data, path):
    with (
        mock.patch.object(pickle, "loads", side_effect=AssertionError),
        mock.patch.object(pickle, "load", side_effect=AssertionError),
    ):
        load_model(path)
    assert load(data).keys() == {
        *("detector/network", "detector/precision_source", "detector/precision_target"),
        *("detector/residual_means", "detector/residual_precision", "detector/residual_counts"),
        *("calibration/mse", "calibration/mahalanobis", "calibration/mahalanobis_frames"),
        "calibration/residual_gaussian",
        *(f"profile/{name}" for name in model.detector.scores),
        "normals/vectors",
    }
    package = Path(auscult.__file__).parent
    sources = {*package.rglob("*.py")} - {*(package / "testing").glob("*.py")}  # which pickles what it made
    offenders = [s.name for s in sources if "import pickle" in s.read_text(encoding="utf-8")]
    assert not offenders


def test_old_names_of_options_and_presets_are_read(model, data, path):
    """Files of version 0.1.0: options of ``auto`` and the preset ``seed`` were renamed later."""
    header, arrays = read_header_and_arrays(path)
    header["provenance"]["preset"] = "seed"
    header["digest"] = model_file._digest(header, arrays)
    path.write_bytes(save(arrays, metadata={"auscult": json.dumps(header)}))
    assert load_model(path).provenance["preset"] == "report"

    discriminative = config_to_json(make_config("discriminative", settings={"min_clips": 5}))
    discriminative["least_clips"] = discriminative.pop("min_clips")
    assert config_from_json("discriminative", discriminative).min_clips == 5

    stored = config_to_json(make_config("auto", settings={"time_limit": 9}))
    del stored["fusion"]
    earlier = {**stored, "altered": 7, "choose": False, "time": stored.pop("time_limit")}
    same = make_config("auto", settings={"time_limit": 9, "fusion": "mean"})
    assert config_from_json("auto", earlier) == same, "scores stay as they were"


def test_warnings_of_old_files_are_findings(model, data, path):
    """Files of version 0.1.0 hold strings, also those of the members of an ensemble."""
    header, arrays = read_header_and_arrays(path)
    del header["provenance"]["findings"]
    header["provenance"]["warnings"] = ["few clips", "test clips among the recordings taken in (1 of 2)"]
    of_member = {"facts": {"warnings": ["training has not converged: it has one epoch"]}}
    header["facts"] = {"warnings": [], "parameters": 1, "members": {"autoencoder": of_member}}
    header["digest"] = model_file._digest(header, arrays)
    path.write_bytes(save(arrays, metadata={"auscult": json.dumps(header)}))
    loaded = load_model(path)
    assert [finding.kind for finding in loaded.warnings] == ["other", "test_clips"]
    assert loaded.detector.findings == ()
    (finding,) = loaded.detector.facts["members"]["autoencoder"]["facts"]["findings"]
    assert finding["kind"] == "not_converged"
    again = path.with_suffix(".again")
    loaded.save(again)
    assert load_model(again).warnings == loaded.warnings

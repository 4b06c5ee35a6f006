"""Models of several channels: one score, and which channel it is from."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import auscult
from auscult.cli import commands
from auscult.corpus import Clip, open_corpus
from auscult.errors import FitError, ModelFileError, NotNormalError, OptionError, UnsupportedAudio
from auscult.findings import messages
from auscult.model.axes import AxesModel
from auscult.model.model_file import load_model
from auscult.sound import read_audio
from auscult.sound.tables import TableSettings

RATE = 8000
AXES = ("radial", "axial", "vertical")
QUICK = {"all_scores": False, "n_mels": 32}


def run(*arguments: object):
    return CliRunner().invoke(commands, [str(a) for a in arguments], catch_exceptions=False)


def quick_options() -> list[str]:
    """`QUICK` for the command line."""
    return [part for name, value in QUICK.items() for part in ("--set", f"{name}={value}".lower())]


@pytest.fixture(scope="module")
def signals(machine_sound):
    """``signals(seed, broken)``: (N, 3) samples; the axis with the number ``broken`` has a fault."""

    def make(seed: int, broken: int | None = None) -> np.ndarray:
        return np.column_stack(
            [machine_sound(1000 * axis + seed, broken=axis == broken) * (1 + axis) for axis in range(3)]
        ).astype(np.float32)

    return make


@pytest.fixture(scope="module")
def folder(tmp_path_factory, signals) -> Path:
    """Normal recordings as WAV in ``wav`` and as CSV with names in ``csv``, and faults of each axis."""
    root = tmp_path_factory.mktemp("axes")
    for kind in ("wav", "csv"):
        (root / kind / "train").mkdir(parents=True)
        (root / kind / "test").mkdir()
    for i in range(30):
        _write(root, "train", f"normal_{i:02}", signals(i))
    for i in range(10):
        _write(root, "test", f"normal_{i:02}", signals(100 + i))
        _write(root, "test", f"anomaly_{i:02}", signals(200 + i, broken=i % 3))
    return root


def _write(root: Path, part: str, name: str, samples: np.ndarray) -> None:
    soundfile.write(root / "wav" / part / f"{name}.wav", samples / 4, RATE, subtype="FLOAT")
    table = root / "csv" / part / f"{name}.csv"
    np.savetxt(table, samples / 4, "%.9g", ",", header=",".join(AXES), comments="")


@pytest.fixture(scope="module")
def model(folder) -> AxesModel:
    model = auscult.fit(open_corpus(folder / "wav" / "train"), "pooled_gaussian", **QUICK, channel="all")
    assert isinstance(model, AxesModel)
    return model


def test_the_score_is_the_largest_and_names_an_axis(model, folder):
    for i in range(10):
        score = model.score_recording(model.audio_clip(Clip(str(folder / f"wav/test/anomaly_{i:02}.wav"))))
        assert score.anomalous
        assert (score.axis, score.axis_name) == (i % 3, str(i % 3))
    normal = [
        model.score_recording(model.audio_clip(Clip(str(folder / f"wav/test/normal_{i:02}.wav"))))
        for i in range(10)
    ]
    assert sum(bool(score.anomalous) for score in normal) <= 2


def test_each_axis_is_the_model_of_that_channel(model, folder):
    """Fitted on the channel alone with the same folds, and brought to one scale by its held-out scores."""
    alone = [
        auscult.fit(open_corpus(folder / "wav/train"), "pooled_gaussian", **QUICK, channel=i)
        for i in range(3)
    ]
    name = model.detector.decisive_score
    scaled = []
    for axis, single in zip(model.axes, alone, strict=True):
        held_out = single.calibration.scores[name]
        np.testing.assert_array_equal(axis.calibration.scores[name], held_out)
        centre = np.median(held_out)
        scaled.append((held_out - centre) / (np.quantile(held_out, 0.9) - centre))
        assert np.median(scaled[-1]) == pytest.approx(0)
        assert np.quantile(scaled[-1], 0.9) == pytest.approx(1)
    np.testing.assert_allclose(model.calibration.scores[name], np.max(scaled, axis=0))
    assert (np.max(scaled, axis=0) > model.threshold().value).mean() <= 0.05


def test_the_map_is_that_of_the_axis(model, folder):
    clip = Clip(str(folder / "wav/test/anomaly_01.wav"))
    score = model.score_recording(model.audio_clip(clip), explain=True)
    of_axis = model.axes[1].score_recording(model.axes[1].audio_clip(clip), explain=True)
    np.testing.assert_array_equal(score.map, of_axis.map)
    assert score.maps_are_zscores
    assert score.map_limits == of_axis.map_limits


def test_a_saved_model_is_equal(model, folder, tmp_path):
    model.save(str(tmp_path / "m.auscult"))
    loaded = load_model(tmp_path / "m.auscult")
    assert isinstance(loaded, AxesModel)
    assert loaded.names == model.names
    assert loaded.provenance == json.loads(json.dumps(model.provenance))
    clips = list(open_corpus(folder / "wav/test"))
    for before, after in zip(model.score_many(clips), loaded.score_many(clips), strict=True):
        assert (before.score, before.axis, before.warnings) == (after.score, after.axis, after.warnings)
    loaded.save(str(tmp_path / "again.auscult"))
    assert (tmp_path / "again.auscult").read_bytes() == (tmp_path / "m.auscult").read_bytes()
    content = bytearray((tmp_path / "m.auscult").read_bytes())
    content[-5] ^= 1
    (tmp_path / "damaged.auscult").write_bytes(content)
    with pytest.raises(ModelFileError, match="digest mismatch"):
        load_model(tmp_path / "damaged.auscult")


def test_files_with_other_channels_are_refused(model, folder, signals, tmp_path):
    samples = signals(100)
    for name, channels in (("two", samples[:, :2]), ("four", np.column_stack([samples, samples[:, 0]]))):
        soundfile.write(tmp_path / f"{name}.wav", channels / 4, RATE)
        with pytest.raises(UnsupportedAudio, match="channel") as error:
            model.score_recording(model.audio_clip(Clip(str(tmp_path / f"{name}.wav"))))
        assert error.value.path == str(tmp_path / f"{name}.wav")


def test_samples_in_memory(model, folder):
    path = folder / "wav/test/anomaly_02.wav"
    samples = np.stack([read_audio(path, channel=i).samples for i in range(3)])
    expected = model.score_recording(model.audio_clip(Clip(str(path))))
    assert model.score(samples, RATE).score == expected.score
    assert model.score(samples, RATE).axis == 2
    for wrong in (samples[0], samples[:2], samples.T):
        with pytest.raises(OptionError, match=r"samples must have the shape \(3, N\)"):
            model.score(wrong, RATE)


def test_a_sensor_fault_of_one_axis(model, signals, tmp_path):
    samples = signals(100)
    samples[:, 1] = 0.0
    soundfile.write(tmp_path / "dead.wav", samples / 4, RATE)
    score = model.score_recording(model.audio_clip(Clip(str(tmp_path / "dead.wav"))))
    assert score.verdict == "sensor"
    assert any(warning.startswith("channel 1: silent") for warning in messages(score.warnings))
    assert not any("only channel 0" in warning for warning in messages(score.warnings))


def test_recordings_that_are_unusable_in_one_channel_are_left_out_of_all(folder, signals, tmp_path):
    for i in range(12):
        samples = signals(i)
        if i == 4:
            samples[:, 2] = 0.0
        soundfile.write(tmp_path / f"{i:02}.wav", samples / 4, RATE)
    model = auscult.fit(open_corpus(tmp_path), "pooled_gaussian", **QUICK, channel="all")
    assert [len(axis.calibration) for axis in model.axes] == [11, 11, 11]
    assert model.provenance["left_out"] == [str(tmp_path / "04.wav")]
    assert any("channel 2: 1 recording is without a signal" in w for w in messages(model.warnings))


@pytest.mark.parametrize(
    ("detector", "settings"),
    [
        ("spectral_memory", {}),
        ("subspace_residual", {}),
        ("autoencoder", {"epochs": 2}),
        ("auto", {"members": "levels,quarter_levels"}),
    ],
)
def test_all_detectors(folder, detector, settings, tmp_path):
    clips = list(open_corpus(folder / "wav/train"))[:12]
    model = auscult.fit(clips, detector, channel="all", **settings)
    model.save(str(tmp_path / "m.auscult"))
    clip = Clip(str(folder / "wav/test/anomaly_00.wav"))
    first, second = (
        m.score_recording(m.audio_clip(clip), explain=True)
        for m in (model, load_model(tmp_path / "m.auscult"))
    )
    assert first.score == second.score
    assert first.map is not None
    assert first.axis == 0 or detector == "autoencoder"  # two epochs find nothing


def test_channels_of_tables_have_names(folder, tmp_path):
    tables = TableSettings(rate=RATE)
    model = auscult.fit(
        open_corpus(folder / "csv/train", tables=tables), "pooled_gaussian", **QUICK, channel="all"
    )
    clip = Clip(str(folder / "csv/test/anomaly_01.csv"))
    assert model.score_recording(model.audio_clip(clip)).axis_name == "axial"
    assert model.names == AXES
    swapped = tmp_path / "swapped.csv"
    swapped.write_text(Path(clip.path).read_text().replace("radial,axial", "axial,radial"))
    with pytest.raises(UnsupportedAudio, match="axial, radial, vertical") as error:
        model.score_recording(model.audio_clip(Clip(str(swapped))))
    assert error.value.path == str(swapped)


def test_one_channel_gives_a_plain_model(tmp_path, machine_sound):
    for i in range(12):
        soundfile.write(tmp_path / f"{i:02}.wav", machine_sound(i), RATE)
    model = auscult.fit(open_corpus(tmp_path), "pooled_gaussian", **QUICK, channel="all")
    assert not model.axes
    assert model.channel == 0


@pytest.mark.parametrize("replace", [False, True])
def test_each_channel_is_adapted_alone(model, folder, tmp_path, replace):
    clips = open_corpus(folder / "wav/test").where(condition="normal")
    adapted = auscult.adapt(model, clips, accept=not replace, replace=replace)
    assert isinstance(adapted, AxesModel)
    name, count = model.detector.decisive_score, 0 if replace else 30
    assert len(adapted.calibration) == count + 10
    for before, axis in zip(model.axes, adapted.axes, strict=True):
        new = [before.audio_clip(clip) for clip in clips]
        means = [np.mean([m.scores_of(recording)[name] for recording in new]) for m in (before, axis)]
        assert means[1] < means[0], "it learned the recordings of its channel"
    single = auscult.adapt(model.axes[0], clips, accept=not replace, replace=replace)
    first = adapted.axes[0]  # whose folds the others share
    np.testing.assert_allclose(first.calibration.scores[name], single.calibration.scores[name])
    for array, values in single.detector.arrays.items():
        np.testing.assert_allclose(first.detector.arrays[array], values)
    assert first.provenance["normal_range"] == single.provenance["normal_range"]
    assert adapted.provenance["clips"] == count + 10
    assert adapted.provenance["channel_names"] == model.provenance["channel_names"]
    assert (adapted.expected_channels, adapted.provenance["channels"]) == (3, 3)
    entry = adapted.provenance["adaptations"][-1]
    assert entry["threshold_before"] == model.threshold().value
    assert entry["threshold_after"] == adapted.threshold().value
    assert entry["costs"]["new_false_alarms"]["count"] == 10
    adapted.save(str(tmp_path / "m.auscult"))
    loaded, clip = load_model(tmp_path / "m.auscult"), Clip(str(folder / "wav/test/anomaly_01.wav"))
    assert loaded.threshold() == adapted.threshold()
    score = loaded.score_recording(loaded.audio_clip(clip))
    assert score.axis == 1
    assert score.score > np.median(loaded.calibration.scores[name])


def test_a_fault_of_one_axis_is_not_learned_unasked(model, folder):
    faults = [Clip(str(folder / f"wav/test/anomaly_{i:02}.wav")) for i in (1, 4, 7)]
    with pytest.raises(NotNormalError) as error:
        auscult.adapt(model, faults)
    assert len(error.value.review["paths_above"]) == 3
    again = [Clip(str(folder / f"wav/train/normal_{i:02}.wav")) for i in range(3)]
    with pytest.raises(FitError, match="already in the model"):
        auscult.adapt(model, again)


def test_recordings_with_other_channels_are_not_learned(model, folder, tmp_path, signals):
    for i in range(3):
        samples = signals(400 + i)
        soundfile.write(tmp_path / f"two_{i}.wav", samples[:, :2], RATE)
        soundfile.write(tmp_path / f"four_{i}.wav", np.column_stack([samples, samples[:, 0]]), RATE)
    with pytest.raises(FitError, match="usable"):
        auscult.adapt(model, [Clip(str(tmp_path / f"two_{i}.wav")) for i in range(3)], accept=True)
    with pytest.raises(UnsupportedAudio, match="4 channels"):
        auscult.adapt(model, [Clip(str(tmp_path / f"four_{i}.wav")) for i in range(3)], accept=True)


def test_what_is_not_possible(model, folder, tmp_path):
    clips = open_corpus(folder / "wav/train")
    with pytest.raises(FitError, match="held-out"):
        auscult.fit(clips, "pooled_gaussian", **QUICK, channel="all", calibrate="none")
    with pytest.raises(OptionError, match="both"):
        auscult.fit(clips, "pooled_gaussian", **QUICK, channel="both")
    with pytest.raises(OptionError, match="several channels"):
        auscult.export(model, str(tmp_path / "m.onnx"))


@pytest.fixture(scope="module")
def file(folder, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.auscult"
    fitted = run(
        "fit",
        folder / "csv",
        "-o",
        path,
        "--rate",
        RATE,
        "--channel",
        "all",
        "--detector",
        "pooled_gaussian",
        *quick_options(),
        "-q",
    )
    assert fitted.exit_code == 0, fitted.output
    assert "channels     radial, axial, vertical" in fitted.output
    return path


class TestCommands:
    def test_score(self, file, folder):
        result = run("score", file, folder / "csv/test", "--csv")
        rows = {Path(row["path"]).stem: row for row in csv.DictReader(result.stdout.splitlines())}
        assert {rows[f"anomaly_{i:02}"]["axis"] for i in range(0, 10, 3)} == {"radial"}
        assert rows["anomaly_02"]["axis"] == "vertical"
        assert rows["anomaly_02"]["verdict"] == "anomaly"
        text = run("score", file, folder / "csv/test/anomaly_02.csv").output
        assert "(channel vertical)" in text
        workers = run("score", file, folder / "csv/test", "--csv", "--jobs", 2)
        assert workers.stdout == result.stdout

    def test_score_windows(self, file, folder):
        one = folder / "csv/test/anomaly_01.csv"
        rows = run("score", file, one, "--json", "--window", "0.5").stdout.splitlines()
        assert len(rows) >= 2
        assert {json.loads(row)["axis"] for row in rows} == {"axial"}

    def test_evaluate(self, file, folder):
        result = json.loads(run("evaluate", file, folder / "csv", "--json", "-q").stdout)
        assert result["errors"] == []
        assert {name: part["normals"] for name, part in result["attributes"].items()} == {}

    def test_explain(self, file, folder, tmp_path):
        picture = tmp_path / "p.png"
        one = folder / "csv/test/anomaly_01.csv"
        result = run("explain", file, one, "-o", picture)
        assert result.exit_code == 0, result.output
        assert "channel     axial, with the highest score of 3" in result.output
        assert picture.stat().st_size > 10_000
        as_json = json.loads(run("explain", file, one, "--json", "--start", "0.1", "--seconds", "1").stdout)
        assert as_json["axis"] == "axial"

    def test_options_that_do_not_apply(self, file, folder):
        for options in (("--channel", "1"), ("--each-channel",)):
            refused = run("score", file, folder / "csv/test", *options)
            assert refused.exit_code == 2
            assert "judges 3 channels together" in refused.output

    def test_machines(self, folder, tmp_path):
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "rig").symlink_to(folder / "wav")
        result = run(
            "fit",
            tmp_path / "data",
            "-o",
            f"{tmp_path}/models/",
            "--channel",
            "all",
            "--detector",
            "pooled_gaussian",
            *quick_options(),
            "-q",
        )
        assert result.exit_code == 0, result.output
        assert len(load_model(tmp_path / "models" / "rig.auscult").axes) == 3

    def test_inspect(self, file):
        assert "radial, axial, vertical" in run("inspect", file).output

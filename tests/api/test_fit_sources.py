"""What `auscult.fit` and `Model.score` accept: folders, paths, clips, arrays and waveforms."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import auscult
from auscult.corpus import Clip
from auscult.corpus.sources import split_paths
from auscult.decision import fixed_threshold
from auscult.detectors import DETECTORS, Config, Detector, Evidence
from auscult.detectors.options import make_config
from auscult.detectors.pooled.spectral_memory import SpectralMemory
from auscult.errors import AudioError, FitError, NonFiniteAudio, OptionError
from auscult.findings import Finding, messages
from auscult.model.model_file import load_model
from auscult.sound import Waveform

RATE = 8000
SMALL = {"n_mels": 16, "n_fft": 512, "hop": 256}


class Loudness(Detector):
    """Scores the level relative to that of normal recordings."""

    name = "loudness"
    scores = ("level",)
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        levels = [np.mean(recording.log_mel(self.config.front_end)) for recording in recordings]
        self.arrays = {"mean": np.array([np.mean(levels)])}
        return self

    def score(self, recording, *, explain=False):
        frames = recording.log_mel(self.config.front_end)
        maps = {"level": frames - self.arrays["mean"][0]} if explain else {}
        return Evidence({"level": float(frames.mean() - self.arrays["mean"][0])}, maps)

    def expected_shapes(self):
        return {"mean": (1,)}


@pytest.fixture(scope="module")
def samples(machine_sound) -> np.ndarray:
    """(20, N) float32, as they are read from 32-bit files."""
    return np.stack([machine_sound(i, 0.5) for i in range(20)]).astype(np.float32)


@pytest.fixture(scope="module")
def folder(samples, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fan") / "normal"
    folder.mkdir()
    for i, row in enumerate(samples):
        soundfile.write(folder / f"{i:02}.wav", row, RATE, subtype="FLOAT")
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return auscult.fit(folder, "spectral_memory", **SMALL)


def same(first, second) -> bool:
    return np.array_equal(first.calibration.scores["domain"], second.calibration.scores["domain"])


def test_a_folder_paths_clips_and_samples_give_the_same_model(folder, samples, model):
    paths = sorted(folder.iterdir())
    rate = {"sample_rate": RATE}
    for source, options in (
        (str(folder), {}),
        (paths, {}),
        ([str(path) for path in paths], {}),
        ([Clip(str(path)) for path in paths], {}),
        (auscult.open_corpus(folder), {}),
        (samples, rate),
        (list(samples.astype(np.float64)), rate),
        ([Waveform(row, RATE) for row in samples], {}),
    ):
        assert same(auscult.fit(source, "spectral_memory", **options, **SMALL), model), type(source)


def test_anomalies_in_a_folder_are_left_out_with_a_warning(folder, samples, model, tmp_path):
    for condition, rows in (("normal", samples), ("broken", samples[:3] ** 3)):
        (tmp_path / condition).mkdir()
        for i, row in enumerate(rows):
            soundfile.write(tmp_path / condition / f"{i:02}.wav", row, RATE, subtype="FLOAT")
    fitted = auscult.fit(tmp_path, "spectral_memory", **SMALL)
    assert same(fitted, model)
    (warning,) = (w for w in messages(fitted.warnings) if "anomal" in w)
    assert "3" in warning


def test_an_array_is_one_recording_that_can_be_cut_into_windows(samples):
    fitted = auscult.fit(samples.ravel(), "spectral_memory", sample_rate=RATE, window=0.5, **SMALL)
    assert set(fitted.normals.paths) == {"<recording 0>"}
    assert len(set(fitted.normals.windows)) == len(fitted.normals.paths) > 10
    assert all(end - start == 0.5 for start, end in fitted.normals.windows)


def test_a_model_of_samples_is_saved_without_them(samples, tmp_path):
    fitted = auscult.fit(samples, "spectral_memory", sample_rate=RATE, **SMALL)
    fitted.save(tmp_path / "model.auscult")
    loaded = load_model(tmp_path / "model.auscult")
    assert loaded.score(samples[3], RATE).score == fitted.score(samples[3], RATE).score
    assert loaded.score(samples[3], RATE).nearest.startswith("<recording ")


def test_options_of_an_instance_are_kept_even_with_their_default_value(samples):
    def front_end(detector: SpectralMemory):
        return auscult.fit(samples, detector, sample_rate=RATE).detector.config.front_end

    assert front_end(SpectralMemory(n_mels=16)).n_fft == 512, "shorter frames for short recordings"
    assert front_end(SpectralMemory(n_mels=16, n_fft=1024)).n_fft == 1024


def test_a_detector_is_a_name_a_class_or_an_instance(samples, monkeypatch):
    by_class = auscult.fit(samples, SpectralMemory, sample_rate=RATE, groups=4, **SMALL)
    config = make_config("spectral_memory", settings={"groups": 4, **SMALL})
    by_instance = auscult.fit(samples, SpectralMemory(config), sample_rate=RATE)
    assert same(by_class, by_instance)
    assert same(by_class, auscult.fit(samples, SpectralMemory(groups=4, **SMALL), sample_rate=RATE))
    assert by_instance.detector.config == by_class.detector.config
    assert by_instance.detector.config.groups == 4
    monkeypatch.setitem(DETECTORS, Loudness.name, (__name__, "Loudness"))
    assert isinstance(auscult.fit(samples, Loudness, sample_rate=RATE, **SMALL).detector, Loudness)

    class Local(Loudness):
        name = "local"

    with pytest.raises(OptionError, match="must be defined at the top of a module"):
        auscult.fit(samples, Local, sample_rate=RATE)
    monkeypatch.setattr(Local, "name", "auto")
    with pytest.raises(OptionError, match="'auto', the name of another detector"):
        auscult.fit(samples, Local, sample_rate=RATE)


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        (np.zeros((3, 100)), {}, OptionError, "give the sample rate of arrays in Hz"),
        (np.zeros((3, 100), np.int16), {"sample_rate": RATE}, OptionError, "divide 16-bit samples by 32768"),
        (np.zeros((2, 3, 100)), {"sample_rate": RATE}, OptionError, "one channel of shape"),
        ([np.full(100, np.nan)], {"sample_rate": RATE}, NonFiniteAudio, "<recording 0>"),
        ([], {}, FitError, "there are no clips"),
        (7, {}, OptionError, "int is no recording"),
        ([None], {}, OptionError, "NoneType is no recording"),
        (["a.wav", Clip("b.wav")], {}, OptionError, "either paths, or clips"),
        (np.zeros((8000, 20)), {"sample_rate": RATE}, OptionError, r"\(8000, 20\) .* transposed\?"),
        (np.zeros((20, 100)), {"sample_rate": RATE, "channel": 1}, FitError, "has no channel 1"),
    ],
)
def test_what_is_no_recording_is_refused(source, options, error, message):
    with pytest.raises(error, match=message):
        auscult.fit(source, "spectral_memory", **options)


def test_a_recording_is_scored_from_a_path_a_clip_or_samples(folder, samples, model):
    path = folder / "03.wav"
    expected = model.score(path)
    assert expected.path == str(path)
    for recording in (str(path), Clip(str(path)), Waveform(samples[3], RATE, path=str(path))):
        assert model.score(recording) == expected
    assert model.score(samples[3], RATE).score == expected.score
    with pytest.raises(OptionError, match="sample rate of the array"):
        model.score(samples[3])


def test_the_threshold_is_a_number_a_threshold_or_a_rate(folder, model):
    path = folder / "03.wav"
    score = model.score(path).score
    assert model.score(path, threshold=score + 1).anomalous is False
    assert model.score(path, threshold=score - 1).anomalous is True
    assert model.score(path, threshold=fixed_threshold(score - 1)).threshold == score - 1
    assert model.score(path, false_alarms=0.1).threshold == model.threshold(0.1).value
    with pytest.raises(OptionError, match="exclude each other"):
        model.score(path, threshold=1.0, false_alarms=0.1)


def test_scores_have_p_values_and_can_be_compared_and_converted(folder, model):
    plain, explained = (model.score(folder / "03.wav", explain=explain) for explain in (False, True))
    calibration = model.calibration.scores["domain"]
    assert plain.p_value == (1 + np.sum(calibration >= plain.score)) / (len(calibration) + 1)
    assert explained == model.score(folder / "03.wav", explain=True), "comparing maps does not raise"
    warned = replace(plain, warnings=(Finding("resampled", "other rate"),))
    data = json.loads(json.dumps(warned.to_dict()))
    assert data["warnings"] == [{"kind": "resampled", "message": "other rate", "paths": []}]
    assert (data["score"], data["p_value"], data["verdict"]) == (plain.score, plain.p_value, "normal")
    assert "map" not in explained.to_dict()
    without = auscult.fit(folder, "spectral_memory", calibrate="none", **SMALL)
    assert without.score(folder / "03.wav").p_value is None


def test_many_recordings_are_scored_in_order_and_errors_take_their_place(folder, samples, model):
    broken = np.full(RATE, np.nan, np.float32)
    first, error, third = model.score_many([folder / "00.wav", broken, samples[3]], RATE)
    assert first == model.score(folder / "00.wav")
    assert isinstance(error, AudioError)
    assert third == model.score(samples[3], RATE)


def test_an_array_that_is_filled_again_and_again_is_copied(samples, model):
    """As by a program that reads a microphone."""

    def filled():
        for row in (*samples, 5 * samples[3]):
            buffer[:] = row
            yield buffer

    buffer = np.empty_like(samples[0])
    expected = [model.score(row, RATE).score for row in (*samples, 5 * samples[3])]
    for threads in (1, 4):
        assert [score.score for score in model.score_many(filled(), RATE, threads=threads)] == expected
    fitted = auscult.fit(filled(), "spectral_memory", sample_rate=RATE, calibrate="none", **SMALL)
    assert len(np.unique(fitted.detector.arrays["bank"], axis=0)) == 21


def test_one_recording_is_many_recordings_of_one(folder, samples, model):
    for single in (folder / "03.wav", str(folder / "03.wav"), samples[3]):
        (score,) = model.score_many(single, RATE)
        assert score.score == model.score(folder / "03.wav").score


def test_short_rows_are_recordings_if_they_are_few_or_of_a_low_rate():
    for shape, rate in (((20, 100), RATE), ((200, 100), 1000)):
        paths, clips = split_paths(np.zeros(shape), rate)
        assert (paths, len(clips)) == ([], shape[0])


def test_clips_of_several_machines_are_refused(samples):
    def of(*machines):
        pairs = zip(machines, samples, strict=False)
        return [Clip(f"{i}", machine=m, waveform=Waveform(x, RATE)) for i, (m, x) in enumerate(pairs)]

    clips = of(*["fan"] * 5, *["pump"] * 5, None)
    for recordings in (clips, auscult.Corpus(clips)):
        for conditions in (None, {"*": "normal"}):
            with pytest.raises(FitError, match=r"2 machines \(fan, pump\)"):
                auscult.fit(recordings, "spectral_memory", conditions=conditions, **SMALL)
    assert auscult.fit(of(*["fan"] * 5, None), "spectral_memory", **SMALL).provenance["machines"] == ["fan"]


@pytest.mark.parametrize(
    ("waveform", "error"),
    [
        (Waveform(np.zeros(100, np.int16), RATE), OptionError),
        (Waveform(np.full(100, np.nan, np.float32), RATE), NonFiniteAudio),
        (Waveform(np.full(100, 1e300), RATE), NonFiniteAudio),
        (Waveform(np.zeros((1, 100), np.float32), RATE), OptionError),
        (Waveform(np.zeros(100, np.float32), 0), OptionError),
    ],
)
def test_waveforms_are_checked(waveform, error, model):
    with pytest.raises(error):
        model.score(waveform)
    with pytest.raises(error):
        auscult.fit([waveform], "spectral_memory")


def test_what_is_no_number_is_refused(samples, model):
    for rate in ("16000", 8000.5, float("nan"), -1):
        with pytest.raises(OptionError, match="sample_rate"):
            model.score(samples[0], rate)
    for threshold in ("0.05", True, [1], float("inf")):
        with pytest.raises(OptionError, match="threshold must be a number"):
            model.score(samples[0], RATE, threshold=threshold)
    for rate in ("5%", True, [0.05]):
        with pytest.raises(OptionError, match="false-alarm rate must be a number"):
            model.score(samples[0], RATE, false_alarms=rate)
    outcomes = list(model.score_many([samples[0], None, samples[1].astype(np.int16)], RATE))
    assert [isinstance(outcome, AudioError) for outcome in outcomes] == [False, True, True]


def test_arrays_without_a_sample_rate_are_refused_before_any_is_scored(samples, folder, model):
    for recordings in (samples, samples[0], [folder / "00.wav", samples[0]]):
        with pytest.raises(OptionError, match="sample_rate"):
            model.score_many(recordings)
    outcomes = model.score_many(iter([folder / "00.wav", samples[0]]), threads=1)
    assert not isinstance(next(outcomes), AudioError)
    with pytest.raises(OptionError, match="sample_rate"):
        next(outcomes)

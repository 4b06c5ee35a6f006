"""Scoring with a model: files and samples, other sample rates, errors and warnings, without PyTorch."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import soundfile

import auscult
from auscult.corpus import AudioClip, Clip
from auscult.decision import fixed_threshold
from auscult.errors import EmptyAudio, NonFiniteAudio, OptionError, TooShortAudio, UnreadableAudio
from auscult.findings import messages
from auscult.model import Calibration, Model

RATE = 8000


@pytest.fixture(scope="module")
def folder(machine_sound, tmp_path_factory) -> Path:
    """24 normal files for training, and labelled files under ``test``."""
    folder = tmp_path_factory.mktemp("fan")
    for name in ("train", "test/normal", "test/anomaly"):
        (folder / name).mkdir(parents=True)
    for i in range(24):
        soundfile.write(folder / f"train/{i:02}.wav", machine_sound(i), RATE)
    for i in range(4):
        soundfile.write(folder / f"test/normal/{i}.wav", machine_sound(50 + i), RATE)
        soundfile.write(folder / f"test/anomaly/{i}.wav", machine_sound(60 + i, broken=True), RATE)
    return folder


@pytest.fixture(scope="module")
def model(folder) -> Model:
    small = {"n_fft": 512, "hop": 256, "n_mels": 16, "hidden": 16}
    return auscult.fit(
        auscult.open_corpus(str(folder / "train")),
        "autoencoder",
        **{**small, "epochs": 15, "batch_size": 32, "learning_rate": 1e-2, "device": "cpu"},
    )


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "fan.auscult"
    model.save(path)
    return path


def test_normal_sounds_score_low_and_anomalies_high(model, machine_sound):
    normal = [model.score(machine_sound(200 + i), RATE) for i in range(5)]
    broken = model.score(machine_sound(300, broken=True), RATE)
    assert broken.anomalous is True
    assert broken.score > broken.threshold == model.threshold(0.05).value
    assert sum(score.anomalous for score in normal) <= 1
    assert broken.path == "<memory>"
    assert broken.scores["mse"] == broken.score
    assert broken.map is None
    assert broken.warnings == ()


def test_a_low_false_alarm_rate_needs_more_calibration_clips(model, machine_sound):
    score = model.score(machine_sound(0), RATE, threshold=model.threshold(0.01))
    assert (score.threshold, score.anomalous) == (None, None)
    assert any("75 more" in warning for warning in messages(score.warnings)), "99 are needed, there are 24"


def test_a_fixed_threshold(model, machine_sound):
    value = model.score(machine_sound(0), RATE).score
    for threshold, expected in ((value, False), (np.nextafter(value, 0), True)):
        score = model.score(machine_sound(0), RATE, threshold=fixed_threshold(threshold))
        assert (score.threshold, score.anomalous) == (threshold, expected)


def test_every_score_has_a_threshold(model):
    for name in model.detector.scores:
        scores = np.sort(model.calibration.scores[name])
        assert model.threshold(0.05, score=name).value == scores[-1]
        assert model.threshold(0.2, score=name).value == scores[19]
    assert Model(model.detector).threshold().value is None


def test_an_unknown_score_is_answered_with_the_known_ones(model):
    with pytest.raises(OptionError, match=model.detector.scores[0]):
        model.threshold(score="nope")


def test_another_sample_rate_is_resampled_with_a_warning(model, machine_sound):
    sound = machine_sound(0)
    t = np.arange(3 * len(sound)) / (3 * RATE)
    faster = np.interp(t, np.arange(len(sound)) / RATE, sound).astype(np.float32)
    score = model.score(faster, 3 * RATE)
    assert score.verdict in ("sensor", "anomaly")
    assert any("sampled at 24000 Hz, but the recordings" in warning for warning in messages(score.warnings))
    assert np.isfinite(score.score)
    assert not model.score(sound, RATE).warnings


def test_with_profiles_maps_are_zscores(model, machine_sound):
    broken = model.score(machine_sound(0, broken=True), RATE, explain=True)
    assert broken.maps_are_zscores
    assert broken.map.shape == (1 + RATE // 256, 16)
    normal = model.score(machine_sound(0), RATE, explain=True)
    assert abs(normal.map.mean()) < 0.5
    assert broken.map.max() > 4 * normal.map.max()
    assert np.mean(normal.map > 2) < 0.05, "standard deviations of normal recordings"
    assert not model.score(machine_sound(0), RATE).maps_are_zscores


def test_without_profiles_maps_show_what_each_bin_added(model, machine_sound):
    bare = Model(model.detector, model.calibration)
    score = bare.score(machine_sound(0, broken=True), RATE, explain=True)
    assert not score.maps_are_zscores
    assert score.map.mean() * 16 == pytest.approx(score.score, rel=0.1)
    assert score.nearest is None


def test_scores_name_the_nearest_normal_recording(model, folder):
    files = [str(folder / f"train/{i:02}.wav") for i in range(24)]
    (broken,) = model.score_many([Clip(str(folder / "test/anomaly/0.wav"))])
    assert broken.nearest in files
    (normal,) = model.score_many([Clip(files[3])])
    assert normal.nearest in set(files) - {files[3]}


def test_samples_of_any_float_type(model, machine_sound):
    sound = machine_sound(0)
    value = model.score(sound, RATE).score
    assert model.score(sound.astype(np.float64), RATE).score == pytest.approx(value, rel=1e-5)
    assert model.score(list(map(float, sound)), RATE).score == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("samples", "rate", "error"),
    [
        (np.zeros((8000, 2)), RATE, OptionError),
        (np.float32(3), RATE, OptionError),
        (np.zeros(1000), RATE, TooShortAudio),
        (np.zeros(0), RATE, EmptyAudio),
        (np.full(8000, np.nan), RATE, NonFiniteAudio),
        (np.r_[np.zeros(7999), np.inf], RATE, NonFiniteAudio),
        (np.zeros(8000, np.int16), RATE, OptionError),
        (np.zeros(8000), 0, OptionError),
        (np.zeros(8000), -8000, OptionError),
    ],
    ids=[
        "two channels",
        "one number",
        "short",
        "empty",
        "NaN",
        "infinite",
        "integers",
        "zero rate",
        "negative rate",
    ],
)
def test_invalid_samples_are_errors(model, samples, rate, error):
    with pytest.raises(error):
        model.score(samples, rate)


@pytest.mark.parametrize("threads", [1, 3])
def test_clips_are_scored_in_order_and_errors_take_the_place_of_scores(model, folder, tmp_path, threads):
    bad, short = tmp_path / "bad.wav", tmp_path / "short.wav"
    bad.write_bytes(b"no sound")
    soundfile.write(short, np.zeros(500), RATE)
    good = [str(folder / "train/00.wav"), str(folder / "train/01.wav")]
    paths = [good[0], str(bad), good[1], str(short), "/nowhere/at/all.wav"]
    outcomes = list(model.score_many([Clip(p) for p in paths], threads=threads))
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [auscult.Score, UnreadableAudio, auscult.Score, TooShortAudio, UnreadableAudio]
    assert [outcome.path for outcome in outcomes] == paths


def test_only_a_few_clips_of_an_endless_iterator_are_held(model, folder):
    """Four threads read at most eight clips ahead, and continue as results are consumed."""
    requested = []

    def endless():
        while True:
            requested.append(Clip(str(folder / f"train/{len(requested) % 24:02}.wav")))
            yield requested[-1]

    scores = model.score_many(endless(), threads=4)
    files = [Clip(str(folder / f"train/{i:02}.wav")) for i in range(24)]
    expected = [next(model.score_many([clip], threads=1)) for clip in files]
    for done in range(60):
        assert next(scores) == expected[done % 24]
        assert len(requested) <= done + 1 + 8
    scores.close()


def test_a_file_and_the_samples_in_it_have_the_same_score(model, folder):
    path = str(folder / "train/05.wav")
    samples, rate = soundfile.read(path, dtype="float32")
    (from_file,) = model.score_many([Clip(path)])
    assert from_file.score == pytest.approx(model.score(samples, rate).score, rel=1e-6)


def test_the_length_of_a_calibration_is_the_number_of_clips():
    assert len(Calibration()) == 0
    assert len(Calibration("holdout", {"mse": np.zeros(2)}, ["source", None])) == 2


BLOCKED = """
import sys

# An entry of None makes the import fail.
sys.modules.update(dict.fromkeys(("torch", "onnx", "sklearn", "matplotlib")))
import auscult
"""


def without_pytorch(code: str) -> str:
    """The output of a program on a machine without PyTorch and scikit-learn."""
    program = BLOCKED + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_scoring_explaining_and_evaluating_work_without_pytorch(model, saved, folder):
    path = str(folder / "test/anomaly/0.wav")
    printed = without_pytorch(
        f"""
        model = auscult.load({str(saved)!r})
        samples = auscult.read_audio({path!r})
        score = model.score(samples.samples, samples.sample_rate, explain=True)
        print(score.score, score.anomalous, score.map.shape)
        evaluation = auscult.evaluate(model, auscult.open_corpus({str(folder / "test")!r}))
        print(evaluation.to_json()["auc_source"]["value"])
        """
    )
    score, anomalous, *_ = printed.split()
    samples, rate = soundfile.read(path, dtype="float32")
    assert float(score) == pytest.approx(model.score(samples, rate).score, rel=1e-5)
    assert anomalous == "True"
    assert float(printed.split()[-1]) == 1.0


def test_fitting_without_pytorch_raises_an_error_with_the_install_command(folder):
    printed = without_pytorch(
        f"""
        clips = auscult.open_corpus({str(folder / "train")!r})
        for name in ("autoencoder", "gamma_vae"):
            try:
                auscult.fit(clips, name, calibrate="none")
            except auscult.AuscultError as error:
                print(type(error).__name__, error)
        """
    )
    first, second = printed.splitlines()
    assert first.startswith("MissingExtraError Fitting autoencoder requires")
    assert first.endswith("pip install 'auscult[train]'")
    assert "auscult[train]" in second


def test_real_valves(real_data, tmp_path):
    """Real recordings with the settings of the baseline, also after saving and loading the model."""
    corpus = auscult.open_corpus(str(real_data / "dcase2020" / "valve"))
    model = auscult.fit(corpus.for_training(), "autoencoder", epochs=2, calibrate="none")
    assert (model.sample_rate, model.detector.parameters) == (16000, 267_928)
    assert any("usable recordings: record at least 20" in warning for warning in messages(model.warnings))
    test_clips = corpus.for_evaluation()
    outcome = auscult.evaluate(model, test_clips)
    assert len(outcome.scores) == len(test_clips) > 0
    assert all(np.isfinite(list(score.scores.values())).all() for score in outcome.scores)
    model.save(tmp_path / "valve.auscult")
    loaded = auscult.load(tmp_path / "valve.auscult")
    values = [score.score for score in loaded.score_many(test_clips)]
    assert values == pytest.approx([score.score for score in outcome.scores], rel=1e-5)


def test_score_recording_refuses_another_sample_rate(model, tmp_path, machine_sound):
    path = tmp_path / "fast.wav"
    soundfile.write(path, machine_sound(1), 2 * model.sample_rate)
    with pytest.raises(OptionError, match=r"Model\.audio_clip"):
        model.score_recording(AudioClip.from_file(Clip(str(path))))
    assert np.isfinite(model.score_recording(model.audio_clip(Clip(str(path)))).score)


def test_warnings_for_silence_clipping_and_another_length(model, machine_sound):
    rate = model.sample_rate
    (silent,) = [w for w in messages(model.score(np.zeros(rate, np.float32), rate).warnings) if "silent" in w]
    assert "microphone" in silent
    loud = np.clip(40 * machine_sound(1), -1, 1)
    assert any("clipped" in w for w in messages(model.score(loud, rate).warnings))
    one_second = Model(model.detector, model.calibration, provenance={"seconds": [1.0, 1.0]})
    longer, as_long = (one_second.score(machine_sound(1, seconds), rate) for seconds in (2.0, 1.2))
    assert any("false-alarm rate" in w for w in messages(longer.warnings))
    assert not any("false-alarm rate" in w for w in messages(as_long.warnings))


def test_a_recording_that_is_too_short_is_not_judged(model, machine_sound):
    """It has fewer than eight frames, and those of training have a second."""
    rate, hop = model.sample_rate, model.detector.config.front_end.hop
    one_second = Model(model.detector, model.calibration, provenance={"seconds": [1.0, 1.0]})
    samples = machine_sound(1, broken=True)
    short = one_second.score(samples[: 6 * hop], rate, threshold=-1e9)
    (finding,) = [finding for finding in short.findings if finding.kind == "length"]
    assert (finding.effect, short.verdict, short.anomalous) == ("unusable", "sensor", None)
    assert [f.message for f in short.warnings if f.kind == "length"] == [finding.message], "said once"
    enough = one_second.score(samples[: 8 * hop], rate, threshold=-1e9)
    assert enough.verdict == "anomaly"
    of_short = Model(model.detector, model.calibration, provenance={"seconds": [0.1, 1.0]})
    assert of_short.score(samples[: 6 * hop], rate, threshold=-1e9).verdict == "anomaly", "as in training"


def test_recordings_of_almost_no_level_give_no_threshold():
    noise = 1e-12 * np.random.default_rng(0).standard_normal((20, 8000))
    model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
    assert "equal_scores" in [finding.kind for finding in model.warnings]
    assert model.threshold().value is None
    assert model.score(np.random.default_rng(1).standard_normal(8000), 8000).verdict is None

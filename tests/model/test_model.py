"""A model asked for verdicts: files and samples, other rates, errors in their place, without PyTorch."""

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
from auscult.model import Calibration, Model

RATE = 8000


@pytest.fixture(scope="module")
def folder(machine_sound, tmp_path_factory) -> Path:
    """24 normal files, and labelled ones under ``test``."""
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


def test_the_users_day(model, machine_sound):
    normal = [model.score(machine_sound(200 + i), RATE) for i in range(5)]
    broken = model.score(machine_sound(300, broken=True), RATE)
    assert broken.anomalous is True
    assert broken.score > broken.threshold == model.threshold(0.05).value
    assert sum(verdict.anomalous for verdict in normal) <= 1
    assert broken.path == "<memory>"
    assert broken.scores["mse"] == broken.score
    assert broken.map is None
    assert broken.warnings == ()


def test_a_rate_that_is_promised_needs_clips(model, machine_sound):
    verdict = model.score(machine_sound(0), RATE, threshold=model.threshold(0.01))
    assert (verdict.threshold, verdict.anomalous) == (None, None)
    assert any("75 more" in warning for warning in verdict.warnings), "99 are needed, 24 are there"


def test_a_threshold_of_ones_own(model, machine_sound):
    value = model.score(machine_sound(0), RATE).score
    for limit, expected in ((value, False), (np.nextafter(value, 0), True)):
        verdict = model.score(machine_sound(0), RATE, threshold=fixed_threshold(limit))
        assert (verdict.threshold, verdict.anomalous) == (limit, expected)


def test_a_threshold_for_every_score(model):
    for name in model.detector.scores:
        scores = np.sort(model.calibration.scores[name])
        assert model.threshold(0.05, score=name).value == scores[-1]
        assert model.threshold(0.2, score=name).value == scores[19]
    assert Model(model.detector).threshold().value is None


def test_another_rate_is_resampled_and_said(model, machine_sound):
    sound = machine_sound(0)
    t = np.arange(3 * len(sound)) / (3 * RATE)
    faster = np.interp(t, np.arange(len(sound)) / RATE, sound).astype(np.float32)
    verdict = model.score(faster, 3 * RATE)
    assert any("resampled from 24000 Hz to 8000 Hz" in warning for warning in verdict.warnings)
    assert np.isfinite(verdict.score)
    assert not model.score(sound, RATE).warnings


def test_explain(model, machine_sound):
    verdict = model.score(machine_sound(0, broken=True), RATE, explain=True)
    assert verdict.points
    assert verdict.map.shape == (1 + RATE // 256, 16)
    calm = model.score(machine_sound(0), RATE, explain=True)
    assert abs(calm.map.mean()) < 0.5
    assert verdict.map.max() > 4 * calm.map.max()
    assert np.mean(calm.map > 2) < 0.05, "standard deviations of normal running"
    assert not model.score(machine_sound(0), RATE).points


def test_explain_without_profiles_shows_what_each_bin_added(model, machine_sound):
    bare = Model(model.detector, model.calibration)
    verdict = bare.score(machine_sound(0, broken=True), RATE, explain=True)
    assert not verdict.points
    assert verdict.map.mean() * 16 == pytest.approx(verdict.score, rel=0.1)
    assert verdict.nearest is None


def test_the_nearest_normal_can_be_listened_to(model, folder):
    files = [str(folder / f"train/{i:02}.wav") for i in range(24)]
    (broken,) = model.score_clips([Clip(str(folder / "test/anomaly/0.wav"))])
    assert broken.nearest in files
    (itself,) = model.score_clips([Clip(files[3])])
    assert itself.nearest in set(files) - {files[3]}


def test_samples_of_any_number_type(model, machine_sound):
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
        "whole numbers",
        "no rate",
        "negative rate",
    ],
)
def test_samples_that_cannot_be_scored(model, samples, rate, error):
    with pytest.raises(error):
        model.score(samples, rate)


@pytest.mark.parametrize("threads", [1, 3])
def test_clips_in_order_with_errors_in_their_place(model, folder, tmp_path, threads):
    bad, short = tmp_path / "bad.wav", tmp_path / "short.wav"
    bad.write_bytes(b"no sound")
    soundfile.write(short, np.zeros(500), RATE)
    good = [str(folder / "train/00.wav"), str(folder / "train/01.wav")]
    paths = [good[0], str(bad), good[1], str(short), "/nowhere/at/all.wav"]
    outcomes = list(model.score_clips([Clip(p) for p in paths], threads=threads))
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [auscult.Score, UnreadableAudio, auscult.Score, TooShortAudio, UnreadableAudio]
    assert [outcome.path for outcome in outcomes] == paths


def test_of_an_endless_archive_a_few_clips_are_held(model, folder):
    """Four threads look at most eight clips ahead, and go on as results are taken."""
    taken = []

    def archive():
        while True:
            taken.append(Clip(str(folder / f"train/{len(taken) % 24:02}.wav")))
            yield taken[-1]

    scores = model.score_clips(archive(), threads=4)
    alone = [next(model.score_clips([Clip(str(folder / f"train/{i:02}.wav"))], threads=1)) for i in range(24)]
    for done in range(60):
        assert next(scores) == alone[done % 24]
        assert len(taken) <= done + 1 + 8
    scores.close()


def test_a_file_scores_as_its_samples(model, folder):
    path = str(folder / "train/05.wav")
    samples, rate = soundfile.read(path, dtype="float32")
    (from_file,) = model.score_clips([Clip(path)])
    assert from_file.score == pytest.approx(model.score(samples, rate).score, rel=1e-6)


def test_calibration_has_the_length_of_its_clips():
    assert len(Calibration()) == 0
    assert len(Calibration("holdout", {"mse": np.zeros(2)}, ["source", None])) == 2


BLOCKED = """
import sys

sys.modules.update(dict.fromkeys(("torch", "onnx", "onnxscript", "sklearn", "matplotlib")))  # None: not there
import auscult
"""


def without_pytorch(code: str) -> str:
    """What a program prints on a machine that has neither PyTorch nor scikit-learn."""
    program = BLOCKED + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_scoring_explaining_and_evaluating_need_no_pytorch(model, saved, folder):
    path = str(folder / "test/anomaly/0.wav")
    printed = without_pytorch(
        f"""
        model = auscult.load({str(saved)!r})
        samples = auscult.read_audio({path!r})
        verdict = model.score(samples.samples, samples.sample_rate, explain=True)
        print(verdict.score, verdict.anomalous, verdict.map.shape)
        evaluation = auscult.evaluate(model, auscult.open_corpus({str(folder / "test")!r}), resamples=20)
        print(evaluation.to_json()["auc_source"]["value"])
        """
    )
    score, anomalous, *_ = printed.split()
    samples, rate = soundfile.read(path, dtype="float32")
    assert float(score) == pytest.approx(model.score(samples, rate).score, rel=1e-5)
    assert anomalous == "True"
    assert float(printed.split()[-1]) == 1.0


def test_fitting_without_pytorch_says_what_to_install(folder):
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
    assert (
        first == "MissingExtraError Fitting autoencoder needs an optional part: pip install 'auscult[train]'"
    )
    assert "auscult[train]" in second


def test_real_valves(real_data, tmp_path):
    """Real recordings at the baseline's own settings, through the file and back."""
    corpus = auscult.open_corpus(str(real_data / "dcase2020" / "valve"))
    model = auscult.fit(corpus.for_training(), "autoencoder", epochs=2, calibrate="none")
    assert (model.sample_rate, model.detector.parameters) == (16000, 267_928)
    assert any("few to learn from" in warning for warning in model.provenance["warnings"])
    heard = corpus.for_evaluation()
    outcome = auscult.evaluate(model, heard, resamples=10)
    assert len(outcome.scores) == len(heard) > 0
    assert all(np.isfinite(list(verdict.scores.values())).all() for verdict in outcome.scores)
    model.save(tmp_path / "valve.auscult")
    again = [verdict.score for verdict in auscult.load(tmp_path / "valve.auscult").score_clips(heard)]
    assert again == pytest.approx([verdict.score for verdict in outcome.scores], rel=1e-5)


def test_a_recording_at_another_rate_than_the_models_is_no_score(model, tmp_path, machine_sound):
    path = tmp_path / "fast.wav"
    soundfile.write(path, machine_sound(1), 2 * model.sample_rate)
    with pytest.raises(OptionError, match=r"Model\.audio_clip"):
        model.score_recording(AudioClip.from_file(Clip(str(path))))
    assert np.isfinite(model.score_recording(model.audio_clip(Clip(str(path)))).score)


def test_a_dead_or_overdriven_microphone_and_another_length_are_told(model, machine_sound):
    rate = model.sample_rate
    (silent,) = [w for w in model.score(np.zeros(rate, np.float32), rate).warnings if "silent" in w]
    assert "microphone" in silent
    loud = np.clip(40 * machine_sound(1), -1, 1)
    assert any("clipped" in w for w in model.score(loud, rate).warnings)
    told = Model(model.detector, model.calibration, provenance={"seconds": [1.0, 1.0]})
    assert any("promised rate" in w for w in told.score(machine_sound(1, 2.0), rate).warnings)
    assert not any("promised rate" in w for w in told.score(machine_sound(1, 1.2), rate).warnings)

"""`evaluate`: the scores of a model on labelled files, and the metrics of those scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from sklearn.metrics import roc_auc_score

import auscult
from auscult.corpus import Clip
from auscult.decision import fixed_threshold
from auscult.detectors.base import Config, Detector, Evidence
from auscult.errors import EvaluationError, OptionError, UnreadableAudio
from auscult.findings import Finding, messages
from auscult.model import Calibration, Model
from auscult.model.normal_index import NormalIndex
from auscult.spectrum import FrontEnd

RATE = 8000


class Loudness(Detector):
    name = "loudness"
    scores = ("rms", "quiet")
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        return self

    def score(self, recording, *, explain=False):
        rms = float(np.sqrt(np.mean(recording.waveform().samples ** 2)))
        return Evidence({"rms": rms, "quiet": -rms})

    def expected_shapes(self):
        return {}


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Clip]:
    """48 noise clips of random level: anomalies tend to be louder, and clips with ``load=2`` are twice as
    loud."""
    folder, rng = tmp_path_factory.mktemp("test"), np.random.default_rng(0)
    clips = []
    for i in range(48):
        condition = ("normal", "anomaly")[i % 2]
        load = str(1 + i // 2 % 2)
        level = rng.uniform(0.05, 0.1) * (1.3 if condition == "anomaly" else 1) * (2 if load == "2" else 1)
        path = str(folder / f"{i}.wav")
        soundfile.write(path, level * rng.standard_normal(2000), RATE, subtype="FLOAT")
        domain = ("source", "target")[i // 4 % 2]
        clips.append(
            Clip(
                path,
                machine="fan",
                section="00",
                domain=domain,
                condition=condition,
                attributes={"load": load},
            )
        )
    return clips


def model(score: str = "") -> Model:
    detector = Loudness(Config(score=score, front_end=FrontEnd(sample_rate=RATE)))
    scores = {"rms": np.linspace(0.05, 0.2, 40), "quiet": -np.linspace(0.05, 0.2, 40)}
    return Model(detector, Calibration("crossfit", scores, [None] * 40))


def score_values(model: Model, clips) -> np.ndarray:
    return np.array([score.score for score in model.score_many(clips)])


def test_metrics_are_computed_from_the_scores_of_the_model(clips):
    outcome = auscult.evaluate(model(), clips)
    scores = score_values(model(), clips)
    assert [s.score for s in outcome.scores] == scores.tolist()
    assert [s.path for s in outcome.scores] == [c.path for c in clips]
    anomaly = np.array([c.condition == "anomaly" for c in clips])
    for domain, name in (("source", "auc_source"), ("target", "auc_target")):
        in_domain = anomaly | np.array([c.domain == domain for c in clips])
        metric = outcome.to_json()[name]
        assert metric["value"] == pytest.approx(roc_auc_score(anomaly[in_domain], scores[in_domain]))
        assert metric["low"] <= metric["value"] <= metric["high"]
    pauc = roc_auc_score(anomaly, scores, max_fpr=0.1)
    assert outcome.to_json()["pauc"]["value"] == pytest.approx(pauc)
    assert outcome.to_json()["errors"] == []
    assert {"load=1", "load=2"} <= outcome.evaluation.attributes.keys()


def test_files_of_other_kinds_are_reported(clips):
    outcome = auscult.evaluate(model(), auscult.Corpus(clips, other_files={".m4a": 2}), intervals=False)
    assert outcome.warnings[-1].message == "2 files of other kinds were not read: 2 .m4a"


def test_the_decisive_score_is_evaluated(clips):
    loud, quiet = (
        auscult.evaluate(model(s), clips).to_json()["auc_source"]["value"] for s in ("rms", "quiet")
    )
    assert loud == pytest.approx(1 - quiet)
    assert loud > 0.5


def test_decisions_use_the_threshold_of_the_model_or_the_given_one(clips):
    default = auscult.evaluate(model(), clips)
    assert default.threshold == model().threshold(0.05)
    assert default.to_json()["threshold"] == default.threshold.value
    given = auscult.evaluate(model(), clips, threshold=fixed_threshold(0.1))
    assert given.evaluation.threshold == 0.1
    assert [s.anomalous for s in given.scores] == (score_values(model(), clips) > 0.1).tolist()


def test_unreadable_files_are_left_out_and_reported(clips, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"nothing")
    with_broken = [*clips[:7], replace(clips[7], path=str(broken)), *clips[7:]]
    outcome = auscult.evaluate(model(), with_broken)
    assert len(outcome.scores) == 48
    (error,) = outcome.errors
    assert isinstance(error, UnreadableAudio)
    assert outcome.to_json()["errors"] == [{"path": str(broken), "error": error.reason}]
    without_broken = auscult.evaluate(model(), clips)
    assert outcome.evaluation.overall == without_broken.evaluation.overall


def test_progress_is_reported_after_each_clip(clips):
    calls = []
    auscult.evaluate(model(), clips, progress=lambda *call: calls.append(call))
    assert calls == [("score", i + 1, 48, {}) for i in range(48)]


def test_too_few_clips_or_labels_are_an_error(clips, tmp_path):
    with pytest.raises(EvaluationError, match="none of 0"):
        auscult.evaluate(model(), [])
    with pytest.raises(EvaluationError, match=r"none of 1 .*gone\.wav"):
        auscult.evaluate(model(), [replace(clips[0], path=str(tmp_path / "gone.wav"))])
    for unusable in (clips[::2], [replace(c, condition=None) for c in clips]):
        with pytest.raises(EvaluationError):
            auscult.evaluate(model(), unusable)


@pytest.mark.parametrize("given", [np.zeros((4, 2000)), np.zeros(2000), [np.zeros(2000)], "folder", None])
def test_what_is_no_clip_is_refused(given):
    with pytest.raises(OptionError, match=r"Clip\(.*condition=.*waveform=Waveform"):
        auscult.evaluate(model(), given)


@pytest.fixture(scope="module")
def knowing(clips) -> Model:
    """The model, fitted on the first five normal clips and on the first anomaly, under other names."""
    learned = [*clips[:10:2], clips[1]]
    recordings = [model().audio_clip(clip) for clip in learned]
    index = NormalIndex.from_clips(recordings, model().detector.config.front_end)
    fitted = model()
    fitted.normals = replace(index, paths=tuple(f"elsewhere/{i}.wav" for i in range(6)))
    return fitted


def test_clips_that_the_model_was_fitted_on_are_left_out_and_reported(clips, knowing):
    outcome = auscult.evaluate(knowing, clips)
    learned = [*clips[:10:2], clips[1]]
    assert set(outcome.fitted_on) == {clip.path for clip in learned}
    assert len(outcome.scores) == 48
    new = auscult.evaluate(model(), [c for c in clips if c.path not in outcome.fitted_on])
    assert outcome.evaluation == new.evaluation
    assert outcome.to_json()["fitted_on"] == list(outcome.fitted_on)
    (warning,) = messages(outcome.warnings)
    assert "fitted on 6 of these 48 recordings, 1 of them anomalies" in warning
    assert outcome.to_json()["warnings"] == [warning]
    assert auscult.evaluate(model(), clips).fitted_on == ()


def test_without_normal_clips_that_are_new_there_is_no_evaluation(clips, knowing):
    with pytest.raises(EvaluationError, match=r"fitted on 6 of these 29 recordings.*no normal clips"):
        auscult.evaluate(
            knowing,
            [*clips[:10:2], *clips[1::2]],
        )


def test_copies_in_other_formats_are_known_by_their_content(clips, tmp_path):
    samples, rate = soundfile.read(clips[0].path, dtype="float32")
    paths = [str(tmp_path / name) for name in ("other.wav", "other.flac")]
    samples = np.round(samples * 2**15) / 2**15
    soundfile.write(paths[0], samples, rate, subtype="PCM_16")
    soundfile.write(paths[1], samples, rate, subtype="PCM_24")
    copies = [replace(clips[0], path=path) for path in paths]
    outcome = auscult.evaluate(model(), [*clips[1:], *copies])
    assert outcome.to_json()["copies"] == [paths]
    assert outcome.warnings[0].message.startswith("1 clip is a copy")
    with pytest.raises(
        EvaluationError, match=r"other\.wav is labelled normal and .*other\.flac is labelled anom"
    ):
        auscult.evaluate(model(), [*clips[1:], copies[0], replace(copies[1], condition="anomaly")])


def test_silent_recordings_are_no_copies(clips, tmp_path):
    silent = []
    for i, condition in enumerate(("normal", "anomaly")):
        path = str(tmp_path / f"{i}.wav")
        soundfile.write(path, np.zeros(2000), RATE)
        silent.append(replace(clips[0], path=path, condition=condition))
    outcome = auscult.evaluate(model(), [*clips, *silent])
    assert outcome.evaluation.copies == ()


def test_a_threshold_that_finds_few_separable_faults_is_reported_with_what_to_do(tmp_path):
    rng, clips = np.random.default_rng(0), []
    for i in range(24):
        path = str(tmp_path / f"{i}.wav")
        level = 0.15 if i % 2 else 0.05
        soundfile.write(path, level * rng.standard_normal(2000), RATE, subtype="FLOAT")
        clips.append(Clip(path, condition="anomaly" if i % 2 else "normal"))
    calibration = Calibration(
        "crossfit", {"rms": np.r_[np.linspace(0.04, 0.06, 35), np.full(5, 0.3)]}, [None] * 40
    )
    provenance = {"threshold_set_by": "5 recordings in the target domain (a.wav)"}
    fitted = Model(model().detector, calibration, provenance=provenance)
    (warning,) = messages(auscult.evaluate(fitted, clips, intervals=False).warnings)
    assert "the threshold finds only 0 % of the faults (AUC 100.0 %)" in warning
    assert "`false_alarms=0.2`" in warning
    assert "which finds 100 % of all faults" in warning
    assert "record more like the 5 recordings in the target domain" in warning
    assert not auscult.evaluate(fitted, clips, threshold=fixed_threshold(0.1), intervals=False).warnings


def test_scores_in_the_wrong_order_are_no_sign_of_exchanged_labels_for_another_machine(clips):
    own = model("quiet")
    assert [w for w in messages(auscult.evaluate(own, clips).warnings) if w.startswith("AUC far below")]
    other = Model(own.detector, own.calibration, provenance={"machines": ["pump"]})
    assert auscult.evaluate(other, clips, intervals=False).warnings == (
        Finding("other_machine", "the model was fitted on pump, but these are recordings of fan"),
    )


def test_scores_in_the_wrong_order_of_a_network_that_has_not_converged_are_explained_by_that(clips):
    early = model("quiet")
    early.detector.add_finding("not_converged", "training has not converged: it has one epoch")
    (low,) = (w for w in messages(auscult.evaluate(early, clips).warnings) if "AUC far below 50 %" in w)
    assert low.endswith("Training has not converged: it has one epoch")


def test_recordings_without_a_condition_are_refused_with_what_to_do(clips):
    unlabelled = [*clips[:40], replace(clips[40], condition=None)]
    message = r"1 of 41 recordings have no condition .*`conditions="
    with pytest.raises(EvaluationError, match=message):
        auscult.evaluate(model(), unlabelled)

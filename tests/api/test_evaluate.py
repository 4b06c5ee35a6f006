"""Evaluation of a model on labelled files: the scores of the model, the metrics of those scores."""

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
from auscult.errors import EvaluationError, UnreadableAudio
from auscult.model import Calibration, Model
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
    """Noise of 48 levels; anomalies tend to be louder, and are so by a factor in attribute ``load=2``."""
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


def values(model: Model, clips) -> np.ndarray:
    return np.array([verdict.score for verdict in model.score_clips(clips)])


def test_metrics_are_those_of_the_models_scores(clips):
    outcome = auscult.evaluate(model(), clips, resamples=50)
    scores = values(model(), clips)
    assert [s.score for s in outcome.scores] == scores.tolist()
    assert [s.path for s in outcome.scores] == [c.path for c in clips]
    anomaly = np.array([c.condition == "anomaly" for c in clips])
    for domain, name in (("source", "auc_source"), ("target", "auc_target")):
        chosen = anomaly | np.array([c.domain == domain for c in clips])
        told = outcome.to_json()[name]
        assert told["value"] == pytest.approx(roc_auc_score(anomaly[chosen], scores[chosen]))
        assert told["low"] <= told["value"] <= told["high"]
    pauc = roc_auc_score(anomaly, scores, max_fpr=0.1)
    assert outcome.to_json()["pauc"]["value"] == pytest.approx(pauc)
    assert outcome.to_json()["errors"] == []
    assert {"load=1", "load=2"} <= outcome.evaluation.attributes.keys()


def test_the_decisive_score_is_judged(clips):
    loud, quiet = (
        auscult.evaluate(model(s), clips, resamples=10).to_json()["auc_source"]["value"]
        for s in ("rms", "quiet")
    )
    assert loud == pytest.approx(1 - quiet)
    assert loud > 0.5


def test_decisions_are_made_at_the_models_threshold_or_the_one_given(clips):
    own = auscult.evaluate(model(), clips, resamples=10)
    assert own.threshold == model().threshold(0.05)
    assert own.to_json()["threshold"] == own.threshold.value
    given = auscult.evaluate(model(), clips, threshold=fixed_threshold(0.1), resamples=10)
    assert given.evaluation.threshold == 0.1
    assert [s.anomalous for s in given.scores] == (values(model(), clips) > 0.1).tolist()


def test_files_that_cannot_be_read_are_left_out_and_told(clips, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"nothing")
    with_it = [*clips[:7], replace(clips[7], path=str(broken)), *clips[7:]]
    outcome = auscult.evaluate(model(), with_it, resamples=10)
    assert len(outcome.scores) == 48
    (error,) = outcome.errors
    assert isinstance(error, UnreadableAudio)
    assert outcome.to_json()["errors"] == [{"path": str(broken), "error": error.reason}]
    whole = auscult.evaluate(model(), clips, resamples=10)
    assert outcome.evaluation.overall == whole.evaluation.overall


def test_progress(clips):
    told = []
    auscult.evaluate(model(), clips, resamples=10, progress=lambda *what: told.append(what))
    assert told == [("score", i + 1, 48, {}) for i in range(48)]


def test_what_cannot_be_evaluated(clips, tmp_path):
    with pytest.raises(EvaluationError, match="none of 0"):
        auscult.evaluate(model(), [])
    with pytest.raises(EvaluationError, match=r"none of 1 .*gone\.wav"):
        auscult.evaluate(model(), [replace(clips[0], path=str(tmp_path / "gone.wav"))])
    for wrong in (clips[::2], [replace(c, condition=None) for c in clips]):
        with pytest.raises(EvaluationError):
            auscult.evaluate(model(), wrong, resamples=10)

"""A detector that implements no more than it must: cross-fitting, and errors for what it does not support."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip
from auscult.detectors.adaptable import adaptable
from auscult.detectors.base import Config, Detector, Evidence
from auscult.detectors.crossfit import TrainingSet, crossfit, fit_all
from auscult.detectors.exportable import export_graph
from auscult.detectors.representable import representable
from auscult.errors import FitError, OptionError
from auscult.sound import Waveform

RATE = 8000


class MeanLevel(Detector):
    """Estimates the mean level, and records which recordings it was fitted on."""

    name = "mean_level"
    scores = ("level",)
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        if not recordings:
            raise FitError("no recordings to fit on")
        self.arrays = {"level": np.array([np.mean([r.waveform().samples.mean() for r in recordings])])}
        self.facts = {
            "training_paths": [r.clip.path for r in recordings],
            "other_paths": [r.clip.path for r in other_machines],
        }
        if progress:
            progress("learn", len(recordings), len(recordings), {})
        return self

    def score(self, recording, *, explain=False):
        return Evidence({"level": float(recording.waveform().samples.mean() - self.arrays["level"][0])})

    def expected_shapes(self):
        return {"level": (1,)}


def recording(level: float, path: str) -> AudioClip:
    waveform = Waveform(np.full(100, level, np.float32), RATE, path=path)
    return AudioClip(Clip(path), lambda: waveform)


def test_crossfit_returns_a_final_detector_and_a_fold_model_for_each_fold():
    recordings = [recording(i, f"{i}.wav") for i in range(6)]
    folds = [0, 1, 2, 0, 1, 2]
    config = Config(seed=4)
    steps = []
    training = TrainingSet(recordings, folds)
    final, fold_models = crossfit(MeanLevel, config, training, lambda *step: steps.append(step[:3]))
    assert final.facts["training_paths"] == [f"{i}.wav" for i in range(6)]
    assert [model.facts["training_paths"] for model in fold_models] == [
        ["1.wav", "2.wav", "4.wav", "5.wav"],
        ["0.wav", "2.wav", "3.wav", "5.wav"],
        ["0.wav", "1.wav", "3.wav", "4.wav"],
    ]
    assert all(detector.config == config for detector in (final, *fold_models))
    assert fold_models[0].score(recordings[0]).scores["level"] == pytest.approx(-3.0)
    assert steps == [("learn", n, n) for n in (6, 4, 4, 4)]


def test_crossfit_passes_other_machines_to_every_detector():
    recordings = [recording(i, f"{i}.wav") for i in range(2)]
    final, fold_models = crossfit(
        MeanLevel, Config(), TrainingSet(recordings, [0, 1], other_machines=[recording(9, "other.wav")])
    )
    assert [detector.facts["other_paths"] for detector in (final, *fold_models)] == [["other.wav"]] * 3


def test_crossfit_with_folds_of_different_sizes():
    recordings = [recording(i, f"{i}.wav") for i in range(3)]
    _, fold_models = crossfit(MeanLevel, Config(), TrainingSet(recordings, [0, 0, 1]))
    assert [model.facts["training_paths"] for model in fold_models] == [["2.wav"], ["0.wav", "1.wav"]]


def test_a_detector_that_cannot_be_fitted_does_not_stop_the_fleet():
    detectors = [MeanLevel() for _ in range(3)]
    errors = fit_all(detectors, [[recording(1, "a.wav")], [], [recording(2, "b.wav")]])
    assert errors[0] is None
    assert errors[2] is None
    with pytest.raises(FitError, match="no recordings to fit on"):
        raise errors[1]
    assert [d.facts.get("training_paths") for d in detectors] == [["a.wav"], None, ["b.wav"]]
    with pytest.raises(FitError, match="no recordings to fit on"):
        crossfit(MeanLevel, Config(), TrainingSet([recording(1, "a.wav")], [0]))


class Three(MeanLevel):
    """Needs three recordings."""

    def fit(self, recordings, *, other_machines=(), progress=None):
        if len(recordings) < 3:
            raise FitError(f"needs at least 3 recordings, got {len(recordings)}")
        return super().fit(recordings)


def test_the_error_of_a_fold_model_says_that_a_fold_is_left_out():
    recordings = [recording(i, f"{i}.wav") for i in range(4)]
    with pytest.raises(FitError) as raised:
        crossfit(Three, Config(), TrainingSet(recordings, [0, 0, 1, 1]))
    assert str(raised.value) == (
        "needs at least 3 recordings, got 2 (cross-fitting leaves out the recordings of one fold: 2 of 4 are "
        "left)"
    )
    with pytest.raises(FitError, match=r"got 2$"):
        crossfit(Three, Config(), TrainingSet(recordings[:2], [0, 1]))


def test_by_default_a_detector_uses_no_other_machines():
    assert MeanLevel.uses_other_machines(Config()) is False


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (adaptable, "mean_level cannot be adapted to more recordings: fit it again"),
        (partial(adaptable, replace=True), "mean_level cannot be adapted"),
        (representable, r"mean_level has no codes.*a Representable that implements the method represent"),
        (partial(export_graph, samples=None), "mean_level cannot be exported.*its method export"),
    ],
)
def test_the_error_for_what_is_not_supported_names_the_detector(use, message):
    with pytest.raises(OptionError, match=message):
        use(MeanLevel().fit([recording(1, "one.wav")]))

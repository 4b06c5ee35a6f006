"""Evaluation on pseudo-anomalies: which fold model scores which clip, and AUC and intervals of the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from bench.pseudo_anomalies import ALTERATIONS
from bench.trial import Trial, _fast_auc
from sklearn.metrics import roc_auc_score

from auscult.corpus import AudioClip, Clip, folds_of
from auscult.detectors.base import Config, Detector, Evidence
from auscult.detectors.crossfit import TrainingSet
from auscult.detectors.options import make_config
from auscult.detectors.pooled.pooled_gaussian import PooledGaussian
from auscult.evaluation import auc
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

FRONT_END = FrontEnd(sample_rate=8000, n_fft=512, hop=256, n_mels=16)


def normals(machine_sound, count: int) -> list[AudioClip]:
    def recording(seed: int) -> AudioClip:
        waveform = Waveform(machine_sound(seed, 0.5), 8000, path=f"{seed}.wav")
        return AudioClip(Clip(f"{seed}.wav"), lambda: waveform)

    return [recording(seed) for seed in range(count)]


@pytest.fixture(scope="module")
def trial(machine_sound) -> Trial:
    recordings = normals(machine_sound, 20)
    return Trial(recordings, folds_of(recordings, 5, 1), 6, 13)


@pytest.mark.parametrize("ties", [False, True])
def test_fast_auc_is_the_area_under_the_roc_curve(ties):
    rng = np.random.default_rng(ties)
    for n_normal, n_anomalous in ((1, 1), (7, 30), (100, 24)):
        normal, anomalous = rng.normal(size=n_normal), rng.normal(0.5, 1, n_anomalous)
        if ties:
            normal, anomalous = normal.round(), anomalous.round()
        labels, scores = np.repeat([0, 1], [n_normal, n_anomalous]), np.concatenate([normal, anomalous])
        assert _fast_auc(normal, anomalous) == pytest.approx(roc_auc_score(labels, scores))
        assert _fast_auc(normal, anomalous) == auc(labels, scores), "equal to the last bit"


def test_pseudo_anomalies_are_of_every_kind_and_made_of_different_recordings(trial):
    kinds = [kind for kind, _, _ in trial.pseudo_anomalies]
    assert kinds == [kind for kind in ALTERATIONS for _ in range(6)]
    fold_of = dict(zip((r.clip.path for r in trial.recordings), trial.folds, strict=True))
    for kind in ALTERATIONS:
        paths = [clip.clip.path for clip_kind, _, clip in trial.pseudo_anomalies if clip_kind == kind]
        assert len(set(paths)) == 6
    assert all(fold == fold_of[clip.clip.path] for _, fold, clip in trial.pseudo_anomalies)
    paths = {clip.clip.path for _, _, clip in trial.pseudo_anomalies}
    assert len(paths) > 15, "not the same few recordings for each kind"
    assert trial.pseudo_anomalies is trial.pseudo_anomalies, "created once, so that features are reused"


def test_at_most_one_pseudo_anomaly_of_a_kind_for_each_recording(machine_sound):
    trial = Trial(normals(machine_sound, 4), [0, 1, 0, 1], 24, 0)
    assert len(trial.pseudo_anomalies) == 4 * len(ALTERATIONS)


def test_pseudo_anomalies_depend_only_on_the_seed(machine_sound):
    def samples(seed: int) -> np.ndarray:
        trial = Trial(normals(machine_sound, 5), [0, 1, 0, 1, 0], 2, seed)
        return np.stack([clip.waveform().samples for _, _, clip in trial.pseudo_anomalies])

    np.testing.assert_array_equal(samples(3), samples(3))
    assert np.abs(samples(3) - samples(4)).max(axis=1).min() > 0


def test_both_clips_of_an_exchange_are_of_the_same_fold(machine_sound):
    """So the fold model is fitted on neither; the second clip is another one unless the fold has only one."""
    loaded: list[int] = []

    def recording(seed: int) -> AudioClip:
        def load() -> Waveform:
            loaded.append(seed)
            return Waveform(machine_sound(seed, 0.1), 8000)

        return AudioClip(Clip(f"{seed}.wav"), load)

    folds = [0, 1, 2, 0, 1, 2, 0, 1, 3]
    trial = Trial([recording(seed) for seed in range(9)], folds, 9, 5)
    for _, fold, clip in trial.pseudo_anomalies:
        loaded.clear()
        clip.waveform()
        first, second = loaded[0], loaded[-1]  # a waveform that is still held is loaded only once
        assert folds[first] == folds[second] == fold
        assert (first == second) == (fold == 3)


@dataclass
class _FoldModel(Detector):
    """Records what it scores; its scores are its number and the count of clips scored so far."""

    number: int

    name = "fold_model"
    scores = ("number", "count")
    config_type = Config

    def __post_init__(self) -> None:
        self.scored: list[AudioClip] = []

    def fit(self, recordings, *, other_machines=(), progress=None):
        return self

    def score(self, recording, *, explain=False):
        self.scored.append(recording)
        return Evidence({"number": float(self.number), "count": float(len(self.scored))})

    def expected_shapes(self):
        return {}


def test_each_clip_is_scored_by_the_model_of_the_same_fold(trial):
    fold_models = [_FoldModel(number) for number in range(5)]
    steps = []
    scores = trial.normal_scores(fold_models, lambda *step: steps.append(step[:3]))
    np.testing.assert_array_equal(scores["number"], trial.folds)
    assert scores["count"].max() == 4
    assert sorted(id(r) for model in fold_models for r in model.scored) == sorted(map(id, trial.recordings))
    assert steps == [("try", done, 20) for done in range(1, 21)]
    np.testing.assert_array_equal(
        trial.pseudo_anomaly_scores(fold_models)["number"], [fold for _, fold, _ in trial.pseudo_anomalies]
    )


def test_a_real_detector_separates_pseudo_anomalies_from_normal_recordings(trial):
    config = make_config("pooled_gaussian")
    config.front_end = FRONT_END
    _, fold_models = PooledGaussian.crossfit(config, TrainingSet(trial.recordings, trial.folds))
    normal, anomalous = trial.normal_scores(fold_models), trial.pseudo_anomaly_scores(fold_models)
    assert normal.keys() == anomalous.keys() == set(PooledGaussian.scores)
    outcome = trial.outcome(normal["joint"], anomalous["joint"])
    assert outcome.by_kind.keys() == ALTERATIONS.keys()
    assert outcome.value > 0.65
    # Models fitted on the clips that they score give them too low scores, so that the AUC is too high.
    in_sample = [PooledGaussian(config).fit(trial.recordings)] * 5
    in_sample_scores = trial.normal_scores(in_sample)["joint"]
    assert trial.outcome(in_sample_scores, anomalous["joint"]).value > outcome.value


def test_an_outcome_is_the_mean_over_the_kinds(trial):
    rng = np.random.default_rng(0)
    normal, anomalous = rng.normal(size=20), rng.normal(1, 1, 48)
    outcome = trial.outcome(normal, anomalous)
    parts = dict(zip(ALTERATIONS, anomalous.reshape(8, 6), strict=True))
    assert outcome.by_kind == {kind: _fast_auc(normal, part) for kind, part in parts.items()}
    assert outcome.value == pytest.approx(np.mean([_fast_auc(normal, part) for part in parts.values()]))
    low, high = outcome.interval
    assert low < outcome.value < high
    assert (np.mean(outcome.draws < low), np.mean(outcome.draws > high)) == pytest.approx(
        (0.025, 0.025), abs=0.01
    )
    np.testing.assert_array_equal(outcome.draws, trial.outcome(normal, anomalous).draws)


def test_perfect_and_useless_scores(trial):
    perfect = trial.outcome(np.zeros(20), np.ones(48))
    assert (perfect.value, perfect.interval) == (1.0, (1.0, 1.0))
    assert trial.outcome(np.ones(20), np.ones(48)).value == 0.5


def test_intervals_cover_the_true_value(machine_sound):
    """The AUC of Gaussian scores one standard deviation apart is known; intervals nearly always cover it."""
    recordings = normals(machine_sound, 40)
    trial = Trial(recordings, [i % 5 for i in range(40)], 24, 0)
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(12):
        low, high = trial.outcome(rng.normal(size=40), rng.normal(1, 1, 192)).interval
        covered += low <= 0.7602 <= high
    assert covered >= 10


def test_draws_are_paired(trial):
    """All outcomes of a trial resample the same clips: a better score is better in every draw."""
    rng = np.random.default_rng(1)
    normal, anomalous = rng.normal(size=20), rng.normal(0.5, 1, 48)
    outcome, shifted = trial.outcome(normal, anomalous), trial.outcome(normal, anomalous + 0.3)
    assert np.all(shifted.draws >= outcome.draws)
    assert np.std(shifted.draws - outcome.draws) < 0.5 * np.std(outcome.draws)
    scaled = trial.outcome(3 * normal, 3 * anomalous)
    np.testing.assert_array_equal(scaled.draws, outcome.draws, err_msg="only ranks matter")

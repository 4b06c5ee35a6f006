"""The trial by altered normals: who fold_models whom, and what is made of the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from auscult.corpus import AudioClip, Clip, folds_of
from auscult.detectors.base import Config, Detector, Evidence
from auscult.detectors.ensemble.pseudo_anomalies import ALTERATIONS
from auscult.detectors.ensemble.trial import Trial, auc
from auscult.detectors.options import make_config
from auscult.detectors.pooled.pooled_gaussian import PooledGaussian
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

FRONT_END = FrontEnd(sample_rate=8000, n_fft=512, hop=256, n_mels=16)


def normals(machine_sound, count: int) -> list[AudioClip]:
    def one(seed: int) -> AudioClip:
        waveform = Waveform(machine_sound(seed, 0.5), 8000, path=f"{seed}.wav")
        return AudioClip(Clip(f"{seed}.wav"), lambda: waveform)

    return [one(seed) for seed in range(count)]


@pytest.fixture(scope="module")
def trial(machine_sound) -> Trial:
    recordings = normals(machine_sound, 20)
    return Trial(recordings, folds_of(recordings, 5, 1), 6, 13)


@pytest.mark.parametrize("ties", [False, True])
def test_auc_is_the_area_under_the_curve(ties):
    rng = np.random.default_rng(ties)
    for few, many in ((1, 1), (7, 30), (100, 24)):
        normal, odd = rng.normal(size=few), rng.normal(0.5, 1, many)
        if ties:
            normal, odd = normal.round(), odd.round()
        labels = np.repeat([0, 1], [few, many])
        assert auc(normal, odd) == pytest.approx(roc_auc_score(labels, np.concatenate([normal, odd])))


def test_altered_recordings_are_of_every_kind_and_of_different_normals(trial):
    kinds = [kind for kind, _, _ in trial.altered]
    assert kinds == [kind for kind in ALTERATIONS for _ in range(6)]
    fold_of = dict(zip((r.clip.path for r in trial.recordings), trial.folds, strict=True))
    for kind in ALTERATIONS:
        paths = [made.clip.path for its, _, made in trial.altered if its == kind]
        assert len(set(paths)) == 6
    assert all(fold == fold_of[made.clip.path] for _, fold, made in trial.altered)
    assert len({made.clip.path for _, _, made in trial.altered}) > 15  # not the same few for each kind
    assert trial.altered is trial.altered  # and with it the features


def test_no_more_of_a_kind_than_there_are_normals(machine_sound):
    trial = Trial(normals(machine_sound, 4), [0, 1, 0, 1], 24, 0)
    assert len(trial.altered) == 4 * len(ALTERATIONS)


def test_the_same_seed_alters_the_same_and_another_does_not(machine_sound):
    def made(seed: int) -> np.ndarray:
        trial = Trial(normals(machine_sound, 5), [0, 1, 0, 1, 0], 2, seed)
        return np.stack([recording.waveform().samples for _, _, recording in trial.altered])

    np.testing.assert_array_equal(made(3), made(3))
    assert np.abs(made(3) - made(4)).max(axis=1).min() > 0


def test_a_judge_has_learnt_from_neither_part_of_an_exchange(machine_sound):
    """The other clip of `exchanged` is of the same fold, and another one where there are two."""
    heard: list[int] = []

    def telling(seed: int) -> AudioClip:
        def load() -> Waveform:
            heard.append(seed)
            return Waveform(machine_sound(seed, 0.1), 8000)

        return AudioClip(Clip(f"{seed}.wav"), load)

    folds = [0, 1, 2, 0, 1, 2, 0, 1, 3]
    trial = Trial([telling(seed) for seed in range(9)], folds, 9, 5)
    for _, fold, made in trial.altered:
        heard.clear()
        made.waveform()
        one, other = heard[0], heard[-1]  # the same sound, held by its recording, is read once
        assert folds[one] == folds[other] == fold
        assert (one == other) == (fold == 3)


@dataclass
class _Judge(Detector):
    """Remembers what it was asked of; its number and a count are its scores."""

    number: int

    name = "judge"
    scores = ("number", "asked")
    config_type = Config

    def __post_init__(self) -> None:
        self.heard: list[AudioClip] = []

    def fit(self, recordings, *, other_machines=(), progress=None):
        return self

    def score(self, recording, *, explain=False):
        self.heard.append(recording)
        return Evidence({"number": float(self.number), "asked": float(len(self.heard))})

    def expected_shapes(self):
        return {}


def test_each_recording_is_judged_by_the_judge_of_its_fold(trial):
    fold_models = [_Judge(number) for number in range(5)]
    steps = []
    scores = trial.normal_scores(fold_models, lambda *told: steps.append(told[:3]))
    np.testing.assert_array_equal(scores["number"], trial.folds)
    assert scores["asked"].max() == 4
    assert sorted(id(r) for judge in fold_models for r in judge.heard) == sorted(map(id, trial.recordings))
    assert steps == [("try", done, 20) for done in range(1, 21)]
    np.testing.assert_array_equal(
        trial.altered_scores(fold_models)["number"], [fold for _, fold, _ in trial.altered]
    )


def test_what_is_altered_more_is_told_from_normals_by_a_real_detector(trial):
    config = make_config("pooled_gaussian")
    config.front_end = FRONT_END
    _, fold_models = PooledGaussian.crossfit(config, trial.recordings, trial.folds)
    normal, altered = trial.normal_scores(fold_models), trial.altered_scores(fold_models)
    assert normal.keys() == altered.keys() == set(PooledGaussian.scores)
    outcome = trial.outcome(normal["joint"], altered["joint"])
    assert outcome.by_kind.keys() == ALTERATIONS.keys()
    assert outcome.value > 0.65
    # Judges that have heard what they judge call all altered ones odd, which says nothing.
    knowing = [PooledGaussian(config).fit(trial.recordings)] * 5
    assert trial.outcome(trial.normal_scores(knowing)["joint"], altered["joint"]).value > outcome.value


def test_an_outcome_is_the_mean_over_the_kinds(trial):
    rng = np.random.default_rng(0)
    normal, altered = rng.normal(size=20), rng.normal(1, 1, 48)
    outcome = trial.outcome(normal, altered)
    parts = altered.reshape(8, 6)
    assert outcome.by_kind == {k: auc(normal, part) for k, part in zip(ALTERATIONS, parts, strict=True)}
    assert outcome.value == pytest.approx(np.mean([auc(normal, part) for part in parts]))
    low, high = outcome.interval
    assert low < outcome.value < high
    assert (np.mean(outcome.draws < low), np.mean(outcome.draws > high)) == pytest.approx(
        (0.025, 0.025), abs=0.01
    )
    np.testing.assert_array_equal(outcome.draws, trial.outcome(normal, altered).draws)


def test_perfect_and_useless_scores(trial):
    perfect = trial.outcome(np.zeros(20), np.ones(48))
    assert (perfect.value, perfect.interval) == (1.0, (1.0, 1.0))
    assert trial.outcome(np.ones(20), np.ones(48)).value == 0.5


def test_intervals_cover_what_is_true(machine_sound):
    """Of normal scores one apart the area is known; 95 % intervals hold it nearly always."""
    recordings = normals(machine_sound, 40)
    trial = Trial(recordings, [i % 5 for i in range(40)], 24, 0)
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(12):
        low, high = trial.outcome(rng.normal(size=40), rng.normal(1, 1, 192)).interval
        held += low <= 0.7602 <= high
    assert held >= 10


def test_draws_are_paired(trial):
    """Of one trial every outcome sees the same clips drawn: a better score is better in every draw."""
    rng = np.random.default_rng(1)
    normal, altered = rng.normal(size=20), rng.normal(0.5, 1, 48)
    one, shifted = trial.outcome(normal, altered), trial.outcome(normal, altered + 0.3)
    assert np.all(shifted.draws >= one.draws)
    assert np.std(shifted.draws - one.draws) < 0.5 * np.std(one.draws)
    np.testing.assert_array_equal(
        trial.outcome(3 * normal, 3 * altered).draws, one.draws
    )  # ranks alone count

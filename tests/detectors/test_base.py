"""What the contract itself does for a detector: cross-fitting, and saying no to what a kind cannot do."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip
from auscult.detectors.base import Config, Detector, Evidence
from auscult.errors import FitError, OptionError
from auscult.sound import Waveform

RATE = 8000


class Pupil(Detector):
    """Learns the mean level, and remembers of whom."""

    name = "pupil"
    scores = ("level",)
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        if not recordings:
            raise FitError("nothing to learn from")
        self.arrays = {"level": np.array([np.mean([r.waveform().samples.mean() for r in recordings])])}
        self.facts = {
            "heard": [r.clip.path for r in recordings],
            "beside": [r.clip.path for r in other_machines],
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


def test_crossfit_gives_a_detector_of_all_and_a_judge_for_each_fold():
    recordings = [recording(i, f"{i}.wav") for i in range(6)]
    folds = [0, 1, 2, 0, 1, 2]
    config = Config(seed=4)
    told = []
    final, fold_models = Pupil.crossfit(
        config, recordings, folds, progress=lambda *what: told.append(what[:3])
    )
    assert final.facts["heard"] == [f"{i}.wav" for i in range(6)]
    assert [judge.facts["heard"] for judge in fold_models] == [
        ["1.wav", "2.wav", "4.wav", "5.wav"],
        ["0.wav", "2.wav", "3.wav", "5.wav"],
        ["0.wav", "1.wav", "3.wav", "4.wav"],
    ]
    assert all(one.config == config for one in (final, *fold_models))
    assert fold_models[0].score(recordings[0]).scores["level"] == pytest.approx(-3.0)
    assert told == [("learn", n, n) for n in (6, 4, 4, 4)]


def test_crossfit_gives_other_machines_to_everyone():
    recordings = [recording(i, f"{i}.wav") for i in range(2)]
    final, fold_models = Pupil.crossfit(
        Config(), recordings, [0, 1], other_machines=[recording(9, "other.wav")]
    )
    assert [one.facts["beside"] for one in (final, *fold_models)] == [["other.wav"]] * 3


def test_crossfit_with_folds_of_different_sizes():
    recordings = [recording(i, f"{i}.wav") for i in range(3)]
    _, fold_models = Pupil.crossfit(Config(), recordings, [0, 0, 1])
    assert [judge.facts["heard"] for judge in fold_models] == [["2.wav"], ["0.wav", "1.wav"]]


def test_a_detector_that_cannot_learn_does_not_stop_the_fleet():
    pupils = [Pupil() for _ in range(3)]
    outcomes = Pupil.fit_fleet(pupils, [[recording(1, "a.wav")], [], [recording(2, "b.wav")]])
    assert outcomes[0] is None
    assert outcomes[2] is None
    with pytest.raises(FitError, match="nothing to learn from"):
        raise outcomes[1]
    assert [pupil.facts.get("heard") for pupil in pupils] == [["a.wav"], None, ["b.wav"]]
    with pytest.raises(FitError, match="nothing to learn from"):
        Pupil.crossfit(Config(), [recording(1, "a.wav")], [0])


def test_a_detector_reads_no_other_machines_unless_it_says_so():
    assert Pupil.learns_from_others(Config()) is False


def test_what_cannot_be_adapted_or_looked_into_says_so():
    pupil = Pupil().fit([recording(1, "one.wav")])
    with pytest.raises(OptionError, match="pupil cannot take more recordings in"):
        pupil.adapted([recording(2, "two.wav")])
    with pytest.raises(OptionError, match=r"no codes for two\.wav"):
        pupil.codes(recording(2, "two.wav"))

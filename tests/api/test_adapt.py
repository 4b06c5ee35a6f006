"""Adapting: what is refused and left out, that new clips are judged unlearnt, and what is told of it."""

from __future__ import annotations

import copy
import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

import auscult
from auscult.corpus import Clip
from auscult.detectors import DETECTORS
from auscult.detectors.base import Config, Detector, Evidence
from auscult.errors import FitError, OptionError

RATE = 8000


class Ledger(Detector):
    """Knows the mean spectrum of the clips it heard, and scores how far from it a clip is."""

    name = "ledger"
    scores = ("distance",)
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.arrays = {"spectra": np.stack([self._spectrum(r) for r in recordings])}
        self.facts = {"heard": [r.clip.path for r in recordings]}
        return self

    def adapted(self, recordings):
        other = self._copy()
        other.arrays["spectra"] = np.concatenate(
            [self.arrays["spectra"], [self._spectrum(r) for r in recordings]]
        )
        other.facts["heard"] += [r.clip.path for r in recordings]
        other.facts.setdefault("adaptations", []).append(f"{len(recordings)} spectra more")
        return other

    def score(self, recording, *, explain=False):
        judged.append((recording.clip.path, self))
        away = self._spectrum(recording) - self.arrays["spectra"].mean(axis=0)
        frames = len(recording.log_mel(self.config.front_end))
        maps = {"distance": np.tile(away**2, (frames, 1)).astype(np.float32)} if explain else {}
        return Evidence({"distance": float(np.sum(away**2))}, maps)

    def expected_shapes(self):
        return {"spectra": (None, self.config.front_end.n_mels)}

    def _spectrum(self, recording):
        return recording.log_mel(self.config.front_end).mean(axis=0).astype(np.float64)


judged: list[tuple[str, Ledger]] = []


@pytest.fixture(autouse=True)
def _ledger_in_the_table(monkeypatch):
    module = ModuleType("ledger_detector")
    module.Ledger = Ledger  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ledger_detector", module)
    monkeypatch.setitem(DETECTORS, "ledger", ("ledger_detector", "Ledger"))
    judged.clear()


@pytest.fixture(scope="module")
def files(machine_sound, tmp_path_factory) -> list[Clip]:
    """Thirty clips of the source domain and ten of the target, twice as loud."""
    folder = tmp_path_factory.mktemp("normal")
    clips = []
    for i in range(40):
        path = folder / f"{i:02}.wav"
        soundfile.write(path, (2 if i >= 30 else 1) * machine_sound(i, 0.25), RATE)
        clips.append(Clip(str(path), machine="fan", domain="target" if i >= 30 else "source"))
    return clips


def fitted(clips, calibrate="crossfit") -> auscult.Model:
    model = auscult.fit(clips, "ledger", calibrate=calibrate)
    judged.clear()
    return model


def test_new_clips_are_judged_by_detectors_that_have_not_learnt_them(files):
    model = fitted(files[:30])
    adapted = auscult.adapt(model, files[30:])
    assert Counter(path for path, _ in judged) == Counter(c.path for c in files[30:])
    for path, judge in judged:
        assert path not in judge.facts["heard"]
        assert len(judge.facts["heard"]) == 38, "a fifth of the new clips is kept out"
    assert adapted.detector.facts["heard"] == [c.path for c in files]
    new = adapted.calibration.scores["distance"][30:]
    for (path, judge), value in zip(judged.copy(), new, strict=True):
        clip = next(c for c in files if c.path == path)
        assert judge.score(model.audio_clip(clip)).scores["distance"] == value


def test_few_new_clips_are_each_left_out_once(files):
    adapted = auscult.adapt(fitted(files[:30]), files[30:33])
    assert [len(judge.facts["heard"]) for _, judge in judged] == [32] * 3
    assert len(adapted.calibration) == 33


def test_one_new_clip_is_judged_by_the_old_detector(files):
    model = fitted(files[:30])
    auscult.adapt(model, files[30:31])
    assert [judge for _, judge in judged] == [model.detector]
    judged.clear()
    auscult.adapt(model, [replace(c, source_recording="tape") for c in files[30:34]])
    assert [judge for _, judge in judged] == [model.detector] * 4, "cuts of one recording are one"


def test_old_scores_stay_and_new_ones_follow_with_their_domains(files):
    model = fitted(files[:30])
    adapted = auscult.adapt(model, files[30:])
    calibration = adapted.calibration
    assert (calibration.how, len(calibration)) == ("crossfit", 40)
    assert list(calibration.domains) == ["source"] * 30 + ["target"] * 10
    np.testing.assert_array_equal(
        np.sort(calibration.scores["distance"][:30]), np.sort(model.calibration.scores["distance"])
    )


def test_the_old_model_stays_as_it_is(files, tmp_path):
    model = fitted(files[:30])
    model.save(tmp_path / "before.auscult")
    provenance, facts = copy.deepcopy(model.provenance), copy.deepcopy(model.detector.facts)
    auscult.adapt(model, files[30:])
    model.save(tmp_path / "after.auscult")
    assert (model.provenance, model.detector.facts) == (provenance, facts)
    assert (tmp_path / "before.auscult").read_bytes() == (tmp_path / "after.auscult").read_bytes()


def test_what_was_new_is_more_normal_now(files):
    model = fitted(files[:30])
    adapted = auscult.adapt(model, files[30:36])
    for clip in files[36:]:
        old, new = (next(m.score_clips([clip])) for m in (model, adapted))
        assert new.score < old.score
    assert next(model.score_clips(files[39:])).anomalous
    assert not next(adapted.score_clips(files[39:])).anomalous


def test_provenance_tells_what_changed(files):
    model = fitted(files[:30])
    adapted = auscult.adapt(model, files[30:34])
    told = adapted.provenance
    assert (told["clips"], told["domains"]) == (34, {"source": 30, "target": 4})
    (entry,) = told["adaptations"]
    assert (entry["clips"], entry["domains"], entry["left_out"]) == (4, {"target": 4}, [])
    assert entry["changes"] == ["4 spectra more"]
    assert entry["threshold_before"] == model.threshold().value
    assert entry["threshold_after"] == adapted.threshold().value > model.threshold().value
    assert entry["versions"]["auscult"] == auscult.__version__
    again = auscult.adapt(adapted, files[34:36])
    first, second = again.provenance["adaptations"]
    assert first == entry
    assert (second["changes"], second["clips"]) == (["2 spectra more"], 2)
    assert again.provenance["domains"] == {"source": 30, "target": 6}
    json.dumps(again.provenance, allow_nan=False)


def test_an_adapted_model_is_saved_whole(files, tmp_path):
    adapted = auscult.adapt(fitted(files[:30]), files[30:34])
    adapted.save(tmp_path / "adapted.auscult")
    again = auscult.load(tmp_path / "adapted.auscult")
    assert again.threshold() == adapted.threshold()
    assert next(again.score_clips(files[38:39])).score == next(adapted.score_clips(files[38:39])).score
    assert json.loads(json.dumps(adapted.provenance)) == again.provenance


def test_a_domain_is_given_to_clips_that_do_not_say_theirs(files):
    model = fitted(files[1:30])
    clips = [replace(files[30], domain=None), replace(files[31], domain=None), files[0]]
    assert list(auscult.adapt(model, clips, domain="target").calibration.domains[-3:]) == [
        "target",
        "target",
        "source",
    ]
    unsaid = auscult.adapt(model, clips)
    assert list(unsaid.calibration.domains[-3:]) == [None, None, "source"]
    assert unsaid.provenance["domains"] == {"source": 30, "unknown": 2}


def test_a_model_without_calibration_gets_one_of_the_new_clips(files):
    model = fitted(files[:10], calibrate="none")
    adapted = auscult.adapt(model, files[10:35])
    assert (adapted.calibration.how, len(adapted.calibration)) == ("crossfit", 25)
    (entry,) = adapted.provenance["adaptations"]
    assert entry["threshold_before"] is None
    assert entry["threshold_after"] > 0


def test_anomalies_and_nothing_are_refused(files):
    model = fitted(files[:30])
    with pytest.raises(FitError, match=r"1 of 2 .*anomalies.*31\.wav"):
        auscult.adapt(model, [files[30], replace(files[31], condition="anomaly")])
    with pytest.raises(FitError, match="no recordings"):
        auscult.adapt(model, [])


def test_unusable_files_are_left_out_and_named(files, tmp_path):
    bad = str(tmp_path / "bad.wav")
    (tmp_path / "bad.wav").write_text("no sound at all")
    model = fitted(files[:30])
    adapted = auscult.adapt(model, [Clip(bad), *files[30:32]])
    (entry,) = adapted.provenance["adaptations"]
    assert (entry["left_out"], entry["clips"]) == ([bad], 2)
    assert any(bad in warning for warning in adapted.provenance["warnings"])
    with pytest.raises(FitError, match=r"nothing to adapt to.*bad\.wav"):
        auscult.adapt(model, [Clip(bad)])


def test_what_the_model_learnt_from_is_not_taken_in_again(files, tmp_path):
    model = fitted(files[:30])
    copied = tmp_path / "copy.wav"
    copied.write_bytes(Path(files[3].path).read_bytes())
    adapted = auscult.adapt(model, [*files[28:32], replace(files[3], path=str(copied))])
    assert adapted.detector.facts["heard"] == [c.path for c in files[:32]]
    assert len(adapted.calibration) == 32
    (entry,) = adapted.provenance["adaptations"]
    assert (entry["clips"], entry["left_out"]) == (2, []), "they are no failures"
    (told,) = [w for w in adapted.provenance["warnings"] if "in the model already" in w]
    assert told.startswith(f"3 of 5 recordings are in the model already ({files[28].path})")
    with pytest.raises(FitError, match=r"nothing to adapt to.*2 of 2 recordings are in the model already"):
        auscult.adapt(adapted, files[30:32])


def test_test_clips_and_other_machines_are_told_of(files):
    model = fitted(files[:30])
    clips = [replace(files[30], split="test", condition="normal"), replace(files[31], machine="pump")]
    warnings = auscult.adapt(model, clips).provenance["warnings"]
    assert any("test clips" in w and "(1 of 2" in w and "cannot be judged" in w for w in warnings)
    assert any("pump taken into a model of fan" in w for w in warnings)
    assert not [w for w in auscult.adapt(model, files[30:32]).provenance["warnings"] if "taken in" in w]


def test_a_detector_that_cannot_take_more_in_says_so(files, monkeypatch):
    model = fitted(files[:30])
    monkeypatch.setattr(Ledger, "adapted", Detector.adapted)
    with pytest.raises(OptionError, match="ledger cannot take more recordings in: fit it again"):
        auscult.adapt(model, files[30:])


def test_progress_tells_both_stages(files):
    told = []
    auscult.adapt(fitted(files[:30]), files[30:33], progress=lambda *what: told.append(what[:3]))
    assert ("inspect", 3, 3) in told
    assert ("calibrate", 3, 3) in told

"""`adapt`: refused and ignored clips, cross-fitted calibration of the new clips, provenance and warnings."""

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
    """Scores the distance of a clip from the mean spectrum of the training clips, and lists their paths."""

    name = "ledger"
    scores = ("distance",)
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.arrays = {"spectra": np.stack([self._spectrum(r) for r in recordings])}
        self.facts = {"fitted_on": [r.clip.path for r in recordings]}
        return self

    def adapted(self, recordings):
        adapted = self._copy()
        adapted.arrays["spectra"] = np.concatenate(
            [self.arrays["spectra"], [self._spectrum(r) for r in recordings]]
        )
        adapted.facts["fitted_on"] += [r.clip.path for r in recordings]
        adapted.facts.setdefault("adaptations", []).append(f"{len(recordings)} spectra more")
        return adapted

    def score(self, recording, *, explain=False):
        scored.append((recording.clip.path, self))
        difference = self._spectrum(recording) - self.arrays["spectra"].mean(axis=0)
        frames = len(recording.log_mel(self.config.front_end))
        maps = {"distance": np.tile(difference**2, (frames, 1)).astype(np.float32)} if explain else {}
        return Evidence({"distance": float(np.sum(difference**2))}, maps)

    def expected_shapes(self):
        return {"spectra": (None, self.config.front_end.n_mels)}

    def _spectrum(self, recording):
        return recording.log_mel(self.config.front_end).mean(axis=0).astype(np.float64)


#: Path of every clip that was scored, and the detector that scored it.
scored: list[tuple[str, Ledger]] = []


@pytest.fixture(autouse=True)
def _ledger_is_registered(monkeypatch):
    module = ModuleType("ledger_detector")
    module.Ledger = Ledger  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ledger_detector", module)
    monkeypatch.setitem(DETECTORS, "ledger", ("ledger_detector", "Ledger"))
    scored.clear()


@pytest.fixture(scope="module")
def files(machine_sound, tmp_path_factory) -> list[Clip]:
    """Thirty clips of the source domain, and ten of the target domain that are twice as loud."""
    folder = tmp_path_factory.mktemp("normal")
    clips = []
    for i in range(40):
        path = folder / f"{i:02}.wav"
        soundfile.write(path, (2 if i >= 30 else 1) * machine_sound(i, 0.25), RATE)
        clips.append(Clip(str(path), machine="fan", domain="target" if i >= 30 else "source"))
    return clips


def fitted(clips, calibrate="crossfit") -> auscult.Model:
    model = auscult.fit(clips, "ledger", calibrate=calibrate)
    scored.clear()
    return model


def test_new_clips_are_scored_by_detectors_that_were_not_adapted_to_them(files):
    model = fitted(files[:30])
    adapted = auscult.adapt(model, files[30:])
    assert Counter(path for path, _ in scored) == Counter(c.path for c in files[30:])
    for path, fold_model in scored:
        assert path not in fold_model.facts["fitted_on"]
        assert len(fold_model.facts["fitted_on"]) == 38, "a fifth of the new clips is held out"
    assert adapted.detector.facts["fitted_on"] == [c.path for c in files]
    new = adapted.calibration.scores["distance"][30:]
    for (path, fold_model), value in zip(scored.copy(), new, strict=True):
        clip = next(c for c in files if c.path == path)
        assert fold_model.score(model.audio_clip(clip)).scores["distance"] == value


def test_fewer_new_clips_than_folds_are_left_out_one_by_one(files):
    adapted = auscult.adapt(fitted(files[:30]), files[30:33])
    assert [len(fold_model.facts["fitted_on"]) for _, fold_model in scored] == [32] * 3
    assert len(adapted.calibration) == 33


def test_clips_of_a_single_fold_are_scored_by_the_old_detector(files):
    model = fitted(files[:30])
    auscult.adapt(model, files[30:31])
    assert [detector for _, detector in scored] == [model.detector]
    scored.clear()
    auscult.adapt(model, [replace(c, source_recording="tape") for c in files[30:34]])
    assert [detector for _, detector in scored] == [model.detector] * 4, "cut from one recording: one fold"


def test_old_calibration_scores_are_kept_and_new_ones_appended_with_their_domains(files):
    model = fitted(files[:30])
    adapted = auscult.adapt(model, files[30:])
    calibration = adapted.calibration
    assert (calibration.method, len(calibration)) == ("crossfit", 40)
    assert list(calibration.domains) == ["source"] * 30 + ["target"] * 10
    np.testing.assert_array_equal(
        np.sort(calibration.scores["distance"][:30]), np.sort(model.calibration.scores["distance"])
    )


def test_the_old_model_is_not_changed(files, tmp_path):
    model = fitted(files[:30])
    model.save(tmp_path / "before.auscult")
    provenance, facts = copy.deepcopy(model.provenance), copy.deepcopy(model.detector.facts)
    auscult.adapt(model, files[30:])
    model.save(tmp_path / "after.auscult")
    assert (model.provenance, model.detector.facts) == (provenance, facts)
    assert (tmp_path / "before.auscult").read_bytes() == (tmp_path / "after.auscult").read_bytes()


def test_clips_like_the_new_ones_score_lower_after_adapting(files):
    model = fitted(files[:30])
    adapted = auscult.adapt(model, files[30:36])
    for clip in files[36:]:
        old, new = (next(m.score_clips([clip])) for m in (model, adapted))
        assert new.score < old.score
    assert next(model.score_clips(files[39:])).anomalous
    assert not next(adapted.score_clips(files[39:])).anomalous


def test_provenance_records_each_adaptation(files):
    model = fitted(files[:30])
    adapted = auscult.adapt(model, files[30:34])
    provenance = adapted.provenance
    assert (provenance["clips"], provenance["domains"]) == (34, {"source": 30, "target": 4})
    (entry,) = provenance["adaptations"]
    assert (entry["clips"], entry["domains"], entry["left_out"]) == (4, {"target": 4}, [])
    assert entry["changes"] == ["4 spectra more"]
    assert entry["threshold_before"] == model.threshold().value
    assert entry["threshold_after"] == adapted.threshold().value > model.threshold().value
    assert entry["versions"]["auscult"] == auscult.__version__
    readapted = auscult.adapt(adapted, files[34:36])
    first, second = readapted.provenance["adaptations"]
    assert first == entry
    assert (second["changes"], second["clips"]) == (["2 spectra more"], 2)
    assert readapted.provenance["domains"] == {"source": 30, "target": 6}
    json.dumps(readapted.provenance, allow_nan=False)


def test_an_adapted_model_survives_saving_and_loading(files, tmp_path):
    adapted = auscult.adapt(fitted(files[:30]), files[30:34])
    adapted.save(tmp_path / "adapted.auscult")
    loaded = auscult.load(tmp_path / "adapted.auscult")
    assert loaded.threshold() == adapted.threshold()
    assert next(loaded.score_clips(files[38:39])).score == next(adapted.score_clips(files[38:39])).score
    assert json.loads(json.dumps(adapted.provenance)) == loaded.provenance


def test_the_domain_argument_applies_to_clips_of_unknown_domain(files):
    model = fitted(files[1:30])
    clips = [replace(files[30], domain=None), replace(files[31], domain=None), files[0]]
    assert list(auscult.adapt(model, clips, domain="target").calibration.domains[-3:]) == [
        "target",
        "target",
        "source",
    ]
    without_domain = auscult.adapt(model, clips)
    assert list(without_domain.calibration.domains[-3:]) == [None, None, "source"]
    assert without_domain.provenance["domains"] == {"source": 30, "unknown": 2}


def test_a_model_without_calibration_is_calibrated_on_the_new_clips(files):
    model = fitted(files[:10], calibrate="none")
    adapted = auscult.adapt(model, files[10:35])
    assert (adapted.calibration.method, len(adapted.calibration)) == ("crossfit", 25)
    (entry,) = adapted.provenance["adaptations"]
    assert entry["threshold_before"] is None
    assert entry["threshold_after"] > 0


def test_anomalies_and_an_empty_list_are_refused(files):
    model = fitted(files[:30])
    with pytest.raises(FitError, match=r"1 of 2 .*anomalies.*31\.wav"):
        auscult.adapt(model, [files[30], replace(files[31], condition="anomaly")])
    with pytest.raises(FitError, match="there are no clips"):
        auscult.adapt(model, [])


def test_unusable_files_are_left_out_and_named(files, tmp_path):
    bad = str(tmp_path / "bad.wav")
    (tmp_path / "bad.wav").write_text("no sound at all")
    model = fitted(files[:30])
    adapted = auscult.adapt(model, [Clip(bad), *files[30:32]])
    (entry,) = adapted.provenance["adaptations"]
    assert (entry["left_out"], entry["clips"]) == ([bad], 2)
    assert any(bad in warning for warning in adapted.provenance["warnings"])
    with pytest.raises(FitError, match=r"no usable new recordings.*bad\.wav"):
        auscult.adapt(model, [Clip(bad)])


def test_recordings_that_the_model_was_fitted_on_are_ignored(files, tmp_path):
    model = fitted(files[:30])
    copied_file = tmp_path / "copy.wav"
    copied_file.write_bytes(Path(files[3].path).read_bytes())
    adapted = auscult.adapt(model, [*files[28:32], replace(files[3], path=str(copied_file))])
    assert adapted.detector.facts["fitted_on"] == [c.path for c in files[:32]]
    assert len(adapted.calibration) == 32
    (entry,) = adapted.provenance["adaptations"]
    assert (entry["clips"], entry["left_out"]) == (2, []), "duplicates are not failures"
    (warning,) = [w for w in adapted.provenance["warnings"] if "already in the model" in w]
    assert warning.startswith(f"3 of 5 recordings are already in the model ({files[28].path})")
    with pytest.raises(
        FitError, match=r"no usable new recordings.*2 of 2 recordings are already in the model"
    ):
        auscult.adapt(adapted, files[30:32])


def test_test_clips_and_other_machines_cause_warnings(files):
    model = fitted(files[:30])
    clips = [replace(files[30], split="test", condition="normal"), replace(files[31], machine="pump")]
    warnings = auscult.adapt(model, clips).provenance["warnings"]
    assert any("test clips" in w and "(1 of 2" in w and "cannot be evaluated" in w for w in warnings)
    assert any("a model of fan is adapted to recordings of pump" in w for w in warnings)
    warnings = auscult.adapt(model, files[30:32]).provenance["warnings"]
    assert not [w for w in warnings if "taken in" in w or "is adapted to" in w]


def test_a_detector_that_cannot_be_adapted_is_refused(files, monkeypatch):
    model = fitted(files[:30])
    monkeypatch.setattr(Ledger, "adapted", Detector.adapted)
    with pytest.raises(OptionError, match="ledger cannot be adapted to more recordings: fit it again"):
        auscult.adapt(model, files[30:])


def test_progress_reports_both_stages(files):
    calls = []
    auscult.adapt(fitted(files[:30]), files[30:33], progress=lambda *call: calls.append(call[:3]))
    assert ("inspect", 3, 3) in calls
    assert ("calibrate", 3, 3) in calls

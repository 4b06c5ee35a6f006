"""`adapt`: refused, judged and ignored clips, calibration of new clips, costs, provenance and warnings."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from dataclasses import astuple, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

import auscult
from auscult.corpus import Clip, folds_of
from auscult.decision.alarms import AlarmBudget, AlarmPolicy, AlarmRule
from auscult.decision.alarms.observation import Observation
from auscult.detectors import DETECTORS
from auscult.detectors.adaptable import Adaptable, Refittable
from auscult.detectors.base import Config, Detector, Evidence
from auscult.errors import FitError, NotNormalError, OptionError
from auscult.findings import messages

RATE = 8000


class Plain(Detector):
    """Scores the distance of a clip from the mean spectrum of the training clips, and lists their paths."""

    name = "ledger"
    scores = ("distance",)
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.arrays = {"spectra": np.stack([self._spectrum(r) for r in recordings])}
        self.facts = {"fitted_on": [r.clip.path for r in recordings]}
        return self

    def score(self, recording, *, explain=False):
        difference = self._spectrum(recording) - self.arrays["spectra"].mean(axis=0)
        frames = len(recording.log_mel(self.config.front_end))
        maps = {"distance": np.tile(difference**2, (frames, 1)).astype(np.float32)} if explain else {}
        return Evidence({"distance": float(np.sum(difference**2))}, maps)

    def expected_shapes(self):
        return {"spectra": (None, self.config.front_end.n_mels)}

    def _spectrum(self, recording):
        return recording.log_mel(self.config.front_end).mean(axis=0).astype(np.float64)


class Growing(Plain, Adaptable):
    """Can be adapted, but forgets nothing."""

    def adapted(self, recordings):
        adapted = self.copied()
        adapted.arrays["spectra"] = np.concatenate(
            [self.arrays["spectra"], [self._spectrum(r) for r in recordings]]
        )
        adapted.facts["fitted_on"] += [r.clip.path for r in recordings]
        return adapted.with_adaptation(f"{len(recordings)} spectra more")


class Ledger(Growing, Refittable):
    def refitted(self, recordings):
        return Ledger(self.config).fit(recordings).with_adaptation(f"{len(recordings)} spectra alone")


@pytest.fixture(autouse=True)
def _ledger_is_registered(monkeypatch):
    module = ModuleType("ledger_detector")
    module.Ledger = Ledger  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ledger_detector", module)
    monkeypatch.setitem(DETECTORS, "ledger", ("ledger_detector", "Ledger"))


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


def as_kind(detector, kind):
    """A fitted detector as one of another class."""
    other = kind(detector.config)
    other.arrays, other.facts = detector.arrays, detector.facts
    return other


def fitted(clips, calibrate="crossfit") -> auscult.Model:
    return auscult.fit(clips, "ledger", calibrate=calibrate)


def accepted(model, clips, **options) -> auscult.Model:
    """The model adapted to clips, even if some are above its threshold, as twice as loud ones are."""
    return auscult.adapt(model, clips, accept=True, **options)


def new_scores(model, clips, folds) -> list[float]:
    """The score of each clip by the detector of the model adapted to the clips of other folds."""
    recordings = [model.audio_clip(clip) for clip in clips]
    scores = []
    for recording, fold in zip(recordings, folds, strict=True):
        others = [r for r, r_fold in zip(recordings, folds, strict=True) if r_fold != fold]
        detector = model.detector.adapted(others) if others else model.detector
        scores.append(detector.score(recording).scores["distance"])
    return scores


def test_new_clips_are_scored_by_detectors_that_were_not_adapted_to_them(files):
    model = fitted(files[:30])
    adapted = accepted(model, files[30:])
    assert adapted.detector.facts["fitted_on"] == [c.path for c in files]
    folds = folds_of([model.audio_clip(clip) for clip in files[30:]], 5, model.detector.config.seed)
    assert sorted(folds) == sorted([0, 1, 2, 3, 4] * 2), "a fifth of the new clips is held out"
    np.testing.assert_array_equal(
        adapted.calibration.scores["distance"][30:], new_scores(model, files[30:], folds)
    )


def test_fewer_new_clips_than_folds_are_left_out_one_by_one(files):
    model = fitted(files[:30])
    adapted = accepted(model, files[30:33])
    assert len(adapted.calibration) == 33
    np.testing.assert_array_equal(
        adapted.calibration.scores["distance"][30:], new_scores(model, files[30:33], [0, 1, 2])
    )


def test_clips_of_a_single_fold_are_scored_by_the_old_detector(files):
    model = fitted(files[:30])
    for clips in (files[30:31], [replace(c, source_recording="tape") for c in files[30:34]]):
        adapted = accepted(model, clips)
        old = [score.score for score in model.score_many(clips)]
        assert adapted.calibration.scores["distance"][30:].tolist() == old, "of one recording: one fold"


def test_clips_are_grouped_by_attributes(files):
    model = fitted(files[:30])
    clips = [replace(c, attributes={"tape": "7", "take": str(i)}) for i, c in enumerate(files[30:34])]
    adapted = accepted(model, clips, group_by=["tape"])
    of_one = [model.score_recording(model.audio_clip(clip)).score for clip in clips]
    np.testing.assert_array_equal(adapted.calibration.scores["distance"][30:], of_one)
    with pytest.raises(OptionError, match="known attributes: take, tape"):
        accepted(model, clips, group_by=["reel"])


def test_clips_above_the_threshold_are_refused_without_accept_or_replace(files):
    model = fitted(files[:30])
    with pytest.raises(NotNormalError, match="2 of 2 recordings are above the threshold") as caught:
        auscult.adapt(model, files[30:32])
    message, judged = str(caught.value), caught.value.review
    assert files[30].path in message
    ways = message.split("do not adapt")[1]
    assert ways.index("`accept=True`") < ways.index("another unit") < ways.index("`replace=True`")
    assert caught.value.recommended is None, "a new unit, or a machine that was repaired"
    assert (judged["recordings"], judged["above"], judged["false_alarms"]) == (2, 2, 0.05)
    assert judged["paths_above"] == [clip.path for clip in files[30:32]]
    assert judged["threshold"] == model.threshold().value
    restored = pickle.loads(pickle.dumps(caught.value))
    assert (str(restored), restored.review) == (message, judged)


def test_a_minority_above_the_threshold_is_refused_without_recommending_replace(files):
    model = fitted(files[:20])
    clips = [*files[20:26], files[30]]
    scores = [score.anomalous for score in model.score_many(clips)]
    above = sum(scores)
    assert 0 < above < len(clips) / 2
    with pytest.raises(NotNormalError, match=f"{above} of 7 recordings are above") as caught:
        auscult.adapt(model, clips)
    assert caught.value.recommended == "accept"


def test_clips_below_the_threshold_need_no_confirmation(files):
    model = fitted(files[:28])
    normal = [c for c, s in zip(files[28:30], model.score_many(files[28:30]), strict=True) if not s.anomalous]
    assert normal
    judged = auscult.adapt(model, normal).provenance["adaptations"][0]["review"]
    assert (judged["recordings"], judged["above"], judged["paths_above"]) == (len(normal), 0, [])


def test_how_alike_the_clips_are_is_relative_to_the_normal_ones(files, machine_sound, tmp_path):
    model = fitted(files[:30])
    unlike = []
    for i, gain in enumerate((4.0, 16.0, 64.0)):
        path = tmp_path / f"{i}.wav"
        soundfile.write(path, gain * machine_sound(90 + i, 0.25) / 8, RATE, subtype="FLOAT")
        unlike.append(Clip(str(path)))
    spreads = {}
    for name, clips in (("alike", files[30:34]), ("unlike each other", unlike)):
        with pytest.raises(NotNormalError, match=f"those are {name} ") as caught:
            auscult.adapt(model, clips)
        spreads[name] = caught.value.review["spread"]
    assert 0.3 < spreads["alike"] < 2 < spreads["unlike each other"]


def test_with_few_calibration_scores_the_largest_is_the_threshold(files):
    model = fitted(files[:10])
    assert model.threshold().value is None
    with pytest.raises(NotNormalError) as caught:
        auscult.adapt(model, files[30:32])
    assert caught.value.review["threshold"] == model.calibration.scores["distance"].max()
    assert caught.value.review["false_alarms"] == pytest.approx(1 / 11)


def written(folder: Path, name: str, samples: np.ndarray) -> Clip:
    soundfile.write(folder / name, samples, RATE)
    return Clip(str(folder / name))


@pytest.fixture
def faulty_sensor(machine_sound, tmp_path) -> dict[str, Clip]:
    """Recordings of the normal machine by a sensor with a fault, and of noise at the level of the machine."""
    sound, noise = machine_sound(95, 0.25), np.random.default_rng(0).standard_normal(RATE // 4)
    gap = np.where(np.arange(RATE // 4) // 400 == 2, 0.0, sound)
    return {
        "silence": written(tmp_path, "0.wav", np.round(noise) / 32768 / 2),
        "gaps": written(tmp_path, "1.wav", gap),
        "clipping": written(tmp_path, "2.wav", np.clip(sound, -0.02, 0.02)),
        "state": written(tmp_path, "3.wav", sound.std() * noise),
    }


@pytest.mark.parametrize("options", [{"accept": True}, {"replace": True}])
def test_what_a_sensor_with_a_fault_recorded_is_left_out(files, faulty_sensor, options):
    model, clips = fitted(files[:30]), [faulty_sensor["silence"], faulty_sensor["gaps"]]
    adapted = auscult.adapt(model, [*clips, *files[30:]], **options)
    (entry,) = adapted.provenance["adaptations"]
    assert entry["left_out"] == [clip.path for clip in clips]
    assert set(adapted.normals.paths).isdisjoint(entry["left_out"])
    about = [w for w in messages(adapted.warnings) if any(path in w for path in entry["left_out"])]
    assert ["silent:" in about[0], "gaps (drop-outs):" in about[1], len(about)] == [True, True, 2]
    assert adapted.normal_range.held_seconds == 0.0
    with pytest.raises(FitError, match=r"no usable new recordings.*because of a sensor fault.*because of"):
        auscult.adapt(model, clips, **options)


@pytest.mark.parametrize(("kind", "text"), [("clipping", "clipped"), ("state", "not this machine")])
def test_doubtful_recordings_below_the_threshold_are_refused(files, faulty_sensor, kind, text):
    model, clip = fitted(files[:30]), faulty_sensor[kind]
    model.calibration.scores["distance"][:] = 1e9
    with pytest.raises(NotNormalError) as caught:
        auscult.adapt(model, [clip, faulty_sensor["silence"], *files[30:33]])
    assert caught.value.review["above"] == 0
    (doubtful,) = caught.value.review["doubtful"]
    assert (doubtful["path"], bool(doubtful["state"])) == (clip.path, kind == "state")
    lines = str(caught.value).splitlines()
    assert [line for line in lines if "1 of 4" in line and text in line and clip.path in line]
    assert [line for line in lines if "left out because of a sensor fault" in line]
    warnings = messages(accepted(model, [clip]).warnings)
    assert [w for w in warnings if text in w and "normal for the model from now on" in w]


def test_the_message_tells_whether_more_are_above_than_expected(files):
    model = fitted(files[:28])
    normal = model.calibration.scores["distance"]
    normal[:] = np.sort([s.score for s in model.score_many(files[:28])])[-2]  # one or two of 28 are above
    normal[0] = 0.0  # equal scores give no threshold
    model = auscult.Model(model.detector, model.calibration, provenance=model.provenance)  # knows none
    with pytest.raises(NotNormalError, match=r"expected of normal recordings: 1\.4") as caught:
        auscult.adapt(model, files[:28])
    assert caught.value.review["expected"] == pytest.approx(1.4)
    assert "no more than expected of normal recordings" in str(caught.value)
    with pytest.raises(NotNormalError) as caught:
        auscult.adapt(fitted(files[:30]), files[30:])
    assert "no more than expected" not in str(caught.value)


def test_profiles_and_limits_of_maps_cover_the_new_recordings(files):
    model = fitted(files[:30])
    adapted = accepted(model, files[30:])
    old, new = (m.profiles["distance"].centre.sum() for m in (model, adapted))
    assert new > old, "maps of recordings that are twice as loud deviate more"
    before, after = (m.map_limits("distance") for m in (model, adapted))
    assert all(a >= b for a, b in zip(astuple(after), astuple(before), strict=True))
    alone = accepted(model, files[30:31])
    np.testing.assert_array_equal(alone.profiles["distance"].centre, model.profiles["distance"].centre)
    assert alone.map_limits("distance") == before


def test_other_lengths_and_more_channels_cause_warnings(files, machine_sound, tmp_path):
    long = written(tmp_path, "long.wav", np.stack([machine_sound(96, 1.0)] * 2, axis=1))
    warnings = messages(accepted(fitted(files[:30]), [long, files[39]]).warnings)
    assert any("0.25 to 1 s long, but the model was fitted on recordings of 0.25 s" in w for w in warnings)
    assert any("up to 2 channels, those of the model 1: only channel 0" in w for w in warnings)


def test_the_label_of_the_threshold_is_that_of_most_recordings(files):
    model = fitted(files[:30])
    model.provenance["threshold_label"] = "independence unverified"
    assert accepted(model, files[30:33]).threshold().label == "independence unverified"
    independent = [replace(c, source_recording=str(i)) for i, c in enumerate(files[30:])]
    replaced = auscult.adapt(model, independent, replace=True)
    assert replaced.threshold().label != "independence unverified"


def test_independent_recordings_with_a_calibration_score_are_counted(files):
    model = fitted(files[:30])
    assert model.provenance["calibration_recordings"] == 30
    assert accepted(model, files[30:33]).provenance["calibration_recordings"] == 33
    assert auscult.adapt(model, files[30:], replace=True).provenance["calibration_recordings"] == 10
    del model.provenance["calibration_recordings"]  # as in a model of version 0.1.0
    assert accepted(model, files[30:33]).provenance["calibration_recordings"] is None


def test_an_alarm_policy_is_left_out_with_a_warning(files):
    policy = AlarmPolicy(AlarmRule(2.0, 1.0), 1.0, AlarmBudget(1, "week"), "tail", 0.0, Observation())
    before = fitted(files[:30]).with_alarm_policy(policy)
    after = accepted(before, files[30:33])
    assert after.alarm_policy is None
    assert "alarm_policy" in {finding.kind for finding in after.warnings}
    assert before.alarm_policy == policy


def test_accept_and_replace_exclude_each_other(files):
    with pytest.raises(OptionError, match="exclude each other"):
        auscult.adapt(fitted(files[:30]), files[30:], accept=True, replace=True)


def test_replace_forgets_the_earlier_recordings(files):
    model = fitted(files[:30])
    replaced = auscult.adapt(model, [files[0], *files[30:]], replace=True)
    paths = [clip.path for clip in (files[0], *files[30:])]
    assert replaced.detector.facts["fitted_on"] == paths, (
        "also one that the model knew, which is normal again"
    )
    assert list(replaced.normals.paths) == paths
    assert len(replaced.calibration) == 11
    assert (replaced.calibration.method, replaced.provenance["clips"]) == ("crossfit", 11)
    assert replaced.provenance["domains"] == {"source": 1, "target": 10}
    (entry,) = replaced.provenance["adaptations"]
    assert (entry["replaced"], entry["changes"]) == (30, ["11 spectra alone"])
    assert not np.array_equal(replaced.profiles["distance"].centre, model.profiles["distance"].centre)
    assert model.detector.facts["fitted_on"] == [c.path for c in files[:30]], "the old model is not changed"


def test_replaced_recordings_are_calibrated_by_detectors_that_were_not_fitted_on_them(files):
    model, clips = fitted(files[:30]), files[30:]
    replaced = auscult.adapt(model, clips, replace=True)
    recordings = [model.audio_clip(clip) for clip in clips]
    folds = folds_of(recordings, 5, model.detector.config.seed)
    expected = []
    for recording, fold in zip(recordings, folds, strict=True):
        others = [r for r, r_fold in zip(recordings, folds, strict=True) if r_fold != fold]
        expected.append(Ledger(model.detector.config).fit(others).score(recording).scores["distance"])
    np.testing.assert_array_equal(replaced.calibration.scores["distance"], expected)


def test_a_single_recording_of_a_domain_does_not_set_the_threshold(files, monkeypatch):
    monkeypatch.setattr(Ledger, "has_cheap_folds", classmethod(lambda cls, config: True))
    new = [*files[5:30], *(replace(clip, source_recording="t") for clip in files[30:33])]
    replaced = auscult.adapt(fitted(files[:5]), new, replace=True)
    assert len(replaced.detector.facts["fitted_on"]) == 28
    assert set(replaced.calibration.domains) == {"source"}
    assert len(replaced.calibration) == replaced.provenance["calibration_recordings"] == 25
    assert "the 3 clips of the target domain are one recording" in messages(replaced.warnings)[-1]


def test_what_replacing_cannot_do_is_refused(files):
    model = fitted(files[:30])
    with pytest.raises(FitError, match="recordings of a single source cannot replace the earlier ones"):
        auscult.adapt(model, files[30:31], replace=True)
    model.detector = as_kind(model.detector, Growing)
    with pytest.raises(
        OptionError, match="ledger cannot forget the recordings that it was fitted on: fit it"
    ):
        auscult.adapt(model, files[30:], replace=True)


def test_costs_are_rates_before_and_after(files):
    model = fitted(files[:30])
    (entry,) = accepted(model, files[30:]).provenance["adaptations"]
    costs = entry["costs"]
    assert set(costs) == {"earlier_false_alarms", "new_false_alarms"}
    old, new = model.calibration.scores["distance"], entry["threshold_after"]
    earlier = costs["earlier_false_alarms"]
    assert earlier["count"] == 30
    assert earlier["before"] == np.mean(old > entry["threshold_before"])
    assert earlier["after"] == np.mean(old > new)
    assert costs["new_false_alarms"]["before"] == 1.0
    assert costs["new_false_alarms"]["after"] < 0.5


def test_replacing_makes_the_earlier_state_an_anomaly(files, tmp_path):
    copies = []
    for clip in files[:30]:
        copies.append(replace(clip, path=str(tmp_path / Path(clip.path).name)))
        Path(copies[-1].path).write_bytes(Path(clip.path).read_bytes())
    model = fitted(copies)
    Path(copies[0].path).unlink()
    Path(copies[1].path).write_bytes(Path(files[35].path).read_bytes())
    Path(copies[2].path).write_text("no sound")
    (entry,) = auscult.adapt(model, files[30:], replace=True).provenance["adaptations"]
    earlier = entry["costs"]["earlier_false_alarms"]
    assert earlier["count"] == 27, "only unchanged files are the recordings that the model was fitted on"
    assert earlier["after"] > 0.9
    for clip in copies:
        Path(clip.path).unlink(missing_ok=True)
    (entry,) = auscult.adapt(model, files[30:], replace=True).provenance["adaptations"]
    assert entry["costs"]["earlier_false_alarms"] == {"before": earlier["before"], "after": None, "count": 0}


def test_old_calibration_scores_are_kept_and_new_ones_appended_with_their_domains(files):
    model = fitted(files[:30])
    adapted = accepted(model, files[30:])
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
    accepted(model, files[30:])
    model.save(tmp_path / "after.auscult")
    assert (model.provenance, model.detector.facts) == (provenance, facts)
    assert (tmp_path / "before.auscult").read_bytes() == (tmp_path / "after.auscult").read_bytes()


def test_clips_like_the_new_ones_score_lower_after_adapting(files):
    model = fitted(files[:30])
    adapted = accepted(model, files[30:36])
    for clip in files[36:]:
        old, new = (next(m.score_many([clip])) for m in (model, adapted))
        assert new.score < old.score
    assert next(model.score_many(files[39:])).anomalous
    assert not next(adapted.score_many(files[39:])).anomalous


def test_provenance_records_each_adaptation(files):
    model = fitted(files[:30])
    adapted = accepted(model, files[30:34])
    provenance = adapted.provenance
    assert (provenance["clips"], provenance["domains"]) == (34, {"source": 30, "target": 4})
    (entry,) = provenance["adaptations"]
    assert (entry["clips"], entry["domains"], entry["left_out"]) == (4, {"target": 4}, [])
    assert entry["changes"] == ["4 spectra more"]
    assert entry["threshold_before"] == model.threshold().value
    assert entry["threshold_after"] == adapted.threshold().value > model.threshold().value
    assert entry["versions"]["auscult"] == auscult.__version__
    readapted = accepted(adapted, files[34:36])
    first, second = readapted.provenance["adaptations"]
    assert first == entry
    assert (second["changes"], second["clips"]) == (["2 spectra more"], 2)
    assert readapted.provenance["domains"] == {"source": 30, "target": 6}
    json.dumps(readapted.provenance, allow_nan=False)


def test_an_adapted_model_survives_saving_and_loading(files, tmp_path):
    adapted = accepted(fitted(files[:30]), files[30:34])
    adapted.save(tmp_path / "adapted.auscult")
    loaded = auscult.load(tmp_path / "adapted.auscult")
    assert loaded.threshold() == adapted.threshold()
    assert next(loaded.score_many(files[38:39])).score == next(adapted.score_many(files[38:39])).score
    assert json.loads(json.dumps(adapted.provenance)) == loaded.provenance


def test_the_domain_argument_applies_to_clips_of_unknown_domain(files):
    model = fitted(files[1:30])
    clips = [replace(files[30], domain=None), replace(files[31], domain=None), files[0]]
    assert list(accepted(model, clips, domain="target").calibration.domains[-3:]) == [
        "target",
        "target",
        "source",
    ]
    without_domain = accepted(model, clips)
    assert list(without_domain.calibration.domains[-3:]) == [None, None, "source"]
    assert without_domain.provenance["domains"] == {"source": 30, "unknown": 2}


def test_a_model_without_calibration_is_calibrated_on_the_new_clips(files):
    model = fitted(files[:10], calibrate="none")
    adapted = accepted(model, files[10:35])
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
    adapted = accepted(model, [Clip(bad), *files[30:32]])
    (entry,) = adapted.provenance["adaptations"]
    assert (entry["left_out"], entry["clips"]) == ([bad], 2)
    assert any(bad in warning for warning in messages(adapted.warnings))
    with pytest.raises(FitError, match=r"no usable new recordings.*bad\.wav"):
        auscult.adapt(model, [Clip(bad)])


def test_recordings_that_the_model_was_fitted_on_are_ignored(files, tmp_path):
    model = fitted(files[:30])
    copied_file = tmp_path / "copy.wav"
    copied_file.write_bytes(Path(files[3].path).read_bytes())
    adapted = accepted(model, [*files[28:32], replace(files[3], path=str(copied_file))])
    assert adapted.detector.facts["fitted_on"] == [c.path for c in files[:32]]
    assert len(adapted.calibration) == 32
    (entry,) = adapted.provenance["adaptations"]
    assert (entry["clips"], entry["left_out"]) == (2, []), "duplicates are not failures"
    (warning,) = [w for w in messages(adapted.warnings) if "already in the model" in w]
    assert warning.startswith(f"3 of 5 recordings are already in the model ({files[28].path})")
    with pytest.raises(
        FitError, match=r"no usable new recordings.*2 of 2 recordings are already in the model"
    ):
        accepted(adapted, files[30:32])


def test_test_clips_and_other_machines_cause_warnings(files):
    model = fitted(files[:30])
    clips = [replace(files[30], split="test", condition="normal"), replace(files[31], machine="pump")]
    warnings = messages(accepted(model, clips).warnings)
    assert any("test clips" in w and "(1 of 2" in w and "cannot be evaluated" in w for w in warnings)
    assert any("a model of fan is adapted to recordings of pump" in w for w in warnings)
    warnings = messages(accepted(model, files[30:32]).warnings)
    assert not [w for w in warnings if "taken in" in w or "is adapted to" in w]


def test_a_detector_that_cannot_be_adapted_is_refused(files):
    model = fitted(files[:30])
    model.detector = as_kind(model.detector, Plain)
    with pytest.raises(OptionError, match="ledger cannot be adapted to more recordings: fit it again"):
        accepted(model, files[30:])


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [(Plain, {}, "cannot be adapted"), (Growing, {"replace": True}, "cannot forget")],
)
def test_a_detector_that_cannot_be_adapted_is_refused_before_anything_is_judged(
    files, kind, options, message
):
    model, calls = fitted(files[:30]), []
    model.calibration.scores["distance"][:] = np.linspace(0.0, 1e-9, 30)  # all recordings are above it
    with pytest.raises(NotNormalError):
        auscult.adapt(model, files[30:])
    model.detector = as_kind(model.detector, kind)
    with pytest.raises(OptionError, match=message):
        auscult.adapt(model, files[30:], progress=lambda *call: calls.append(call), **options)
    assert calls == []


def test_progress_reports_both_stages(files):
    calls = []
    accepted(fitted(files[:30]), files[30:33], progress=lambda *call: calls.append(call[:3]))
    assert ("inspect", 3, 3) in calls
    assert ("calibrate", 3, 3) in calls

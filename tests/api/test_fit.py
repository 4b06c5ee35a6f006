"""`fit`: refused and unusable clips, warnings, and calibration on held-out clips."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

import auscult
from auscult.corpus import Clip
from auscult.corpus.folds import FOLDS
from auscult.detectors import DETECTORS
from auscult.detectors.base import Config, Detector, Evidence
from auscult.errors import FitError, OptionError
from auscult.findings import messages
from auscult.model import calibrated_model, fit_spec
from auscult.runtime.parallel import workers

RATE = 8000


class Ledger(Detector):
    """Scores the level of a clip, and lists the paths of the training clips."""

    name = "ledger"
    scores = ("level", "negative")
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.arrays = {"mean": np.mean([r.log_mel(self.config.front_end).mean(0) for r in recordings], 0)}
        paths = [r.clip.path for r in recordings]
        self.facts = {"fitted_on": paths, "findings": []}
        self.add_finding("own", "a warning of the detector")
        fitted.append(self)
        return self

    def score(self, recording, *, explain=False):
        scored.append((recording.clip.path, self))
        frames = recording.log_mel(self.config.front_end)
        level = float(frames.mean())
        if not explain:
            return Evidence({"level": level, "negative": -level})
        explained.append((recording.clip.path, frames))
        return Evidence({"level": level, "negative": -level}, {"level": frames, "negative": -frames})

    def expected_shapes(self):
        return {"mean": (self.config.front_end.n_mels,)}


#: Every detector that was fitted, in order.
fitted: list[Ledger] = []
#: Path of every clip that was scored, and the detector that scored it.
scored: list[tuple[str, Ledger]] = []
#: Path and map of every clip that was scored with a map.
explained: list[tuple[str, np.ndarray]] = []


@pytest.fixture(autouse=True)
def _ledger_is_registered(monkeypatch):
    """A new detector needs one module and one entry in the table."""
    module = ModuleType("ledger_detector")
    module.Ledger = Ledger  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ledger_detector", module)
    monkeypatch.setitem(DETECTORS, "ledger", ("ledger_detector", "Ledger"))
    fitted.clear()
    scored.clear()
    explained.clear()


@pytest.fixture(scope="module")
def files(machine_sound, tmp_path_factory) -> list[Clip]:
    folder = tmp_path_factory.mktemp("normal")
    clips = []
    for i in range(40):
        path = folder / f"{i:02}.wav"
        soundfile.write(path, machine_sound(i, 0.25), RATE)
        clips.append(Clip(str(path), machine="fan", domain="target" if i >= 30 else "source"))
    return clips


def fit(clips, **options):
    return auscult.fit(clips, "ledger", **options)


def test_crossfit_scores_every_clip_once_with_a_model_that_was_not_fitted_on_it(files):
    model = fit(files, calibrate="crossfit")
    assert model.detector is fitted[0]
    assert fitted[0].facts["fitted_on"] == [c.path for c in files], "the final model is fitted on all"
    assert len(fitted) == 1 + FOLDS
    assert Counter(path for path, _ in scored) == Counter(c.path for c in files)
    for path, fold_model in scored:
        assert path not in fold_model.facts["fitted_on"]
    domain = {c.path: c.domain for c in files}
    for fold_model in fitted[1:]:
        domains = Counter(domain[path] for path in fold_model.facts["fitted_on"])
        assert domains == {"source": 24, "target": 8}, "each domain is spread over the folds"
    assert model.calibration.method == "crossfit"
    assert len(model.calibration) == 40


def test_detectors_with_cheap_folds_have_one_for_each_recording(files, monkeypatch):
    """Clips of one recording stay together, and there are at most fifty folds."""
    monkeypatch.setattr(Ledger, "has_cheap_folds", classmethod(lambda cls, config: True))
    cut = [replace(clip, source_recording=f"of {i // 2}") for i, clip in enumerate(files)]
    fit(cut, calibrate="crossfit")
    assert [len(model.facts["fitted_on"]) for model in fitted] == [40, *[38] * 20]
    source = {clip.path: clip.source_recording for clip in cut}
    for path, fold_model in scored:
        assert source[path] not in {source[other] for other in fold_model.facts["fitted_on"]}
    fitted.clear()
    monkeypatch.setattr(fit_spec, "MANY_FOLDS", 8)
    fit(files, calibrate="crossfit")
    assert [len(model.facts["fitted_on"]) for model in fitted] == [40, *[35] * 8]


@pytest.mark.parametrize("cheap", [True, False])
def test_a_single_recording_of_a_domain_does_not_set_the_threshold(files, monkeypatch, cheap):
    """Even if the others are too few for a threshold; with few folds it does, as it always did."""
    monkeypatch.setattr(Ledger, "has_cheap_folds", classmethod(lambda cls, config: cheap))
    clips = [replace(c, source_recording="t") if c.domain == "target" else c for c in files]
    model = fit(clips, calibrate="crossfit")
    assert len(fitted[0].facts["fitted_on"]) == 40, "the final model is fitted on all"
    assert list(model.calibration.domains) == ["source"] * 30 + ([] if cheap else ["target"] * 10)
    assert model.provenance["calibration_recordings"] == (30 if cheap else 31)
    warning = "the 10 clips of the target domain are one recording: .* but the threshold ignores it"
    assert any(re.match(warning, w) for w in messages(model.warnings)) == cheap
    few = fit([*clips[:18], *clips[30:]], calibrate="crossfit")
    assert len(few.calibration) == (18 if cheap else 28)
    assert (few.threshold().value is None) == cheap


def test_calibration_scores_and_domains_have_the_same_order(files):
    model = fit(files[25:35], calibrate="crossfit")
    assert list(model.calibration.domains) == [
        next(c.domain for c in files if c.path == path) for path, _ in scored
    ]
    assert model.calibration.scores.keys() == {"level", "negative"}
    np.testing.assert_array_equal(model.calibration.scores["level"], -model.calibration.scores["negative"])


@pytest.mark.parametrize("calibrate", ["crossfit", "holdout", "none"])
def test_every_score_has_a_profile_of_normal_maps(files, calibrate):
    model = fit(files, calibrate=calibrate)
    expected = {path for path, _ in scored} if calibrate != "none" else {c.path for c in files}
    assert {path for path, _ in explained} == expected
    frames = np.concatenate([frames for _, frames in explained])
    level, negative = model.profiles["level"], model.profiles["negative"]
    np.testing.assert_allclose(level.centre, frames.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(level.spread, frames.std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(negative.centre, -level.centre)
    assert model.profiles.keys() == {"level", "negative"}


def test_profiles_use_a_sample_in_proportion_to_the_domains(files, monkeypatch):
    monkeypatch.setattr(calibrated_model, "MAX_PROFILE_CLIPS", 8)
    model = fit(files, calibrate="crossfit")
    assert len(scored) == len(model.calibration) == 40
    domain = {c.path: c.domain for c in files}
    assert Counter(domain[path] for path, _ in explained) == {"source": 6, "target": 2}


def test_the_model_holds_an_index_of_the_training_recordings(files):
    for calibrate in ("crossfit", "holdout", "none"):
        model = fit(files, calibrate=calibrate)
        assert list(model.normals.paths) == [c.path for c in files]
        assert model.normals.vectors.shape == (40, 2 * model.detector.config.front_end.n_mels)


def test_holdout_holds_out_a_tenth_of_each_domain(files):
    model = fit(files, calibrate="holdout")
    (detector,) = fitted
    held_out = {path for path, _ in scored}
    assert held_out == {c.path for c in files} - set(detector.facts["fitted_on"])
    domains = Counter(c.domain for c in files if c.path in held_out)
    assert domains == {"source": 3, "target": 1}
    assert (model.calibration.method, len(model.calibration)) == ("holdout", 4)


@pytest.mark.parametrize("calibrate", ["crossfit", "holdout"])
def test_clips_cut_from_one_recording_stay_in_one_fold(files, calibrate):
    """Even if the recording has clips of both domains."""
    segments = [replace(c, source_recording=f"tape {i // 8}") for i, c in enumerate(files)]
    tape = {c.path: c.source_recording for c in segments}
    fit(segments, calibrate=calibrate)
    assert scored
    for path, detector in scored:
        assert tape[path] not in {tape[training_path] for training_path in detector.facts["fitted_on"]}


def test_a_threshold_from_few_recordings_says_for_which_units_it_holds(files):
    segments = [replace(c, source_recording=f"tape {i // 4}") for i, c in enumerate(files)]
    few, independent = fit(segments), fit(files)
    assert few.provenance["calibration_recordings"] == 10
    assert independent.provenance["calibration_recordings"] == 40
    assert few.threshold().label == "for units and conditions of 10 recordings"
    assert few.threshold(0.1).label is None, "nine are enough for 10 %"
    (warning,) = [w for w in messages(few.warnings) if "independent recordings" in w]
    assert "the 40 clips come from 10 independent recordings, and 5 % false alarms need 19" in warning
    assert not [w for w in messages(independent.warnings) if "independent recordings" in w]
    assert fit(segments, calibrate="none").provenance["calibration_recordings"] is None


def test_a_single_recording_cannot_be_calibrated(files):
    segments = [replace(c, source_recording="tape") for c in files[:6]]
    for calibrate in ("crossfit", "holdout", "auto"):
        with pytest.raises(FitError, match="at least two recordings"):
            fit(segments, calibrate=calibrate)
    with pytest.raises(FitError, match="`calibrate='none'`"):
        fit(files[:1])
    assert fit(files[:1], calibrate="none").calibration.method == "none"


def test_without_calibration_there_is_a_score_but_no_decision(files, machine_sound):
    model = fit(files, calibrate="none")
    assert fitted[0].facts["fitted_on"] == [c.path for c in files]
    score = model.score(machine_sound(99), RATE)
    assert (score.threshold, score.anomalous) == (None, None)
    assert any("19 more" in warning for warning in messages(score.warnings))


def test_auto_changes_from_crossfit_to_holdout(files, monkeypatch):
    assert fit_spec.CROSSFIT_BELOW == 400
    monkeypatch.setattr(fit_spec, "CROSSFIT_BELOW", 20)
    assert fit(files[:19]).calibration.method == "crossfit"
    assert fit(files[:20]).calibration.method == "holdout"


def test_anomalies_and_test_clips_are_refused(files):
    with pytest.raises(FitError, match=r"2 of 5 .*anomalies.*03\.wav"):
        fit([*files[:3], *(replace(c, condition="anomaly") for c in files[3:5])])
    with pytest.raises(FitError, match=r"1 of 3 .*test clips"):
        fit([*files[:2], replace(files[2], split="test", condition="normal")])
    with pytest.raises(FitError, match="there are no clips"):
        fit([])
    assert not fitted


def test_unusable_files_are_left_out_and_named(files, tmp_path):
    bad, empty, short = (str(tmp_path / n) for n in ("bad.wav", "gone.wav", "short.wav"))
    Path(bad).write_bytes(b"no sound at all")
    soundfile.write(short, np.zeros(0), RATE)
    model = fit([*files[:21], Clip(bad), Clip(empty), Clip(short)], calibrate="none")
    assert fitted[0].facts["fitted_on"] == [c.path for c in files[:21]]
    for path in (bad, empty, short):
        assert any(path in warning for warning in messages(model.warnings)), path
    assert model.provenance["clips"] == 21
    assert model.provenance["left_out"] == [bad, empty, short]


def test_no_usable_file_is_an_error(tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound at all")
    with pytest.raises(FitError, match=r"no usable training recordings: .*bad\.wav"):
        fit([Clip(str(bad))])
    short = tmp_path / "short.wav"
    soundfile.write(short, np.full(9, 0.1), RATE)
    with pytest.raises(FitError, match=r"no usable training recordings.*shorter"):
        auscult.fit([Clip(str(short))], "autoencoder")


def test_the_model_has_the_sample_rate_of_most_files(files, tmp_path, machine_sound):
    fast = tmp_path / "fast.wav"
    soundfile.write(fast, machine_sound(77), 2 * RATE)
    clips = [*files[:20], Clip(str(fast))]
    model = fit(clips, calibrate="none")
    assert model.sample_rate == RATE
    assert fitted[0].facts["fitted_on"][-1] == str(fast), "it is resampled, not left out"
    assert any("16000" in warning and "fast.wav" in warning for warning in messages(model.warnings))
    assert fit(clips, calibrate="none", sample_rate=16000).sample_rate == 16000


def test_the_model_reads_the_channel_that_it_was_fitted_on(tmp_path, machine_sound):
    clips = []
    for i in range(2):
        path = str(tmp_path / f"{i}.wav")
        sound = machine_sound(i)
        soundfile.write(path, np.stack([sound, 0.01 * sound], 1), RATE, subtype="FLOAT")
        clips.append(Clip(path))
    near, far = (fit(clips, calibrate="none", channel=c) for c in (0, 1))
    assert (near.channel, far.channel) == (0, 1)
    for model in (near, far):
        (warning,) = [w for w in messages(model.warnings) if "channels" in w]
        assert f"recordings have 2 channels: the model learns channel {model.channel} only" in warning
    levels = [next(m.score_many(clips[:1])).score for m in (near, far)]
    assert levels[0] - levels[1] == pytest.approx(40, abs=1)


def test_provenance_describes_the_training_data(files):
    model = fit(files[28:], calibrate="crossfit")
    provenance = model.provenance
    assert (provenance["clips"], provenance["machines"]) == (12, ["fan"])
    assert provenance["domains"] == {"source": 2, "target": 10}
    assert "a warning of the detector" in messages(model.warnings)
    assert any("usable recordings: record at least 20" in warning for warning in messages(model.warnings))
    versions = provenance["versions"]
    assert versions["auscult"] == auscult.__version__
    assert versions.get("torch") == next((d.version for d in distributions(name="torch")), None)
    assert provenance["fit_seconds"] >= 0


def test_progress_reports_every_stage(files):
    calls = []
    fit(files[:6], calibrate="crossfit", progress=lambda *call: calls.append(call[:3]))
    assert ("inspect", 6, 6) in calls
    assert ("calibrate", 6, 6) in calls


def test_invalid_options_are_errors(files):
    for options in ({"calibrate": "perhaps"}, {"colour": "red"}, {"preset": "report"}, {"score": "mse"}):
        with pytest.raises(OptionError):
            fit(files[:3], **options)
    with pytest.raises(OptionError, match="gamma_vae"):
        auscult.fit(files[:3], "ear")


def test_a_missing_required_option_is_an_error_before_recordings_are_read(files):
    calls = []
    with pytest.raises(OptionError, match="requires the option 'encoder': pass `encoder=VALUE`"):
        auscult.fit(files, "embedding_memory", progress=lambda *call: calls.append(call))
    assert calls == []


def test_the_default_preset_of_the_gamma_vae_is_exact(files, monkeypatch):
    seen = []

    def record(cls, detectors, *args, **options):
        seen.extend(detectors)
        return [FitError("seen")] * len(detectors)

    monkeypatch.setattr("auscult.detectors.reconstruction.gamma_vae.GammaVAE.fit_fleet", classmethod(record))
    with pytest.raises(FitError, match="seen"):
        auscult.fit(files[:10], "gamma_vae", hop=256)
    assert len(seen) == 6, "the final model and five fold models train together"
    config = seen[0].config
    assert (config.kl, config.head, config.validation) == ("exact", "softplus", 0.0)
    seen.clear()
    with pytest.raises(FitError, match="seen"):
        auscult.fit(files[:10], "gamma_vae", calibrate="none", preset="report", hop=256)
    assert (len(seen), seen[0].config.kl, seen[0].config.validation) == (1, "eq2_text_labels", 0.1)


def test_the_validation_option_cannot_be_combined_with_calibration(files):
    with pytest.raises(OptionError, match="`calibrate='none'`"):
        auscult.fit(files, "autoencoder", validation=0.2, epochs=1)


def test_likely_segments_of_one_recording_stay_in_one_fold_with_a_warning(files):
    with_speed = [replace(clip, attributes={"spd": str(i // 4)}) for i, clip in enumerate(files)]
    model = fit(with_speed)
    (warning,) = [finding.message for finding in model.warnings if finding.kind == "cuts"]
    assert "40 clips have only 10 combinations of attributes (spd)" in warning
    assert "those with the same are taken as parts of one recording" in warning
    speed = {clip.path: (clip.attributes["spd"], clip.domain) for clip in with_speed}
    assert len(scored) == len(with_speed)
    assert all(speed[path] not in {speed[p] for p in model.facts["fitted_on"]} for path, model in scored)
    scored.clear()
    split = fit(with_speed, group_likely_segments=False)
    assert any(speed[path] in {speed[p] for p in model.facts["fitted_on"]} for path, model in scored)
    assert [w for w in messages(split.warnings) if "`group_by=['spd']`" in w]


def test_a_few_operating_conditions_are_not_treated_as_segments(files):
    """With only four of them, each fold would hold out a quarter of the normal conditions."""
    with_speed = [replace(clip, attributes={"spd": str(i % 4)}) for i, clip in enumerate(files)]
    (hint,) = [w for w in messages(fit(with_speed).warnings) if "group them" in w]
    assert "40 clips have only 4 combinations of attributes (spd): if they were cut" in hint
    assert "`group_by=['spd']`" in hint


def test_clips_are_grouped_by_attributes(files):
    with_speed = [replace(clip, attributes={"spd": str(i % 4), "no": str(i)}) for i, clip in enumerate(files)]
    model = fit(with_speed, group_by=["spd"])
    speed = {clip.path: (clip.attributes["spd"], clip.domain) for clip in with_speed}
    assert len(scored) == len(with_speed)
    assert all(speed[path] not in {speed[p] for p in model.facts["fitted_on"]} for path, model in scored)
    assert not [f for f in model.warnings if f.kind == "likely_segments"]
    for group_by in (["speed"], "spd"):
        with pytest.raises(OptionError):
            fit(with_speed, group_by=group_by)


def test_there_is_no_segment_warning_without_a_reason(files):
    with_speed = [replace(clip, attributes={"spd": str(i // 4)}) for i, clip in enumerate(files)]
    known = [replace(clip, source_recording=clip.attributes["spd"]) for clip in with_speed]
    equal = [replace(clip, attributes={"spd": "1"}) for clip in files]  # says nothing about recordings
    for clips, calibrate in ((known, "auto"), (files, "auto"), (equal, "auto"), (with_speed, "none")):
        assert not [w for w in messages(fit(clips, calibrate=calibrate).warnings) if "group them" in w]


def test_the_networks_of_one_machine_are_distributed_over_workers(files):
    """The final model and the five fold models, on two workers: equal up to rounding."""
    calls: list[tuple[str, int, int]] = []
    small = {"epochs": 1, "n_fft": 256, "hop": 128, "n_mels": 16}
    expected = auscult.fit(files, "autoencoder", **small)
    with workers(2):
        model = auscult.fit(files, "autoencoder", **small, progress=lambda *call: calls.append(call[:3]))
    assert ("train", 2, 2) in calls
    for name, scores in expected.calibration.scores.items():
        np.testing.assert_allclose(model.calibration.scores[name], scores, rtol=1e-3)


def test_conditions_state_what_recordings_are_and_are_kept_in_the_model(machine_sound, tmp_path):
    for folder, seeds in (("ok", range(6)), ("klong", range(10, 13))):
        (tmp_path / "rec" / folder).mkdir(parents=True)
        for seed in seeds:
            soundfile.write(tmp_path / "rec" / folder / f"{seed}.wav", machine_sound(seed), 8000)
    corpus = auscult.open_corpus(tmp_path / "rec")
    quick = {"detector": "pooled_gaussian", "n_mels": 16, "calibrate": "none"}
    with pytest.raises(FitError, match="what 3 recordings are is unclear: klong"):
        auscult.fit(corpus, **quick)
    model = auscult.fit(corpus, **quick, conditions={"klong": "anomaly"})
    assert model.provenance["clips"] == 6
    assert model.provenance["conditions"] == {"klong": "anomaly"}
    assert "3 recordings labelled as anomalies left out: klong (3)" in messages(model.warnings)
    stated = auscult.open_corpus(tmp_path / "rec", conditions={"klong": "normal"})
    model = auscult.fit(stated, **quick)
    assert (model.provenance["clips"], model.provenance["conditions"]) == (9, {"klong": "normal"})

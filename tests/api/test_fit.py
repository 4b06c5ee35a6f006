"""Fitting: what is refused, left out and warned of, and that calibration scores come from unheard clips."""

from __future__ import annotations

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
from auscult.detectors import DETECTORS
from auscult.detectors.base import Config, Detector, Evidence
from auscult.errors import FitError, OptionError
from auscult.model import fitting as cases
from auscult.runtime.parallel import workers

RATE = 8000


class Ledger(Detector):
    """Learns which clips it heard, and scores the level."""

    name = "ledger"
    scores = ("level", "negative")
    config_type = Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.arrays = {"mean": np.mean([r.log_mel(self.config.front_end).mean(0) for r in recordings], 0)}
        self.facts = {"heard": [r.clip.path for r in recordings], "warnings": ["a warning of the detector"]}
        fitted.append(self)
        return self

    def score(self, recording, *, explain=False):
        judged.append((recording.clip.path, self))
        frames = recording.log_mel(self.config.front_end)
        level = float(frames.mean())
        if not explain:
            return Evidence({"level": level, "negative": -level})
        explained.append((recording.clip.path, frames))
        return Evidence({"level": level, "negative": -level}, {"level": frames, "negative": -frames})

    def expected_shapes(self):
        return {"mean": (self.config.front_end.n_mels,)}


fitted: list[Ledger] = []
judged: list[tuple[str, Ledger]] = []
explained: list[tuple[str, np.ndarray]] = []


@pytest.fixture(autouse=True)
def _ledger_in_the_table(monkeypatch):
    """A new detector is one module and one line of the table."""
    module = ModuleType("ledger_detector")
    module.Ledger = Ledger  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ledger_detector", module)
    monkeypatch.setitem(DETECTORS, "ledger", ("ledger_detector", "Ledger"))
    fitted.clear()
    judged.clear()
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


def test_crossfit_judges_every_clip_once_by_a_model_that_did_not_hear_it(files):
    model = fit(files, calibrate="crossfit")
    assert model.detector is fitted[0]
    assert fitted[0].facts["heard"] == [c.path for c in files], "the final model hears all"
    assert len(fitted) == 1 + cases.FOLDS
    assert Counter(path for path, _ in judged) == Counter(c.path for c in files)
    for path, judge in judged:
        assert path not in judge.facts["heard"]
    domain = {c.path: c.domain for c in files}
    for judge in fitted[1:]:
        heard = Counter(domain[path] for path in judge.facts["heard"])
        assert heard == {"source": 24, "target": 8}, "each domain is spread over the folds"
    assert model.calibration.how == "crossfit"
    assert len(model.calibration) == 40


def test_calibration_scores_stand_beside_their_domains(files):
    model = fit(files[25:35], calibrate="crossfit")
    assert list(model.calibration.domains) == [
        next(c.domain for c in files if c.path == path) for path, _ in judged
    ]
    assert model.calibration.scores.keys() == {"level", "negative"}
    np.testing.assert_array_equal(model.calibration.scores["level"], -model.calibration.scores["negative"])


@pytest.mark.parametrize("calibrate", ["crossfit", "holdout", "none"])
def test_maps_of_normals_make_a_profile_of_every_score(files, calibrate):
    model = fit(files, calibrate=calibrate)
    wanted = {path for path, _ in judged}
    assert {path for path, _ in explained} == (wanted if calibrate != "none" else {c.path for c in files})
    frames = np.concatenate([frames for _, frames in explained])
    level, negative = model.profiles["level"], model.profiles["negative"]
    np.testing.assert_allclose(level.centre, frames.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(level.spread, frames.std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(negative.centre, -level.centre)
    assert model.profiles.keys() == {"level", "negative"}


def test_of_many_recordings_some_of_each_domain_are_explained(files, monkeypatch):
    monkeypatch.setattr(cases, "PROFILED", 8)
    model = fit(files, calibrate="crossfit")
    assert len(judged) == len(model.calibration) == 40
    domain = {c.path: c.domain for c in files}
    assert Counter(domain[path] for path, _ in explained) == {"source": 6, "target": 2}


def test_the_model_knows_the_recordings_that_it_was_given(files):
    for calibrate in ("crossfit", "holdout", "none"):
        model = fit(files, calibrate=calibrate)
        assert list(model.normals.paths) == [c.path for c in files]
        assert model.normals.vectors.shape == (40, 2 * model.detector.config.front_end.n_mels)


def test_holdout_keeps_a_tenth_of_each_domain(files):
    model = fit(files, calibrate="holdout")
    (only,) = fitted
    kept = {path for path, _ in judged}
    assert kept == {c.path for c in files} - set(only.facts["heard"])
    domains = Counter(c.domain for c in files if c.path in kept)
    assert domains == {"source": 3, "target": 1}
    assert (model.calibration.how, len(model.calibration)) == ("holdout", 4)


@pytest.mark.parametrize("calibrate", ["crossfit", "holdout"])
def test_cuts_of_one_recording_stay_together(files, calibrate):
    """Also where its domain changes on the way."""
    cut = [replace(c, source_recording=f"tape {i // 8}") for i, c in enumerate(files)]
    tape = {c.path: c.source_recording for c in cut}
    fit(cut, calibrate=calibrate)
    assert judged
    for path, judge in judged:
        assert tape[path] not in {tape[heard] for heard in judge.facts["heard"]}


def test_one_recording_cannot_be_calibrated(files):
    cut = [replace(c, source_recording="tape") for c in files[:6]]
    for calibrate in ("crossfit", "holdout", "auto"):
        with pytest.raises(FitError, match="at least two recordings"):
            fit(cut, calibrate=calibrate)
    with pytest.raises(FitError, match="calibrate=none"):
        fit(files[:1])
    assert fit(files[:1], calibrate="none").calibration.how == "none"


def test_without_calibration_there_is_a_score_and_no_verdict(files, machine_sound):
    model = fit(files, calibrate="none")
    assert fitted[0].facts["heard"] == [c.path for c in files]
    verdict = model.score(machine_sound(99), RATE)
    assert (verdict.threshold, verdict.anomalous) == (None, None)
    assert any("19 more" in warning for warning in verdict.warnings)


def test_auto_changes_from_crossfit_to_holdout(files, monkeypatch):
    assert cases.CROSSFIT_BELOW == 400
    monkeypatch.setattr(cases, "CROSSFIT_BELOW", 20)
    assert fit(files[:19]).calibration.how == "crossfit"
    assert fit(files[:20]).calibration.how == "holdout"


def test_what_is_not_normal_running_is_refused(files):
    with pytest.raises(FitError, match=r"2 of 5 .*anomalies.*03\.wav"):
        fit([*files[:3], *(replace(c, condition="anomaly") for c in files[3:5])])
    with pytest.raises(FitError, match=r"1 of 3 .*test clips"):
        fit([*files[:2], replace(files[2], split="test", condition="normal")])
    with pytest.raises(FitError, match="no recordings"):
        fit([])
    assert not fitted


def test_unusable_files_are_left_out_and_named(files, tmp_path):
    bad, empty, short = (str(tmp_path / n) for n in ("bad.wav", "gone.wav", "short.wav"))
    Path(bad).write_bytes(b"no sound at all")
    soundfile.write(short, np.zeros(0), RATE)
    model = fit([*files[:21], Clip(bad), Clip(empty), Clip(short)], calibrate="none")
    assert fitted[0].facts["heard"] == [c.path for c in files[:21]]
    for path in (bad, empty, short):
        assert any(path in warning for warning in model.provenance["warnings"]), path
    assert model.provenance["clips"] == 21
    assert model.provenance["left_out"] == [bad, empty, short]


def test_nothing_usable(tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound at all")
    with pytest.raises(FitError, match=r"nothing to learn from.*bad\.wav"):
        fit([Clip(str(bad))])
    short = tmp_path / "short.wav"
    soundfile.write(short, np.full(9, 0.1), RATE)
    with pytest.raises(FitError, match=r"nothing to learn from.*shorter"):
        auscult.fit([Clip(str(short))], "autoencoder")


def test_the_usual_rate_is_the_models(files, tmp_path, machine_sound):
    odd = tmp_path / "odd.wav"
    soundfile.write(odd, machine_sound(77), 2 * RATE)
    clips = [*files[:20], Clip(str(odd))]
    model = fit(clips, calibrate="none")
    assert model.sample_rate == RATE
    assert fitted[0].facts["heard"][-1] == str(odd), "it is resampled, not left out"
    assert any("16000" in warning and "odd.wav" in warning for warning in model.provenance["warnings"])
    assert fit(clips, calibrate="none", sample_rate=16000).sample_rate == 16000


def test_the_channel_is_kept(tmp_path, machine_sound):
    clips = []
    for i in range(2):
        path = str(tmp_path / f"{i}.wav")
        sound = machine_sound(i)
        soundfile.write(path, np.stack([sound, 0.01 * sound], 1), RATE, subtype="FLOAT")
        clips.append(Clip(path))
    near, far = (fit(clips, calibrate="none", channel=c) for c in (0, 1))
    assert (near.channel, far.channel) == (0, 1)
    levels = [next(m.score_clips(clips[:1])).score for m in (near, far)]
    assert levels[0] - levels[1] == pytest.approx(40, abs=1)


def test_provenance_tells_what_it_was_fitted_on(files):
    model = fit(files[28:], calibrate="crossfit")
    told = model.provenance
    assert (told["clips"], told["domains"], told["machines"]) == (12, {"source": 2, "target": 10}, ["fan"])
    assert "a warning of the detector" in told["warnings"]
    assert any("few to learn from" in warning for warning in told["warnings"])
    assert told["versions"]["auscult"] == auscult.__version__
    assert told["versions"].get("torch") == next((d.version for d in distributions(name="torch")), None)
    assert told["fit_seconds"] >= 0


def test_progress_tells_every_stage(files):
    told = []
    fit(files[:6], calibrate="crossfit", progress=lambda *what: told.append(what[:3]))
    assert ("inspect", 6, 6) in told
    assert ("calibrate", 6, 6) in told


def test_wrong_options(files):
    for options in ({"calibrate": "perhaps"}, {"colour": "red"}, {"preset": "report"}, {"score": "mse"}):
        with pytest.raises(OptionError):
            fit(files[:3], **options)
    with pytest.raises(OptionError, match="gamma_vae"):
        auscult.fit(files[:3], "ear")


def test_an_option_that_only_the_user_can_bring_is_missed_before_recordings_are_heard(files):
    told = []
    with pytest.raises(OptionError, match="needs the option encoder: give it by --set encoder=…"):
        auscult.fit(files, "embedding_memory", progress=lambda *step: told.append(step))
    assert told == []


def test_the_gamma_vae_is_fitted_in_its_exact_reading_unless_asked(files, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "auscult.detectors.reconstruction.gamma_vae.GammaVAE.fit_fleet",
        classmethod(lambda _, its, *__, **___: (seen.extend(its), [FitError("seen")] * len(its))[1]),
    )
    with pytest.raises(FitError, match="seen"):
        auscult.fit(files[:10], "gamma_vae", hop=256)
    assert len(seen) == 6, "the final model and five folds train as one fleet"
    config = seen[0].config
    assert (config.kl, config.head, config.validation) == ("exact", "softplus", 0.0)
    seen.clear()
    with pytest.raises(FitError, match="seen"):
        auscult.fit(files[:10], "gamma_vae", calibrate="none", preset="report", hop=256)
    assert (len(seen), seen[0].config.kl, seen[0].config.validation) == (1, "eq2_text_labels", 0.1)


def test_a_share_kept_out_for_the_log_is_refused_where_recordings_are_kept_out(files):
    with pytest.raises(OptionError, match="calibrate=none"):
        auscult.fit(files, "autoencoder", validation=0.2, epochs=1)


def test_clips_that_look_like_cuts_are_kept_together_and_it_is_told(files):
    spoken = [replace(clip, attributes={"spd": str(i // 4)}) for i, clip in enumerate(files)]
    model = fit(spoken)
    (told,) = [w for w in model.provenance["warnings"] if "--group-by" in w]
    assert "40 clips share 10 sets of attributes (spd): they are taken for cuts" in told
    speed = {clip.path: (clip.attributes["spd"], clip.domain) for clip in spoken}
    assert len(judged) == len(spoken)
    assert all(speed[path] not in {speed[p] for p in judge.facts["heard"]} for path, judge in judged)
    judged.clear()
    apart = fit(spoken, keep_likely_cuts_together=False)
    assert any(speed[path] in {speed[p] for p in judge.facts["heard"]} for path, judge in judged)
    assert [w for w in apart.provenance["warnings"] if "--group-by spd" in w]


def test_a_few_ways_of_running_are_no_cuts(files):
    """Parting by four of them would keep a quarter of what is normal out at a time."""
    spoken = [replace(clip, attributes={"spd": str(i % 4)}) for i, clip in enumerate(files)]
    (hint,) = [w for w in fit(spoken).provenance["warnings"] if "--group-by" in w]
    assert "40 clips share 4 sets of attributes: if they were cut" in hint
    assert "--group-by spd" in hint


def test_clips_that_say_nothing_of_recordings(files):
    spoken = [replace(clip, attributes={"spd": str(i // 4)}) for i, clip in enumerate(files)]
    known = [replace(clip, source_recording=clip.attributes["spd"]) for clip in spoken]
    alike = [replace(clip, attributes={"spd": "1"}) for clip in files]  # says nothing of recordings
    for clips, how in ((known, "auto"), (files, "auto"), (alike, "auto"), (spoken, "none")):
        assert not [w for w in fit(clips, calibrate=how).provenance["warnings"] if "--group-by" in w]


def test_the_networks_of_one_machine_are_shared_out(files):
    """The model and its five fold_models, by two workers: the same but for rounding."""
    told: list[tuple[str, int, int]] = []
    small = {"epochs": 1, "n_fft": 256, "hop": 128, "n_mels": 16}
    alone = auscult.fit(files, "autoencoder", **small)
    with workers(2):
        shared = auscult.fit(files, "autoencoder", **small, progress=lambda *what: told.append(what[:3]))
    assert ("train", 2, 2) in told
    for name, scores in alone.calibration.scores.items():
        np.testing.assert_allclose(shared.calibration.scores[name], scores, rtol=1e-3)

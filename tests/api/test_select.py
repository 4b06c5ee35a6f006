"""`select`: which detectors are ranked, which are left out and why, and the ranking."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import auscult
from auscult.api.select import _fraction_first
from auscult.corpus import Clip
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.ensemble.pseudo_anomalies import ALTERATIONS
from auscult.detectors.ensemble.trial import Outcome
from auscult.errors import FitError, OptionError

RATE = 8000
SMALL = {"pseudo_anomalies": 3, "n_mels": 16, "n_fft": 512, "hop": 256}


@pytest.fixture(scope="module")
def files(machine_sound, tmp_path_factory) -> list[Clip]:
    folder = tmp_path_factory.mktemp("normal")
    clips = []
    for i in range(16):
        path = folder / f"{i:02}.wav"
        soundfile.write(path, machine_sound(i, 0.5), RATE)
        clips.append(Clip(str(path), machine="fan", domain="target" if i >= 14 else "source"))
    return clips


@pytest.fixture(scope="module")
def two_detectors(files):
    return auscult.select(files, ["spectral_memory", "pooled_gaussian"], **SMALL)


def test_every_score_of_every_detector_is_ranked(two_detectors):
    kinds = [detector_type(name) for name in ("spectral_memory", "pooled_gaussian")]
    candidates = two_detectors.candidates
    assert {(c.detector, c.score) for c in candidates} == {(k.name, s) for k in kinds for s in k.scores}
    aucs = [c.auc for c in candidates]
    assert aucs == sorted(aucs, reverse=True)
    assert aucs[0] > 0.6
    for c in candidates:
        assert 0 <= c.interval[0] <= c.auc <= c.interval[1] <= 1
        assert c.by_kind.keys() == ALTERATIONS.keys()
        assert c.auc == pytest.approx(np.mean(list(c.by_kind.values())))
        assert c.seconds > 0
    selection = two_detectors
    assert (selection.clips, selection.pseudo_anomalies, selection.left_out) == (16, 3, {})


def test_the_fractions_of_ranking_first_sum_to_one(two_detectors):
    fractions = [c.first for c in two_detectors.candidates]
    assert sum(fractions) == pytest.approx(1)
    assert min(fractions) >= 0
    assert fractions[0] > 1 / len(fractions)


def test_results_depend_on_the_seed_but_not_on_the_other_detectors(files, two_detectors):
    def aucs(selection):
        return {(c.score, c.auc, c.interval) for c in selection.candidates if c.detector == "pooled_gaussian"}

    assert aucs(auscult.select(files, ["pooled_gaussian"], **SMALL)) == aucs(two_detectors)
    assert aucs(auscult.select(files, ["pooled_gaussian"], seed=5, **SMALL)) != aucs(two_detectors)


def test_ties_share_the_first_place():
    first, second = np.array([0.9, 0.5, 0.7, 0.7]), np.array([0.9, 0.4, 0.8, 0.7])
    outcomes = [Outcome(0.7, {}, draws) for draws in (first, second, first - 0.1)]
    assert _fraction_first(outcomes) == [0.5, 0.5, 0.0]


def test_there_are_no_more_pseudo_anomalies_than_recordings(files):
    assert (
        auscult.select(files[:5], ["pooled_gaussian"], **{**SMALL, "pseudo_anomalies": 24}).pseudo_anomalies
        == 5
    )


def test_by_default_all_available_detectors_are_ranked_and_others_left_out_with_a_reason(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    selection = auscult.select(files, **SMALL)
    ranked = {"spectral_memory", "pooled_gaussian", "subspace_residual"}
    assert {c.detector for c in selection.candidates} == ranked
    assert set(selection.left_out) == set(DETECTORS) - {"auto"} - ranked
    assert selection.left_out["embedding_memory"] == "requires the option 'encoder'"
    assert "auscult[train]" in selection.left_out["gamma_vae"]


def test_a_named_detector_that_fails_does_not_stop_the_others(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    selection = auscult.select(files, ["autoencoder", "spectral_memory"], **SMALL)
    assert {c.detector for c in selection.candidates} == {"spectral_memory"}
    assert list(selection.left_out) == ["autoencoder"]
    assert "auscult[train]" in selection.left_out["autoencoder"]
    with pytest.raises(FitError, match=r"autoencoder: .*auscult\[train\]"):
        auscult.select(files, ["autoencoder"], **SMALL)


def test_a_detector_that_needs_more_recordings_is_left_out(files):
    selection = auscult.select(files[:4], ["pooled_gaussian", "spectral_memory"], **SMALL)
    assert {c.detector for c in selection.candidates} == {"spectral_memory"}
    assert "at least 4 are required" in selection.left_out["pooled_gaussian"]


def test_a_detector_that_needs_longer_recordings_is_left_out(files, tmp_path):
    clips = []
    for i, clip in enumerate(files[:6]):
        samples, _ = soundfile.read(clip.path)
        soundfile.write(tmp_path / f"{i}.wav", samples[:1100], RATE)
        clips.append(Clip(str(tmp_path / f"{i}.wav")))
    selection = auscult.select(clips, ["spectral_memory", "autoencoder"], epochs=1, **{**SMALL, "hop": 512})
    assert {c.detector for c in selection.candidates} == {"spectral_memory"}
    assert "hold 0 windows of 5 frames" in selection.left_out["autoencoder"]


def test_auto_is_ranked_if_named_and_uses_other_pseudo_anomalies(files, monkeypatch):
    seeds = set()

    class TrialSpy(auscult.api.select.Trial):
        def __init__(self, recordings, folds, per_kind, seed):
            seeds.add(seed)
            super().__init__(recordings, folds, per_kind, seed)

    monkeypatch.setattr("auscult.api.select.Trial", TrialSpy)
    monkeypatch.setattr("auscult.detectors.ensemble.auto.Trial", TrialSpy)
    selection = auscult.select(files[:10], ["auto"], members="levels", **SMALL)
    assert {c.detector for c in selection.candidates} == {"auto"}
    assert len(seeds) == 2


def test_settings_are_passed_to_the_detectors_that_have_them(files):
    selection = auscult.select(files[:6], ["pooled_gaussian", "autoencoder"], epochs=1, hidden=8, **SMALL)
    assert {c.detector for c in selection.candidates} == {"pooled_gaussian", "autoencoder"}


@pytest.mark.parametrize(
    ("names", "settings", "message"),
    [
        (["ear"], {}, "no detector named 'ear'"),
        (["spectral_memory", "ear"], {}, "no detector named 'ear'"),
        (["embedding_memory"], {}, "requires the option 'encoder'"),
        (["pooled_gaussian"], {"epochs": 3}, "'epochs'"),
        (None, {"colour": "red"}, "'colour'"),
        (None, {"epochs": "many"}, "epochs='many'"),
        (None, {"score": "mse"}, "all scores"),
    ],
)
def test_options_are_checked_before_any_work(files, monkeypatch, names, settings, message):
    monkeypatch.setattr("auscult.api.select.inspect_recordings", lambda *_, **__: pytest.fail("it began"))
    with pytest.raises(OptionError, match=message):
        auscult.select(files, names, **settings)


def test_unsuitable_clips_are_refused(files):
    for clips in (
        [],
        files[:1],
        [replace(c, source_recording="one") for c in files],
        [replace(files[0], split="test")],
    ):
        with pytest.raises(FitError):
            auscult.select(clips, ["spectral_memory"], **SMALL)


def test_warnings_are_about_the_recordings(files, tmp_path):
    (tmp_path / "broken.wav").write_text("no sound")
    with_speed = [replace(c, attributes={"spd": str(i // 4)}) for i, c in enumerate(files)]
    selection = auscult.select(
        [*with_speed, Clip(str(tmp_path / "broken.wav"))], ["spectral_memory"], **SMALL
    )
    assert selection.clips == 16
    assert any("broken.wav" in warning for warning in selection.warnings)
    assert any("--group-by spd" in warning for warning in selection.warnings)


def test_progress_names_the_detector_and_the_stages(files):
    calls = []
    names = ["spectral_memory", "pooled_gaussian"]
    auscult.select(files[:6], names, progress=lambda *call: calls.append(call), **SMALL)
    per_detector = [call for call in calls if " " in call[0]]
    assert per_detector == [(f"select {name}", i, 2, {}) for i, name in enumerate(names)]
    last = {stage: (done, total) for stage, done, total, _ in calls if " " not in stage}
    assert last["try"] == (24, 24)
    assert all(done == total for done, total in last.values())


def test_the_sample_rate_option_applies_to_all_detectors(files):
    selection = auscult.select(files[:6], ["pooled_gaussian", "spectral_memory"], sample_rate=4000, **SMALL)
    assert len(selection.candidates) == 8

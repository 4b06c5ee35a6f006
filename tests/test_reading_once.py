"""Every file is decoded once while a model is fitted, and the feature cache changes no number."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import soundfile

import auscult
from auscult.corpus import Clip
from auscult.sound import read_audio


@pytest.fixture
def decoded(monkeypatch):
    """Counts how often each path is decoded."""
    counts = Counter()

    def counting_read_audio(path, *, channel=0):
        counts[path] += 1
        return read_audio(path, channel=channel)

    monkeypatch.setattr("auscult.corpus.audio_clip.read_audio", counting_read_audio)
    return counts


@pytest.fixture
def clips(tmp_path, machine_sound):
    paths = [str(tmp_path / f"{seed}.wav") for seed in range(12)]
    for seed, path in enumerate(paths):
        soundfile.write(path, machine_sound(seed), 8000)
    return [Clip(path) for path in paths]


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("calibrate", ["none", "crossfit"])
def test_fit_decodes_each_file_once(clips, decoded, tmp_path, monkeypatch, cached, calibrate):
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path / "cache") if cached else "off")
    auscult.fit(clips, "pooled_gaussian", calibrate=calibrate)
    assert decoded == {clip.path: 1 for clip in clips}
    assert (tmp_path / "cache").exists() == cached


def test_members_with_other_front_ends_do_not_decode_again(clips, decoded):
    settings = {"members": "levels,short_levels", "drop_uninformative": False}
    auscult.fit(clips, "auto", calibrate="none", **settings)
    assert decoded == {clip.path: 1 for clip in clips}


def test_the_cache_changes_no_number(clips, tmp_path, monkeypatch):
    models = []
    for cache in ("off", str(tmp_path), str(tmp_path)):
        monkeypatch.setenv("AUSCULT_CACHE", cache)
        models.append(auscult.fit(clips, "pooled_gaussian", calibrate="crossfit"))
    uncached, cold, warm = models
    for model in (cold, warm):
        for name, array in uncached.detector.arrays.items():
            np.testing.assert_array_equal(model.detector.arrays[name], array)
        for name, scores in uncached.calibration.scores.items():
            np.testing.assert_array_equal(model.calibration.scores[name], scores)

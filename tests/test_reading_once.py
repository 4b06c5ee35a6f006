"""Every file is decoded once while a model is fitted, and the feature cache changes no number."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest
import soundfile

import auscult
from auscult.benchmark import run_bench
from auscult.corpus import Clip
from auscult.sound import read_audio


@pytest.fixture
def decoded(monkeypatch):
    """Counts how often each path is decoded."""
    counts = Counter()

    def counting_read_audio(path, *, channel=0, **options):
        counts[path] += 1
        return read_audio(path, channel=channel, **options)

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
    settings = {"members": "levels,quarter_levels"}
    auscult.fit(clips, "auto", calibrate="none", **settings)
    assert decoded == {clip.path: 1 for clip in clips}


def test_the_cache_changes_no_number(clips, tmp_path, monkeypatch):
    models = []
    for cache in ("off", str(tmp_path), str(tmp_path)):
        monkeypatch.setenv("AUSCULT_CACHE", cache)
        models.append(auscult.fit(clips, "pooled_gaussian", calibrate="crossfit", n_mels=32))
    uncached, cold, warm = models
    for model in (cold, warm):
        for name, array in uncached.detector.arrays.items():
            np.testing.assert_array_equal(model.detector.arrays[name], array)
        for name, scores in uncached.calibration.scores.items():
            np.testing.assert_array_equal(model.calibration.scores[name], scores)


@pytest.fixture
def machine(tmp_path, machine_sound):
    """The test files of a machine with training and test recordings."""
    for part, seeds in (("train", range(12)), ("test", range(12, 20))):
        (tmp_path / "root" / "fan" / part).mkdir(parents=True)
        for seed in seeds:
            condition = "anomaly" if part == "test" and seed % 2 else "normal"
            name = f"section_00_source_{part}_{condition}_{seed:04d}_spd_1.wav"
            soundfile.write(tmp_path / "root" / "fan" / part / name, machine_sound(seed), 8000)
    return sorted(str(path) for path in (tmp_path / "root" / "fan" / "test").iterdir())


def test_bench_decodes_a_test_file_once_for_all_detectors_and_seeds(machine, decoded, tmp_path, monkeypatch):
    monkeypatch.setattr("auscult.benchmark.machine._estimate_feature_seconds", lambda *_: 0.0)
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path / "cache"))
    detectors, settings = ["pooled_gaussian", "spectral_memory"], {"n_mels": 16}
    options = {"detectors": detectors, "settings": settings, "group_by": []}
    result = run_bench(tmp_path / "root", seeds=[0, 1], output=tmp_path / "results", **options)
    assert result.failures == []
    assert {path: decoded[path] for path in machine} == dict.fromkeys(machine, 1)


def test_bench_reads_a_test_file_once_for_a_digest(machine, tmp_path, monkeypatch):
    digested = Counter()

    def counting_digest(file, algorithm):
        digested[file.name] += 1
        return file_digest(file, algorithm)

    file_digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", counting_digest)
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path / "cache"))
    options = {"detectors": ["pooled_gaussian", "spectral_memory"], "settings": {"n_mels": 16}}
    run_bench(tmp_path / "root", seeds=[0, 1], output=tmp_path / "results", **options)
    assert {path: digested[path] for path in machine} == dict.fromkeys(machine, 1)

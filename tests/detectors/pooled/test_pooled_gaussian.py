"""Densities of pooled views: scores recomputed step by step, adaptation and maps."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip, folds_of
from auscult.detectors.crossfit import TrainingSet
from auscult.detectors.options import make_config
from auscult.detectors.pooled.pooled_gaussian import FOLDS, PooledGaussian
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.mixture import Mixture
from auscult.detectors.statistics.pooled_views import FAMILIES, pooled_view
from auscult.errors import FitError, OptionError
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

RATE = 8000
LEVELS = FAMILIES["levels"]
SMALL = {"sample_rate": RATE, "n_fft": 512, "hop": 256, "n_mels": 16}
FRONT_END = FrontEnd(**SMALL)


def clip(sound, seed: int, domain: str | None = "source", **metadata) -> AudioClip:
    waveform = Waveform(sound, RATE)
    return AudioClip(Clip(f"{seed}.wav", domain=domain, **metadata), lambda: waveform)


@pytest.fixture(scope="module")
def normals(machine_sound) -> list[AudioClip]:
    """Sixteen clips of the source domain and four of the target domain."""
    return [clip(machine_sound(seed), seed, "source" if seed < 16 else "target") for seed in range(20)]


def gaussian(normals, **settings) -> PooledGaussian:
    return PooledGaussian(make_config("pooled_gaussian", settings={**SMALL, **settings})).fit(normals)


@pytest.fixture(scope="module")
def fitted(normals) -> PooledGaussian:
    return gaussian(normals)


def view_of(recording: AudioClip, view: str) -> np.ndarray:
    return pooled_view(recording.log_mel(FRONT_END), view)


def test_scores_recomputed_step_by_step(fitted, normals, machine_sound):
    """Each distance is standardised by the cross-fitted distances of the normal clips, in five folds."""
    anomaly = clip(machine_sound(50, broken=True), 50)
    target = np.array([r.clip.domain == "target" for r in normals])
    folds = np.array(folds_of(normals, FOLDS, fitted.config.seed))

    def standardised(bank, x, fit, distance) -> float:
        bank = bank.astype(np.float32)
        held_out = np.empty(len(bank))
        for fold in range(FOLDS):
            density = fit(bank[folds != fold], target[folds != fold])
            held_out[folds == fold] = [distance(density, y) for y in bank[folds == fold]]
        return (distance(fit(bank, target), x) - held_out.mean()) / held_out.std(ddof=1)

    def squared(density: Gaussian, x: np.ndarray) -> float:
        return min(d @ density.precision @ d for d in x - density.means)

    def negative_log_density(density: Mixture, x: np.ndarray) -> float:
        return density.negative_log_density(x)[0]

    def mixture(vectors, _) -> Mixture:
        return Mixture.fit(vectors, fitted.config.components, fitted.config.seed)

    banks = {view: np.stack([view_of(r, view) for r in normals]) for view in LEVELS}
    views = {view: view_of(anomaly, view) for view in LEVELS}
    d2 = [standardised(banks[view], views[view], Gaussian.fit, squared) for view in LEVELS]
    expected = {
        "gaussian": np.mean(d2),
        "largest": max(d2),
        "mixture": np.mean([standardised(banks[v], views[v], mixture, negative_log_density) for v in LEVELS]),
        "joint": standardised(
            np.concatenate(list(banks.values()), axis=1),
            np.concatenate(list(views.values())),
            Gaussian.fit,
            squared,
        ),
    }
    assert fitted.score(anomaly).scores == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("score", PooledGaussian.scores)
def test_a_single_score_is_that_of_all_scores(fitted, normals, machine_sound, score):
    """Only its density is fitted and stored, also in a copy and after adaptation."""
    single, anomaly = (
        gaussian(normals, score=score, all_scores=False),
        clip(machine_sound(50, broken=True), 50),
    )
    assert single.scores == copy.copy(single).scores == (score,)
    expected = fitted.score(anomaly, explain=True)
    evidence = single.score(anomaly, explain=True)
    assert evidence.scores == {score: pytest.approx(expected.scores[score], rel=1e-9)}
    np.testing.assert_allclose(evidence.maps[score], expected.maps[score], rtol=1e-4, atol=1e-5)
    assert set(single.arrays) < set(fitted.arrays)
    shapes = single.expected_shapes()
    assert shapes.keys() == single.arrays.keys()
    for name, shape in shapes.items():
        assert all(want in (None, got) for want, got in zip(shape, single.arrays[name].shape, strict=True))
    more = [clip(machine_sound(80 + i, 1.2), 80 + i, "target") for i in range(2)]
    adapted = single.adapted(more).score(anomaly).scores
    assert adapted == {score: pytest.approx(fitted.adapted(more).score(anomaly).scores[score], rel=1e-9)}


@pytest.mark.parametrize("settings", [{}, {"score": "joint", "all_scores": False}])
def test_fold_models_equal_refitted_ones(normals, machine_sound, settings):
    """With a fold for each recording, some of which were cut into several clips."""
    config = make_config("pooled_gaussian", settings={**SMALL, **settings})
    recordings = [*normals, *(clip(machine_sound(90), 90 + i, source_recording="cut") for i in range(3))]
    folds = folds_of(recordings, 50, config.seed)
    assert max(folds) + 1 == 21
    unseen = clip(machine_sound(50, broken=True), 50)
    _, fold_models = PooledGaussian.crossfit(config, TrainingSet(recordings, folds))
    for fold in (0, 7, folds[-1]):
        others = [r for r, of in zip(recordings, folds, strict=True) if of != fold]
        expected = PooledGaussian(config).fit(others).score(unseen).scores
        assert fold_models[fold].score(unseen).scores == pytest.approx(expected, rel=1e-9)


def test_maps_sum_to_the_score(fitted, machine_sound):
    for seed, broken in ((60, False), (61, True)):
        evidence = fitted.score(clip(machine_sound(seed, broken=broken), seed), explain=True)
        for name, map_ in evidence.maps.items():
            total = map_.astype(np.float64).mean(axis=0).sum()
            assert total == pytest.approx(evidence.scores[name], rel=1e-4, abs=1e-4), name


def test_maps_peak_at_a_beep(fitted, machine_sound):
    """A tone of 2.6 kHz in the middle of the clip."""
    samples = machine_sound(70)
    t = np.arange(RATE) / RATE
    beep = clip(samples + 0.2 * np.sin(2 * np.pi * 2600 * t) * (np.abs(t - 0.5) < 0.05), 70)
    louder = beep.log_mel(FRONT_END) - clip(samples, 70).log_mel(FRONT_END) > 10
    for name, map_ in fitted.score(beep, explain=True).maps.items():
        assert louder[np.unravel_index(map_.argmax(), map_.shape)], name


def test_adapting_equals_fitting_on_all_recordings(fitted, normals, machine_sound):
    """Including means, covariances, mixtures and standardisation."""
    more = [clip(machine_sound(80 + i, 1.2), 80 + i, "target") for i in range(5)]
    before = {name: array.copy() for name, array in fitted.arrays.items()}
    adapted = fitted.adapted(more)
    refitted = gaussian([*normals, *more])
    assert adapted.arrays.keys() == refitted.arrays.keys()
    for name, array in refitted.arrays.items():
        np.testing.assert_array_equal(adapted.arrays[name], array, err_msg=name)
    assert adapted.facts["adaptations"] == ["5 recordings added to the bank: 20 → 25"]
    assert "adaptations" not in fitted.facts
    assert all(np.array_equal(fitted.arrays[name], array) for name, array in before.items())


def test_adapting_lowers_the_scores_of_similar_recordings(fitted, machine_sound):
    quiet = [clip(0.2 * machine_sound(200 + i), 200 + i, "target") for i in range(6)]
    before = fitted.score(quiet[5]).scores
    after = fitted.adapted(quiet[:5]).score(quiet[5]).scores
    assert all(after[name] < before[name] / 4 for name in fitted.scores)


@pytest.mark.parametrize("segments", [20, 19], ids=["of one recording", "all but one of one recording"])
def test_segments_of_one_recording_are_split_if_there_is_hardly_anything_else(machine_sound, segments):
    recordings = [
        clip(machine_sound(i), i, source_recording="first" if i < segments else "second") for i in range(20)
    ]
    detector = gaussian(recordings)
    scores = detector.score(clip(machine_sound(99), 99)).scores
    assert all(abs(value) < 5 for value in scores.values())


def test_one_component_and_few_views(normals, machine_sound):
    detector = gaussian(normals, components=1, views="max,std")
    np.testing.assert_allclose(detector.arrays["mixture_weights"], 1)
    scores = detector.score(clip(machine_sound(98, broken=True), 98)).scores
    assert all(value > 5 for value in scores.values())


def test_too_few_recordings_and_invalid_options_are_rejected(normals):
    with pytest.raises(FitError, match="cannot estimate a variance from 3 recordings; at least 4"):
        gaussian(normals[:3])
    with pytest.raises(OptionError, match="components must be between 1 and 16, got 0"):
        make_config("pooled_gaussian", settings={"components": 0})

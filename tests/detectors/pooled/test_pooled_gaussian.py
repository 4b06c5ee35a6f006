"""Densities on pooled views: the sums by hand, adapting, maps that point."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip, folds_of
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


def clip(sound, seed: int, domain: str | None = "source", **known) -> AudioClip:
    waveform = Waveform(sound, RATE)
    return AudioClip(Clip(f"{seed}.wav", domain=domain, **known), lambda: waveform)


@pytest.fixture(scope="module")
def normals(machine_sound) -> list[AudioClip]:
    """Sixteen of the source domain and four of the target domain."""
    return [clip(machine_sound(seed), seed, "source" if seed < 16 else "target") for seed in range(20)]


def gaussian(normals, **settings) -> PooledGaussian:
    return PooledGaussian(make_config("pooled_gaussian", settings={**SMALL, **settings})).fit(normals)


@pytest.fixture(scope="module")
def fitted(normals) -> PooledGaussian:
    return gaussian(normals)


def view_of(recording: AudioClip, view: str) -> np.ndarray:
    return pooled_view(recording.log_mel(FRONT_END), view)


def test_the_scores_by_hand(fitted, normals, machine_sound):
    """Each distance by a density of all, standardised by those of the four other fifths."""
    heard = clip(machine_sound(50, broken=True), 50)
    target = np.array([r.clip.domain == "target" for r in normals])
    folds = np.array(folds_of(normals, FOLDS, fitted.config.seed))

    def standardised(bank, x, fit, distance) -> float:
        bank = bank.astype(np.float32)
        normal = np.empty(len(bank))
        for fold in range(FOLDS):
            density = fit(bank[folds != fold], target[folds != fold])
            normal[folds == fold] = [distance(density, y) for y in bank[folds == fold]]
        return (distance(fit(bank, target), x) - normal.mean()) / normal.std(ddof=1)

    def squared(density: Gaussian, x: np.ndarray) -> float:
        away = x - density.means
        return min(d @ density.precision @ d for d in away)

    def surprise(density: Mixture, x: np.ndarray) -> float:
        return density.surprise(x)[0]

    def mixture(vectors, _) -> Mixture:
        return Mixture.fit(vectors, fitted.config.components, fitted.config.seed)

    banks = {view: np.stack([view_of(r, view) for r in normals]) for view in LEVELS}
    one = {view: view_of(heard, view) for view in LEVELS}
    d2 = [standardised(banks[view], one[view], Gaussian.fit, squared) for view in LEVELS]
    expected = {
        "gaussian": np.mean(d2),
        "largest": max(d2),
        "mixture": np.mean([standardised(banks[v], one[v], mixture, surprise) for v in LEVELS]),
        "joint": standardised(
            np.concatenate(list(banks.values()), axis=1),
            np.concatenate(list(one.values())),
            Gaussian.fit,
            squared,
        ),
    }
    assert fitted.score(heard).scores == pytest.approx(expected, rel=1e-6)


def test_maps_sum_to_the_score(fitted, machine_sound):
    for seed, broken in ((60, False), (61, True)):
        evidence = fitted.score(clip(machine_sound(seed, broken=broken), seed), explain=True)
        for name, map_ in evidence.maps.items():
            total = map_.astype(np.float64).mean(axis=0).sum()
            assert total == pytest.approx(evidence.scores[name], rel=1e-4, abs=1e-4), name


def test_maps_point_at_a_beep(fitted, machine_sound):
    """A tone of 2.6 kHz in the middle of the clip."""
    samples = machine_sound(70)
    t = np.arange(RATE) / RATE
    beep = clip(samples + 0.2 * np.sin(2 * np.pi * 2600 * t) * (np.abs(t - 0.5) < 0.05), 70)
    louder = beep.log_mel(FRONT_END) - clip(samples, 70).log_mel(FRONT_END) > 10
    for name, map_ in fitted.score(beep, explain=True).maps.items():
        assert louder[np.unravel_index(map_.argmax(), map_.shape)], name


def test_adapting_is_fitting_on_all(fitted, normals, machine_sound):
    """Means, covariances, mixtures and standards."""
    more = [clip(machine_sound(80 + i, 1.2), 80 + i, "target") for i in range(5)]
    kept = {name: array.copy() for name, array in fitted.arrays.items()}
    adapted = fitted.adapted(more)
    refitted = gaussian([*normals, *more])
    assert adapted.arrays.keys() == refitted.arrays.keys()
    for name, array in refitted.arrays.items():
        np.testing.assert_array_equal(adapted.arrays[name], array, err_msg=name)
    assert adapted.facts["adaptations"] == ["5 target clips added to the bank: 16 + 4 → 16 + 9"]
    assert "adaptations" not in fitted.facts
    assert all(np.array_equal(fitted.arrays[name], array) for name, array in kept.items())


def test_adapting_makes_the_new_normal(fitted, machine_sound):
    quiet = [clip(0.2 * machine_sound(200 + i), 200 + i, "target") for i in range(6)]
    before = fitted.score(quiet[5]).scores
    after = fitted.adapted(quiet[:5]).score(quiet[5]).scores
    assert all(after[name] < before[name] / 4 for name in fitted.scores)


@pytest.mark.parametrize("cuts", [20, 19], ids=["of one recording", "all but one of one recording"])
def test_cuts_of_one_recording_are_parted_where_there_is_nothing_else(machine_sound, cuts):
    recordings = [
        clip(machine_sound(i), i, source_recording="whole" if i < cuts else "another") for i in range(20)
    ]
    detector = gaussian(recordings)
    scores = detector.score(clip(machine_sound(99), 99)).scores
    assert all(abs(value) < 5 for value in scores.values())


def test_one_component_and_few_views(normals, machine_sound):
    detector = gaussian(normals, components=1, views="max,std")
    np.testing.assert_allclose(detector.arrays["mixture_weights"], 1)
    scores = detector.score(clip(machine_sound(98, broken=True), 98)).scores
    assert all(value > 5 for value in scores.values())


def test_what_it_refuses(normals):
    with pytest.raises(FitError, match="at least 4"):
        gaussian(normals[:3])
    with pytest.raises(OptionError, match="components"):
        make_config("pooled_gaussian", settings={"components": 0})

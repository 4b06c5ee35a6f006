"""Nearest normal clips by view and group: the score recomputed step by step, adaptation and maps."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip, folds_of
from auscult.detectors.crossfit import TrainingSet
from auscult.detectors.options import make_config
from auscult.detectors.pooled.spectral_memory import SpectralMemory
from auscult.detectors.statistics.neighbours import Neighbours
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
    """Twelve clips of the source domain and three of the target domain."""
    return [clip(machine_sound(seed), seed, "source" if seed < 12 else "target") for seed in range(15)]


def memory(normals, **settings) -> SpectralMemory:
    return SpectralMemory(make_config("spectral_memory", settings={**SMALL, **settings})).fit(normals)


def z(values: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    return (values - held_out.mean(axis=0)) / held_out.std(axis=0, ddof=1)


@pytest.mark.parametrize("settings", [{}, {"k_source": 3}, {"score": "density", "all_scores": False}])
def test_fold_models_equal_refitted_ones(normals, machine_sound, settings):
    """With a fold for each recording, some of which were cut into several clips."""
    config = make_config("spectral_memory", settings={**SMALL, **settings})
    recordings = [*normals, *(clip(machine_sound(90), 90 + i, source_recording="cut") for i in range(3))]
    folds = folds_of(recordings, 50, config.seed)
    assert max(folds) + 1 == 16
    unseen = clip(machine_sound(50, broken=True), 50)
    _, fold_models = SpectralMemory.crossfit(config, TrainingSet(recordings, folds))
    for fold, fold_model in enumerate(fold_models):
        others = [r for r, of in zip(recordings, folds, strict=True) if of != fold]
        expected = SpectralMemory(config).fit(others).score(unseen, explain=True)
        evidence = fold_model.score(unseen, explain=True)
        assert evidence.scores == pytest.approx(expected.scores, rel=1e-6)
        for name, map in evidence.maps.items():
            np.testing.assert_allclose(map, expected.maps[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("score", SpectralMemory.scores)
def test_a_single_score_is_that_of_all_scores(normals, machine_sound, score):
    anomaly = clip(machine_sound(50, broken=True), 50)
    single, expected = memory(normals, score=score, all_scores=False), memory(normals).score(anomaly)
    assert single.scores == copy.copy(single).scores == (score,)
    assert single.score(anomaly).scores == {score: pytest.approx(expected.scores[score], rel=1e-9)}
    shapes = single.expected_shapes()
    assert shapes.keys() == single.arrays.keys()
    for name, shape in shapes.items():
        assert all(want in (None, got) for want, got in zip(shape, single.arrays[name].shape, strict=True))


@pytest.mark.parametrize("over", ["max", "mean"])
def test_the_score_recomputed_step_by_step(normals, machine_sound, over):
    """For two views and three groups, with leave-one-out scores from a bank of all other clips."""
    views, bands = ("max", "std"), [(0, 5), (5, 10), (10, 16)]
    detector = memory(normals, groups=3, over_groups=over, views=",".join(views))
    anomaly = clip(machine_sound(50, broken=True), 50)
    target = np.array([r.clip.domain == "target" for r in normals])
    by_view = []
    for view in views:
        bank = np.stack([pooled_view(r.log_mel(FRONT_END), view) for r in normals]).astype(np.float32)
        x = pooled_view(anomaly.log_mel(FRONT_END), view)
        raw, left_out = np.empty(3), np.empty((len(normals), 3))
        for g, (low, high) in enumerate(bands):
            raw[g] = Neighbours.fit(bank[:, low:high], target).scores(x[low:high])["domain"]
            for i in range(len(normals)):
                rest = np.arange(len(normals)) != i
                rest_bank = Neighbours.fit(bank[rest, low:high], target[rest])
                left_out[i, g] = rest_bank.scores(bank[i, low:high])["domain"]
        combine = getattr(np, over)
        by_view.append(z(combine(z(raw, left_out)), combine(z(left_out, left_out), axis=1)))
    assert detector.score(anomaly).scores["domain"] == pytest.approx(np.mean(by_view), rel=1e-5)


def test_groups_of_different_widths(normals, machine_sound):
    """Groups are computed together by width, of which there are two here, and each once."""
    detector = memory(normals, groups=5)
    together = [
        (g, tuple(b))
        for groups, bands in detector._groups_of_equal_width()
        for g, b in zip(groups, bands, strict=True)
    ]
    edges = detector.config.edges
    assert sorted(together) == [(g, tuple(range(edges[g], edges[g + 1]))) for g in range(5)]
    anomaly = clip(machine_sound(50, broken=True), 50)
    raw, nearest = detector._group_scores(detector.view(anomaly))
    arrays, target = detector.arrays, detector.bank.target
    for v, g in ((0, 0), (2, 3), (1, 4)):
        bands = slice(edges[g], edges[g + 1])
        alone = Neighbours(
            arrays["bank"][:, v, bands],
            target,
            arrays["density"][v, g],
            arrays["alpha"][v, g],
            arrays["scale"][v, g],
        )
        expected = alone.scores_and_nearest(detector.view(anomaly)[v, bands])
        assert [*zip(raw[v, g], nearest[v, g], strict=True)] == [expected[name] for name in detector.scores]


@pytest.mark.parametrize("over", ["max", "mean"])
def test_maps_sum_to_the_score_plus_a_constant(normals, machine_sound, over):
    detector = memory(normals, over_groups=over)
    mean, sd = detector.arrays["by_view"]
    for seed, broken in ((60, False), (61, True)):
        evidence = detector.score(clip(machine_sound(seed, broken=broken), seed), explain=True)
        for i, name in enumerate(detector.scores):
            total = evidence.maps[name].astype(np.float64).mean(axis=0).sum()
            constant = np.mean(mean[:, i] / sd[:, i])
            assert total == pytest.approx(evidence.scores[name] + constant, rel=1e-5), name


def test_maps_peak_at_a_beep(normals, machine_sound):
    """A tone of 2.6 kHz in the middle of the clip."""
    detector = memory(normals)
    samples = machine_sound(70)
    t = np.arange(RATE) / RATE
    beep = clip(samples + 0.2 * np.sin(2 * np.pi * 2600 * t) * (np.abs(t - 0.5) < 0.05), 70)
    before = clip(samples, 70).log_mel(FRONT_END)
    louder = beep.log_mel(FRONT_END) - before > 10
    for name, map_ in detector.score(beep, explain=True).maps.items():
        assert louder[np.unravel_index(map_.argmax(), map_.shape)], name


def test_adapting_equals_fitting_on_all_recordings(normals, machine_sound):
    detector = memory(normals)
    more = [clip(machine_sound(80 + i, 1.2), 80 + i, "target") for i in range(3)] + [
        clip(machine_sound(90), 90)
    ]
    before = {name: array.copy() for name, array in detector.arrays.items()}
    adapted = detector.adapted(more)
    refitted = memory([*normals, *more])
    assert adapted.arrays.keys() == refitted.arrays.keys()
    for name, array in refitted.arrays.items():
        np.testing.assert_array_equal(adapted.arrays[name], array, err_msg=name)
    assert adapted.facts["adaptations"] == ["4 recordings added to the bank: 15 → 19"]
    again = adapted.adapted([clip(machine_sound(91), 91, None)])
    assert again.facts["adaptations"][1:] == ["1 recording added to the bank: 19 → 20"]
    assert "adaptations" not in detector.facts
    assert all(np.array_equal(detector.arrays[name], array) for name, array in before.items())
    with pytest.raises(FitError, match="no recordings"):
        detector.adapted([])


def test_adapting_lowers_the_scores_of_similar_recordings(normals, machine_sound):
    """A quieter machine is anomalous until recordings of it are added."""
    detector = memory(normals)
    quiet = [clip(0.2 * machine_sound(200 + i), 200 + i, "target") for i in range(6)]
    before = detector.score(quiet[5]).scores["domain"]
    assert detector.adapted(quiet[:5]).score(quiet[5]).scores["domain"] < before / 4


def test_segments_of_one_recording_are_not_neighbours(machine_sound):
    """Every clip twice: with and without the information that both are cut from one recording."""

    def duplicated(source_recording) -> list[AudioClip]:
        return [clip(machine_sound(i // 2), i, source_recording=source_recording(i)) for i in range(16)]

    grouped, ungrouped = memory(duplicated(lambda i: str(i // 2))), memory(duplicated(lambda i: None))
    assert np.all(grouped.arrays["density"] > 1e-3)
    assert np.all(ungrouped.arrays["density"] < 1e-3)


def test_the_bank_stores_vectors_and_domains(normals):
    detector = memory(normals)
    assert [c.domain for c in detector.bank.clips] == [r.clip.domain for r in normals]
    assert detector.arrays["bank"].dtype == np.float32
    assert detector.arrays["bank"].shape == (15, len(LEVELS), 16)


def test_there_are_no_more_groups_than_bands(normals, machine_sound):
    each, more = memory(normals, groups=16), memory(normals, groups=100)
    assert more.config.edges == list(range(17))
    anomaly = clip(machine_sound(50, broken=True), 50)
    assert more.score(anomaly).scores == each.score(anomaly).scores


@pytest.mark.parametrize(
    ("option", "value"),
    [("groups", 0), ("over_groups", "min"), ("k_source", 0), ("k_target", -1)],
)
def test_options_out_of_range(option, value):
    with pytest.raises(OptionError, match=option):
        make_config("spectral_memory", settings={**SMALL, option: value})

"""Residuals of principal subspaces: compared with scikit-learn, fits from statistics, maps and export."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from auscult.corpus import AudioClip, Clip
from auscult.detectors.crossfit import TrainingSet
from auscult.detectors.options import make_config
from auscult.detectors.reconstruction.subspace_residual import SubspaceResidual
from auscult.detectors.reconstruction.subspaces import RANKS, Subspaces
from auscult.errors import FitError, OptionError, TooShortAudio
from auscult.sound import Waveform
from auscult.spectrum import context_windows

RATE = 8000
SMALL = {"sample_rate": RATE, "n_fft": 512, "hop": 256, "n_mels": 16}
WIDTH = 5 * 16


def clip(sound, seed: int, domain: str | None = "source") -> AudioClip:
    waveform = Waveform(sound, RATE)
    return AudioClip(Clip(f"{seed}.wav", domain=domain), lambda: waveform)


@pytest.fixture(scope="module")
def source(machine_sound) -> list[AudioClip]:
    return [clip(machine_sound(seed), seed) for seed in range(12)]


@pytest.fixture(scope="module")
def normals(source, machine_sound) -> list[AudioClip]:
    """Twelve clips of the source domain and three of the target domain, which is louder."""
    return [*source, *(clip(3 * machine_sound(seed), seed, "target") for seed in range(12, 15))]


@pytest.fixture(scope="module")
def unseen(machine_sound) -> list[AudioClip]:
    return [clip(machine_sound(50 + i, 0.6 + 0.2 * i, broken=i == 2), 50 + i, None) for i in range(3)]


def detector(**settings) -> SubspaceResidual:
    return SubspaceResidual(make_config("subspace_residual", settings={**SMALL, **settings}))


@pytest.fixture(scope="module")
def fitted(normals) -> SubspaceResidual:
    return detector().fit(normals)


def windows_of(recording: AudioClip) -> np.ndarray:
    frames = recording.log_mel(detector().config.front_end)
    return context_windows(frames.astype(np.float64), 5)


def scores_of(fitted: SubspaceResidual, recordings) -> np.ndarray:
    return np.array([list(fitted.score(r).scores.values()) for r in recordings])


def assert_same(one: SubspaceResidual, other: SubspaceResidual, recordings, rtol: float = 1e-8) -> None:
    np.testing.assert_allclose(scores_of(one, recordings), scores_of(other, recordings), rtol=rtol)


def pca_residuals(pca: PCA, recording: AudioClip) -> np.ndarray:
    """(V, D) residuals of the windows of a recording by scikit-learn."""
    windows = windows_of(recording)
    return windows - pca.inverse_transform(pca.transform(windows))


def test_residuals_by_rank_are_those_of_scikit_learn(source, unseen):
    fitted, training = detector().fit(source), np.concatenate([windows_of(r) for r in source])
    for rank in RANKS:
        # 40 of 80 dimensions at most: the subspace of rank 64 has rank 40.
        pca = PCA(min(rank, WIDTH // 2), svd_solver="full").fit(training) if rank else None
        for recording in unseen:
            left = pca_residuals(pca, recording) if pca else windows_of(recording) - training.mean(axis=0)
            expected = np.mean(left**2)
            assert fitted.score(recording).scores[f"residual_{rank}"] == pytest.approx(expected, rel=1e-10)


def test_combined_scores_follow_from_the_residuals_of_scikit_learn(source, unseen):
    fitted, training = detector(ranks="2, 8").fit(source), np.concatenate([windows_of(r) for r in source])
    dimensions, ratios, decibels = [], [], []
    for rank in (2, 8):
        pca = PCA(rank, svd_solver="full").fit(training)
        left = np.linalg.eigvalsh(np.cov(training.T, bias=True))[: WIDTH - rank]
        dimensions.append(left.sum() ** 2 / np.sum(left**2))
        normal = np.mean([np.mean(pca_residuals(pca, r) ** 2, axis=0) for r in source], axis=0)
        new = np.mean(pca_residuals(pca, unseen[2]) ** 2, axis=0)
        ratios.append(new.mean() / normal.mean())
        by_band = new.reshape(5, 16).mean(axis=0) / normal.reshape(5, 16).mean(axis=0)
        decibels.append(10 * np.log10(by_band).mean())
    scores = fitted.score(unseen[2]).scores
    assert scores["residual"] == pytest.approx(np.average(ratios, weights=dimensions), rel=1e-8)
    assert scores["weighted"] == pytest.approx(np.average(decibels, weights=dimensions), rel=1e-8)


def test_normal_windows_have_a_residual_of_one(source):
    """On average over the clips that it was fitted on, which are equally long."""
    scores = [detector().fit(source).score(r).scores["residual"] for r in source]
    assert np.mean(scores) == pytest.approx(1, rel=1e-9)


def test_weights_are_inverse_variances_of_gaussian_residuals():
    """ν of independent variances: simulated mean squares have the relative variance 2 / (n ν)."""
    rng, variances = np.random.default_rng(0), np.repeat([9.0, 1.0, 0.2], [4, 10, 66])
    subspaces = Subspaces.fit(np.zeros(WIDTH), np.diag(variances), 10_000)
    x = rng.standard_normal((20_000, WIDTH)) * np.sqrt(variances)
    for rank, dimensions in zip(RANKS[:5], subspaces.dimensions[:5], strict=True):
        squares = np.sum(x[:, rank:] ** 2, axis=1)  # the axes are sorted by variance
        assert 2 * squares.mean() ** 2 / squares.var() == pytest.approx(dimensions, rel=0.05)


@pytest.mark.parametrize("count", [3, 15])
def test_fold_models_are_those_of_a_fit_without_the_fold(normals, unseen, count):
    folds = [i % count for i in range(len(normals))]
    final, fold_models = SubspaceResidual.crossfit(detector().config, TrainingSet(normals, folds))
    assert_same(final, detector().fit(normals), unseen)
    for fold, model in enumerate(fold_models):
        without = detector().fit([r for r, k in zip(normals, folds, strict=True) if k != fold])
        assert_same(model, without, unseen)


def test_every_recording_is_read_once_by_crossfit(normals, monkeypatch):
    calls = []
    original = AudioClip.log_mel
    monkeypatch.setattr(AudioClip, "log_mel", lambda self, fe: calls.append(self) or original(self, fe))
    SubspaceResidual.crossfit(detector().config, TrainingSet(normals, range(len(normals))))
    assert len(calls) == len(normals)


def test_adapting_is_fitting_on_all_recordings(source, normals, unseen):
    adapted = detector().fit(source).adapted(normals[12:14]).adapted(normals[14:])
    assert_same(adapted, detector().fit(normals), unseen)
    assert adapted.facts["adaptations"] == [
        "statistics of 2 recordings added",
        "statistics of 1 recording added",
    ]


def test_refitting_in_folds_is_crossfitting(fitted, source, unseen):
    folds = [i % 4 for i in range(len(source))]
    refitted, refitted_folds = fitted.cross_refitted(TrainingSet(source, folds))
    expected, fold_models = SubspaceResidual.crossfit(fitted.config, TrainingSet(source, folds))
    assert_same(refitted, expected, unseen, rtol=1e-12)
    for one, other in zip(refitted_folds, fold_models, strict=True):
        assert_same(one, other, unseen, rtol=1e-12)


def test_a_second_domain_is_normal_too(source, normals, machine_sound):
    """Three clips of it among fifteen suffice, since the difference of the means is a direction."""
    louder = clip(3 * machine_sound(90), 90)
    before, after = detector().fit(source).score(louder), detector().fit(normals).score(louder)
    assert after.scores["residual_1"] < before.scores["residual_1"] / 2


@pytest.mark.parametrize("score", ["weighted", "residual", "residual_16", "residual_32"])
def test_a_single_score_is_that_of_all_scores(fitted, normals, unseen, score):
    single = detector(score=score, all_scores=False).fit(normals).score(unseen[1], explain=True)
    expected = fitted.score(unseen[1], explain=True)
    assert single.scores == {score: pytest.approx(expected.scores[score], rel=1e-9)}
    assert single.maps.keys() == {score}
    np.testing.assert_allclose(single.maps[score], expected.maps[score], rtol=1e-5)


@pytest.mark.parametrize("name", ["weighted", "residual", "residual_0", "residual_64"])
def test_maps_average_to_the_score(fitted, unseen, name):
    """Exactly so for the windows; at the ends of a clip frames have fewer of them."""
    evidence = fitted.score(unseen[2], explain=True)
    map_ = evidence.maps[name].astype(np.float64)
    weights = np.minimum(np.minimum(np.arange(len(map_)) + 1, 5), np.arange(len(map_))[::-1] + 1)
    assert np.average(map_, axis=0, weights=weights).sum() == pytest.approx(evidence.scores[name], rel=1e-5)


def test_the_map_of_a_rank_is_the_squared_residual(source, unseen):
    pca = PCA(4, svd_solver="full").fit(np.concatenate([windows_of(r) for r in source]))
    squares = pca_residuals(pca, unseen[0]).reshape(-1, 5, 16) ** 2
    map_ = detector().fit(source).score(unseen[0], explain=True).maps["residual_4"]
    middle = np.mean([squares[10 - i, i] for i in range(5)], axis=0)  # of the windows that contain frame 10
    np.testing.assert_allclose(map_[10], middle / 16, rtol=1e-4)


def test_the_maximum_of_a_map_is_in_the_altered_bins(fitted, machine_sound):
    frames = clip(machine_sound(70), 70).log_mel(fitted.config.front_end).copy()
    frames[12:15, 6] += 20
    altered = clip(machine_sound(70), 71)
    altered._log_mels[fitted.config.front_end] = frames
    for name in ("weighted", "residual"):
        map_ = fitted.score(altered, explain=True).maps[name]
        frame, band = np.unravel_index(map_.argmax(), map_.shape)
        assert 12 <= frame < 15
        assert band == 6


def test_few_windows_have_fewer_axes(machine_sound):
    single = clip(machine_sound(0, 0.5), 0)
    fitted = detector().fit([single])
    assert len(fitted.arrays["axes"]) == (len(windows_of(single)) - 1) // 2
    scores = fitted.score(single).scores
    assert scores["residual_64"] == scores["residual_8"]


def test_too_few_windows(machine_sound):
    short = clip(machine_sound(0)[: 3 * 256], 0)
    with pytest.raises(FitError, match="hold 0 windows of 5 frames; at least 2"):
        detector().fit([short])
    with pytest.raises(TooShortAudio, match=r"shorter than the 0\.128 s"):
        detector().fit([clip(machine_sound(0), 0)]).score(short)


@pytest.mark.parametrize("ranks", ["", "3", "4,4", "4,,8", "4;8", "-1", "128"])
def test_unknown_ranks_are_refused(ranks):
    with pytest.raises(OptionError, match="use some of 0,1,2,4,8,16,32,64, each at most once"):
        detector(ranks=ranks)


def test_context_is_positive():
    with pytest.raises(OptionError, match="context must be at least 1"):
        replace(detector().config, context=0)


def test_a_single_rank_gives_a_multiple_of_the_residual(normals, unseen):
    fitted = detector(ranks="16").fit(normals)
    scores = [fitted.score(r).scores for r in (*normals, *unseen)]
    ratios = [s["residual"] / s["residual_16"] for s in scores]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-6)

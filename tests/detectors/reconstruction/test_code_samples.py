"""Scores from samples of the latent code: pure functions, and consistent in everything that uses a score."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from auscult.api.export import export
from auscult.corpus import AudioClip, Clip
from auscult.detectors.base import Evidence
from auscult.detectors.crossfit import TrainingSet, crossfit
from auscult.detectors.options import make_config
from auscult.detectors.reconstruction.code_samples import (
    draw_codes,
    fitting_numbers,
    mean_evidence,
    scoring_numbers,
)
from auscult.detectors.reconstruction.gamma_vae import GammaVAE
from auscult.errors import OptionError
from auscult.model import Model
from auscult.model.model_file import load_model
from auscult.sound import Waveform

SMALL = {"sample_rate": 8000, "n_mels": 8, "n_fft": 512, "hop": 256, "context": 2, "hidden": 8, "latents": 4}
RESIDUAL_SCORES = ("mse", "mahalanobis", "mahalanobis_frames", "residual_gaussian")


@cache
def clips(count: int, seed: int) -> tuple[AudioClip, ...]:
    """Noise whose level alternates, so that the code carries information about the frame."""
    rng = np.random.default_rng(seed)
    envelope = np.repeat(np.tile([1.0, 0.05], 10), 400)
    waves = [
        Waveform((0.3 * envelope * rng.standard_normal(8000)).astype(np.float32), 8000) for _ in range(count)
    ]
    domains = ["source", "source", "source", "target"]
    return tuple(
        AudioClip(Clip(f"{seed} {i}.wav", domain=domains[i % 4]), lambda wave=wave: wave)
        for i, wave in enumerate(waves)
    )


@cache
def fitted(preset: str | None = None, **settings) -> GammaVAE:
    options = {**SMALL, "epochs": 8, "batch_size": 16, "learning_rate": 1e-2, "device": "cpu", **settings}
    return GammaVAE(make_config("gamma_vae", preset=preset, settings=options)).fit(clips(12, 0))


def scoring(number: int) -> GammaVAE:
    """The detector that scores one sample, changed to score several: nothing that is fitted depends on it."""
    detector = GammaVAE(replace(fitted(scoring="sample").config, scoring=str(number)))
    detector.arrays, detector.facts = fitted(scoring="sample").arrays, fitted(scoring="sample").facts
    return detector


@pytest.mark.parametrize(
    ("sampler", "distribution"),
    [
        ("implicit", stats.gamma),
        ("boosted_uncorrected", lambda shape, scale: stats.gamma(shape + 8, scale=scale)),
        ("weibull", stats.weibull_min),
    ],
)
def test_codes_follow_the_distribution_of_the_sampler(sampler, distribution):
    shape = np.tile(np.array([0.6, 1.5, 4.0], np.float32), (20_000, 1))
    scale = np.tile(np.array([0.5, 2.0, 1.0], np.float32), (20_000, 1))
    codes = draw_codes(sampler, shape, scale, scoring_numbers(0))
    assert codes.dtype == np.float32
    for column in range(3):
        expected = distribution(float(shape[0, column]), scale=float(scale[0, column]))
        assert stats.kstest(codes[:, column], expected.cdf).pvalue > 0.01
    assert np.corrcoef(codes.T)[0, 1] == pytest.approx(0, abs=0.03)


def test_codes_are_finite_and_positive_at_the_limits():
    shape = np.array([[0.0, 1e-6, 1e-3, 1e4]], np.float32)
    codes = draw_codes("implicit", shape, np.ones_like(shape), scoring_numbers(0))
    assert np.all(np.isfinite(codes))
    assert np.all(codes >= np.float32(1e-6))


def test_numbers_depend_on_seed_and_purpose_alone():
    first = scoring_numbers(5).random(4)
    np.testing.assert_array_equal(scoring_numbers(5).random(4), first)
    assert not np.any(scoring_numbers(6).random(4) == first)
    assert not np.any(fitting_numbers(5).random(4) == first)
    # A change here would change the scores of every model in use.
    np.testing.assert_allclose(
        first, [0.7742041803738812, 0.47072268318809307, 0.6958803443421149, 0.8165376458429717], rtol=1e-12
    )


def test_a_code_is_a_continuous_function_of_the_posterior():
    shape = np.random.default_rng(0).uniform(0.05, 3, (200, 4)).astype(np.float32)
    codes = draw_codes("implicit", shape, np.ones_like(shape), scoring_numbers(0))
    nearby = draw_codes("implicit", shape * np.float32(1 + 1e-6), np.ones_like(shape), scoring_numbers(0))
    np.testing.assert_allclose(nearby, codes, rtol=2e-3)


@pytest.mark.parametrize("number", [1, 3])
def test_scores_from_samples_are_a_pure_function(number, tmp_path):
    detector = fitted("public_code") if number == 1 else scoring(number)
    forwards = [detector.score(clip).scores for clip in clips(4, 1)]
    backwards = [detector.score(clip).scores for clip in reversed(clips(4, 1))][::-1]
    assert forwards == backwards
    assert copy.copy(detector).score(clips(4, 1)[2]).scores == forwards[2]
    Model(detector).save(tmp_path / "model.auscult")
    loaded = load_model(tmp_path / "model.auscult").detector
    assert [loaded.score(clip).scores for clip in clips(4, 1)] == forwards


def test_the_score_is_that_of_the_decoded_sample():
    """Against the definition, with the network of the training and the mean over the samples of a clip."""
    detector, clip = scoring(3), clips(4, 1)[0]
    windows = detector.windows(clip)
    outputs = detector.run(windows)
    assert set(outputs) == {"shape", "scale"}
    uniform = scoring_numbers(detector.config.seed).random((3, len(windows), 4))
    samples = [
        detector.run_network(
            {"x": (outputs["scale"] * stats.gamma.ppf(u, outputs["shape"])).clip(1e-6).astype(np.float32)},
            "decoder",
        )
        for u in uniform
    ]
    residual, _ = detector.scorers
    single = [residual.evidence(windows, sample, explain=True) for sample in samples]
    evidence = detector.score(clip, explain=True)
    for name in RESIDUAL_SCORES:
        assert len({e.scores[name] for e in single}) == 3
        assert evidence.scores[name] == pytest.approx(np.mean([e.scores[name] for e in single]), rel=1e-4)
        expected = np.mean([e.maps[name] for e in single], axis=0)
        assert evidence.maps[name].dtype == np.float32
        np.testing.assert_allclose(
            evidence.maps[name], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max()
        )


def test_training_is_the_same_and_only_the_residual_differs():
    """``scoring`` does not change the network, nor the score ``latent``, which is of the posterior itself."""
    by_mean, by_sample = fitted(), fitted(scoring="sample")
    assert by_mean.facts["history"] == by_sample.facts["history"]
    assert set(by_sample.arrays) == {*by_mean.arrays, "decoder"}
    for name in ("precision_source", "precision_target", "residual_means"):
        assert not np.allclose(by_mean.arrays[name], by_sample.arrays[name]), f"{name} is of samples"
    clip = clips(4, 1)[0]
    mean, sample = by_mean.score(clip).scores, by_sample.score(clip).scores
    assert mean["latent"] == pytest.approx(sample["latent"], rel=1e-6)
    assert all(mean[name] != pytest.approx(sample[name], rel=1e-6) for name in RESIDUAL_SCORES)
    np.testing.assert_allclose(by_mean.codes(clip), by_sample.codes(clip), rtol=1e-6)


def test_many_samples_approach_the_expected_error():
    def errors(number: int) -> np.ndarray:
        return np.array([scoring(number).score(clip).scores["mse"] for clip in clips(4, 1)])

    expected = errors(200)
    from_one, from_five = (np.abs(errors(number) - expected).mean() for number in (1, 5))
    assert 0 < from_five < from_one


def test_adapting_and_refitting_use_samples():
    detector = fitted(scoring="sample")
    adapted = detector.adapted(clips(4, 1))
    assert adapted.arrays["decoder"] is detector.arrays["decoder"]
    assert adapted.facts["covariance_target"]["vectors"] > detector.facts["covariance_target"]["vectors"]
    assert adapted.score(clips(4, 2)[0]).scores == detector.adapted(clips(4, 1)).score(clips(4, 2)[0]).scores
    refitted = detector.refitted(clips(12, 0))
    assert refitted.facts["covariance_source"]["vectors"] > 0
    by_mean = fitted().refitted(clips(12, 0))
    assert not np.allclose(refitted.arrays["precision_source"], by_mean.arrays["precision_source"])
    final, folds = crossfit(GammaVAE, detector.config, TrainingSet(clips(12, 0), [i % 2 for i in range(12)]))
    assert len({f.score(clips(4, 1)[0]).scores["mse"] for f in (final, *folds)}) == 3


def test_a_model_that_scores_samples_cannot_be_exported(tmp_path):
    with pytest.raises(OptionError, match=r"scoring=sample cannot be .*random codes.*scoring=mean"):
        export(Model(fitted("public_code")), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
    assert export(Model(fitted()), tmp_path / "model.onnx").score < 1e-4


@pytest.mark.parametrize("value", ["median", "0", "-1", "2.5", "1001", ""])
def test_wrong_values_of_scoring_are_named(value):
    with pytest.raises(OptionError, match="scoring="):
        make_config("gamma_vae", settings={"scoring": value})


def test_a_sampler_without_samples_cannot_score_them():
    with pytest.raises(OptionError, match=r"sampler=mean draws no samples, so scoring=5"):
        make_config("gamma_vae", settings={"sampler": "mean", "scoring": 5})


def test_the_mean_of_evidence():
    first = Evidence({"a": 1.0}, {"a": np.zeros((2, 3), np.float32)})
    second = Evidence({"a": 2.0}, {"a": np.ones((2, 3), np.float32)})
    mean = mean_evidence([first, second])
    assert mean.scores == {"a": 1.5}
    np.testing.assert_array_equal(mean.maps["a"], np.full((2, 3), 0.5, np.float32))
    assert mean_evidence([second]).scores == second.scores
    assert mean_evidence(e for e in [Evidence({"a": 3.0})]).maps == {}

"""Detectors that reconstruct windows: residual covariances, densities of pooled vectors, adaptation."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from auscult.corpus import AudioClip, Clip
from auscult.detectors import detector_type
from auscult.detectors.options import make_config
from auscult.detectors.reconstruction.network_detector import NetworkDetector
from auscult.detectors.reconstruction.residuals import Residual
from auscult.detectors.statistics.densities import Gaussian
from auscult.errors import FitError, TooShortAudio
from auscult.sound import Waveform

SMALL = {"sample_rate": 8000, "n_mels": 8, "n_fft": 512, "hop": 256, "hidden": 8, "epochs": 2}


def autoencoder(**settings: object) -> NetworkDetector:
    return detector_type("autoencoder")(make_config("autoencoder", settings={**SMALL, **settings}))


def recording(seconds: float, seed: int = 0, domain: str | None = None) -> AudioClip:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * 8000)).astype(np.float32)
    return AudioClip(Clip(f"{seed}.wav", domain=domain), lambda: Waveform(0.1 * noise, 8000))


def residual_of(detector: NetworkDetector, clip: AudioClip) -> np.ndarray:
    windows = detector.windows(clip)
    return detector.run(windows)["rebuilt"] - windows


@pytest.fixture(scope="module")
def fitted():
    """A fleet of two: the second has clips of two domains."""
    detectors = [autoencoder() for _ in range(2)]
    detectors[1].config.seed = 2
    recordings = [recording(1.0, seed, "target" if seed == 3 else "source") for seed in range(4)]
    type(detectors[0]).fit_fleet(detectors, [recordings[:3], recordings])
    return detectors, recordings


def test_without_target_clips_the_source_covariance_is_used_for_both(fitted):
    (first, second), _ = fitted
    np.testing.assert_array_equal(first.arrays["precision_source"], first.arrays["precision_target"])
    assert not np.allclose(second.arrays["precision_source"], second.arrays["precision_target"])


def test_the_covariance_is_that_of_the_training_vectors_in_batches(fitted):
    """One batch holds all vectors here, so the covariance can be computed directly."""
    (first, _), recordings = fitted
    windows = np.concatenate([first.windows(r) for r in recordings[:3]])  # 84
    order = np.random.default_rng([first.config.seed, 10]).permutation(84)
    x = windows[np.sort(order[8:])]  # a tenth is held out
    residual = (first.run(x)["rebuilt"] - x).reshape(-1, 8).astype(np.float64)
    centred = residual - residual.mean(axis=0)
    covariance = centred.T @ centred / (len(x) - 1)
    np.testing.assert_allclose(first.arrays["precision_source"] @ covariance, np.eye(8), atol=1e-5)


def test_facts_describe_the_training(fitted):
    for detector in fitted[0]:
        assert [epoch["epoch"] for epoch in detector.facts["history"]] == [1, 2]
        assert {"loss", "validation"} <= set(detector.facts["history"][0])
        assert detector.facts["covariance_source"]["condition"] >= 1
        assert detector.parameters == sum(
            p.numel() for p in detector.network.build([torch.Generator()]).parameters()
        )


def test_a_replaced_network_is_used(fitted):
    (first, second), recordings = fitted
    copy = type(first)(first.config)
    copy.arrays, copy.facts = dict(first.arrays), first.facts
    assert copy.score(recordings[0]).scores == first.score(recordings[0]).scores
    copy.arrays = dict(second.arrays)
    assert copy.score(recordings[0]).scores == second.score(recordings[0]).scores


@pytest.mark.parametrize(("covariance", "shrunk"), [("auto", True), ("exact", False), ("ledoit_wolf", True)])
def test_an_ill_conditioned_covariance_gives_a_warning(covariance, shrunk):
    detector = autoencoder(covariance=covariance)
    detector.facts = {"findings": []}
    (scorer,) = detector.scorers
    rng = np.random.default_rng(0)

    def reconstruct(x):  # the errors of the last and the first band differ by a ten-thousandth
        residual = rng.standard_normal((len(x), 5, 8))
        residual[..., -1] = residual[..., 0] + 1e-4 * residual[..., -1]
        return {"rebuilt": x + residual.reshape(len(x), -1)}

    frames = np.zeros((300, 8), np.float32)
    scorer.fit_windows(reconstruct, frames, np.arange(296), np.arange(300) >= 150)
    for domain in ("source", "target"):
        diagnostics = detector.facts[f"covariance_{domain}"]
        assert diagnostics["condition"] > 1e6
        assert (diagnostics["shrinkage"] > 0) == shrunk
    warnings = [f.message for f in detector.findings if f.kind == "ill_conditioned"]
    assert len(warnings) == (2 if covariance == "auto" else 0)
    assert all("Ledoit-Wolf" in w and "covariance='exact'" in w for w in warnings)


def test_the_density_is_that_of_the_pooled_residuals(fitted):
    (_, second), recordings = fitted
    pooled = np.stack([Residual(residual_of(second, r), 8).pooled() for r in recordings])
    expected = Gaussian.fit(pooled, np.array([False, False, False, True]))
    np.testing.assert_allclose(second.arrays["residual_means"], expected.means)
    np.testing.assert_allclose(second.arrays["residual_precision"], expected.precision, rtol=1e-6)
    assert second.arrays["residual_counts"].tolist() == [3, 1]
    clip = recording(1.0, 50)
    evidence = second.score(clip, explain=True)
    distance, shares, _ = expected.distance(Residual(residual_of(second, clip), 8).pooled())
    assert evidence.scores["residual_gaussian"] == pytest.approx(distance, rel=1e-6)
    by_band = evidence.maps["residual_gaussian"].mean(axis=0)
    np.testing.assert_allclose(by_band, shares.reshape(2, 8).sum(axis=0), rtol=0.3, atol=0.05 * distance)


def test_a_single_clip_is_used_as_two_halves():
    clip = recording(1.0)
    detector = autoencoder().fit([clip])
    residual = residual_of(detector, clip)
    halves = np.stack([Residual(part, 8).pooled() for part in (residual[:14], residual[14:])])
    np.testing.assert_allclose(
        detector.arrays["residual_means"][0], halves.mean(axis=0), rtol=1e-5, atol=1e-6
    )
    assert detector.arrays["residual_counts"].tolist() == [2, 0]


@pytest.fixture(scope="module")
def adapted(fitted):
    """The first detector, which had no target clips, its adaptation to two target clips and one source clip,
    and these clips."""
    new = [recording(1.0, 10, "target"), recording(1.0, 11, "target"), recording(1.5, 12)]
    (first, _), _ = fitted
    return first, first.adapted(new), new


def test_adapting_does_not_change_the_old_detector(fitted):
    (first, _), _ = fitted
    arrays, facts = {k: v.copy() for k, v in first.arrays.items()}, copy.deepcopy(first.facts)
    first.adapted([recording(1.0, 10, "target"), recording(1.0, 11)])
    assert first.facts == facts
    assert all(np.array_equal(first.arrays[name], array) for name, array in arrays.items())


def test_adapting_changes_everything_but_the_network(adapted):
    before, after, new = adapted
    assert type(after) is type(before)
    assert after.config == before.config
    np.testing.assert_array_equal(after.arrays["network"], before.arrays["network"])
    assert {k: a.shape for k, a in after.arrays.items()} == {k: a.shape for k, a in before.arrays.items()}
    assert after.facts["history"] == before.facts["history"]
    scores = [detector.score(new[0]).scores for detector in (before, after)]
    assert scores[0]["mse"] == scores[1]["mse"]
    assert scores[1]["residual_gaussian"] < scores[0]["residual_gaussian"], "the clip is normal now"
    assert scores[1]["mahalanobis"] != scores[0]["mahalanobis"]
    (line,) = after.facts["adaptations"]
    assert "3 recordings added" in line
    assert "a covariance of their own from 56 windows, shrunk" in line
    assert "covariance of the residual from 76 to 119 windows" in line
    assert "target" not in line
    json.dumps(after.facts, allow_nan=False)
    assert len(after.adapted(new[:1]).facts["adaptations"]) == 2


def test_a_first_target_covariance_is_shrunk_to_the_source_one(adapted):
    """The source covariance has the weight of two of the new clips."""
    before, after, new = adapted
    vectors = np.concatenate([residual_of(before, r) for r in new[:2]])  # 56, fewer than a batch
    rows = vectors.reshape(-1, 8).astype(np.float64)
    rows -= rows.mean(axis=0)
    source = np.linalg.inv(before.arrays["precision_source"])
    expected = (56 * source + rows.T @ rows) / (56 + 56)
    np.testing.assert_allclose(after.arrays["precision_target"] @ expected, np.eye(8), atol=1e-6)


def test_a_known_covariance_is_pooled_by_the_number_of_windows(adapted):
    before, after, new = adapted
    rows = residual_of(before, new[2]).reshape(-1, 8).astype(np.float64)  # 43 windows
    rows -= rows.mean(axis=0)
    source = np.linalg.inv(before.arrays["precision_source"])
    expected = (75 * source + rows.T @ rows) / (75 + 43)
    np.testing.assert_allclose(after.arrays["precision_source"] @ expected, np.eye(8), atol=1e-6)


def test_new_source_clips_are_used_for_an_unknown_target(fitted):
    (first, second), _ = fitted
    after = first.adapted([recording(1.0, 20, "source")])
    np.testing.assert_array_equal(after.arrays["precision_source"], after.arrays["precision_target"])
    assert not np.array_equal(after.arrays["precision_source"], first.arrays["precision_source"])
    both_domains = second.adapted([recording(1.0, 20, "source")])
    np.testing.assert_array_equal(both_domains.arrays["precision_target"], second.arrays["precision_target"])


@pytest.mark.parametrize("covariance", ["auto", "exact", "float32", "ledoit_wolf"])
def test_every_covariance_option_can_be_adapted(fitted, covariance):
    (first, _), recordings = fitted
    detector = first.copied()
    detector.config = replace(first.config, covariance=covariance)
    frames = recordings[0].log_mel(detector.config.front_end)
    (scorer,) = detector.scorers
    scorer.fit_windows(detector.run, frames, np.arange(28), np.zeros(len(frames), bool))
    after = detector.adapted([recording(1.0, 9, "target")])
    assert all(np.all(np.isfinite(array)) for array in after.arrays.values())
    assert after.facts["covariance_target"]["vectors"] == 28
    assert (after.facts["covariance_source"]["shrinkage"] > 0) == (covariance == "ledoit_wolf")


def test_adapting_needs_recordings_that_are_long_enough(fitted):
    (first, _), _ = fitted
    with pytest.raises(FitError, match="no recordings"):
        first.adapted([])
    with pytest.raises(TooShortAudio, match=r"0\.wav"):
        first.adapted([recording(0.05)])


def test_the_latent_density_of_a_gamma_vae_is_adapted_too():
    settings = {**SMALL, "latents": 2, "batch_size": 16}
    detector = detector_type("gamma_vae")(make_config("gamma_vae", settings=settings))
    detector.fit([recording(1.0, seed) for seed in range(3)])
    loud = AudioClip(Clip("loud.wav", domain="target"), lambda: Waveform(np.float32(3) * noise, 8000))
    noise = recording(1.0, 9).waveform().samples
    after = detector.adapted([loud])
    assert after.arrays["latent_counts"].tolist() == [3, 1]
    assert after.score(loud).scores["latent"] < detector.score(loud).scores["latent"]

"""The gamma observation model: likelihood, shapes, levels, codes, scores and maps."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Normal, kl_divergence

from auscult.corpus import AudioClip, Clip
from auscult.detectors.options import make_config
from auscult.detectors.reconstruction.gamma_likelihood import divergence
from auscult.detectors.reconstruction.gamma_observation import (
    LATENTS,
    GammaObservation,
    GammaObservationNetwork,
)
from auscult.detectors.training.layers_onnx import TrainedNetwork
from auscult.detectors.training.step import Batch
from auscult.detectors.training.training import FleetVectors, TrainingPlan, train_fleet
from auscult.errors import OptionError
from auscult.findings import messages

BANDS, CONTEXT = 6, 3
WIDTH = CONTEXT * BANDS
SMALL = {"n_mels": BANDS, "context": CONTEXT, "hidden": 8, "latents": 3, "epochs": 5, "device": "cpu"}
LEVEL = np.array([-10.0, -20.0, -30.0, -35.0, -40.0, -60.0])  # dB
SHAPES = np.array([0.6, 1.35, 2.0, 4.0, 8.5, 30.0])


class Frames(AudioClip):
    """A clip with a given log-mel."""

    def __init__(self, frames: np.ndarray, path: str = "memory.wav", **clip_fields) -> None:
        super().__init__(Clip(path, **clip_fields), lambda: pytest.fail("there is no waveform"))
        self.frames = np.ascontiguousarray(frames, np.float32)

    def log_mel(self, front_end) -> np.ndarray:
        return self.frames


def gamma_observation(**settings) -> GammaObservation:
    return GammaObservation(make_config("gamma_observation", settings={**SMALL, **settings}))


def noise(seed: int, frames: int = 80) -> np.ndarray:
    """(T, bands) log-mel of gamma noise with the shapes and levels above."""
    power = np.random.default_rng(seed).gamma(SHAPES, 1 / SHAPES, (frames, BANDS))
    return 10 * np.log10(power) + LEVEL


def clips(count: int, offset: float | np.ndarray = 0.0, **options) -> list[AudioClip]:
    return [Frames(noise(seed, **options) + offset, f"{seed}.wav") for seed in range(count)]


def prepared(detector: GammaObservation, offset: float | np.ndarray = 0.0, machines: int = 1):
    """An untrained network prepared on 300 frames, and 30 of their windows (1, 30, width)."""
    frames = (noise(9, 300) + offset).astype(np.float32)
    network = detector.network.build([torch.Generator().manual_seed(seed) for seed in range(machines)])
    detector.network.initialise(network, frames, [np.arange(298 - 10 * m) for m in range(machines)])
    windows = np.lib.stride_tricks.sliding_window_view(frames[:32], (CONTEXT, BANDS)).reshape(1, 30, WIDTH)
    return network.eval(), torch.from_numpy(windows.copy())


def scored(detector: GammaObservation, network, x: torch.Tensor, machine: int = 0) -> dict[str, np.ndarray]:
    """The outputs of the graph of one machine for windows (1, N, width)."""
    detector.arrays = {
        "network": TrainedNetwork.of_machine(network, machine).to_onnx(detector.network.outputs, WIDTH)
    }
    return detector.run(x[0].numpy())


@pytest.mark.parametrize(
    ("option", "value"),
    [("latent", "beta"), ("kl_weight", -1), ("top", 0), ("top", 1.1), ("latents", 0), ("hidden", 0)],
)
def test_wrong_options_are_named(option, value):
    with pytest.raises(OptionError, match=option):
        gamma_observation(**{option: value})


def test_presets_and_size():
    for preset in LATENTS:
        detector = GammaObservation(make_config("gamma_observation", preset=preset))
        assert detector.config.latent == preset
        network = detector.network.build([torch.Generator().manual_seed(0)])
        assert sum(p.numel() for p in network.parameters()) == 268_944 + 128, (
            "those of gamma_vae, and the shapes"
        )
    assert GammaObservation().config.latent == next(iter(GammaObservation.presets))


@pytest.mark.parametrize("latent", LATENTS)
@torch.no_grad()
def test_the_loss_is_the_likelihood_plus_the_weighted_divergence(latent):
    detector = gamma_observation(latent=latent, kl_weight=7.0)
    network, x = prepared(detector)
    mask = torch.cat([torch.ones(1, 20, 1), torch.zeros(1, 10, 1)], dim=1)
    decoded: list[torch.Tensor] = []
    network["level"].register_forward_hook(lambda _module, _inputs, output: decoded.append(output))
    batch = Batch(x, mask, [torch.Generator().manual_seed(0)], torch.tensor([0]))
    total, figures = detector.network.loss(network, batch)
    observation = network["observation"]
    mean = 10 ** ((decoded[0] * observation.sd + observation.mean) / 10).double().numpy()
    power, shape = 10 ** (x.double().numpy() / 10), observation.shapes().repeat(1, 1, CONTEXT).numpy()
    negative_log_likelihood = -stats.gamma.logpdf(power, shape, scale=mean / shape) - np.log(power)
    expected = negative_log_likelihood[:, :20].mean() + 7.0 / WIDTH * float(figures["kl"])
    assert float(total) == pytest.approx(expected, rel=1e-5)
    assert float(figures["kl"]) == pytest.approx(float(figures["kl_per_dimension"].sum()), rel=1e-6)


def test_the_divergence_of_gaussian_codes_matches_torch():
    mean, log_variance = torch.randn(1, 5, 3), torch.randn(1, 5, 3)
    ours = gamma_observation(latent="gaussian").network.divergence_from_prior(mean, log_variance)
    theirs = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("latent", "second"), [("gamma", [0.5, 2.0, 1.0]), ("gaussian", [-1.0, 0.0, 1.0])])
def test_samples_have_the_moments_of_the_posterior_and_pass_gradients_on(latent, second):
    definition = gamma_observation(latent=latent).network
    first = torch.tensor([0.8, 1.5, 4.0]).expand(1, 200_000, 3).clone().requires_grad_()
    second = torch.tensor(second).expand(1, 200_000, 3).clone().requires_grad_()
    z = definition.sample(first, second, [torch.Generator().manual_seed(1)])
    mean, variance = definition.moments(first, second)
    torch.testing.assert_close(z.mean(1), mean[:, 0], rtol=0.02, atol=0)
    torch.testing.assert_close(z.var(1), variance[:, 0], rtol=0.05, atol=0)
    for parameter in (first, second):
        (ours,) = torch.autograd.grad(z.square().sum(), parameter, retain_graph=True)
        (exact,) = torch.autograd.grad((mean.square() + variance).sum(), parameter, retain_graph=True)
        torch.testing.assert_close(ours.mean(1), exact.mean(1), rtol=0.05, atol=0)


def test_shapes_are_estimated_and_then_trained(monkeypatch):
    detector = gamma_observation(epochs=30, batch_size=64, learning_rate=1e-2, validation=0.0)
    network, _ = prepared(detector)
    np.testing.assert_allclose(network["observation"].shapes().detach().flatten(), SHAPES, rtol=0.35)
    with torch.no_grad():  # training corrects a wrong start
        network["observation"].log_shape.zero_()
    monkeypatch.setattr(
        GammaObservationNetwork,
        "initialise",
        lambda _self, new, *_: new.load_state_dict(network.state_dict()),
    )
    detector.fit(clips(12))
    np.testing.assert_allclose(detector.facts["shapes"], SHAPES, rtol=0.15)


@torch.no_grad()
def test_levels_of_bands_are_removed():
    """Another microphone for both fitting and scoring changes nothing; for scoring only, it does."""
    detector, offset = gamma_observation(), np.linspace(-20, 30, BANDS)
    (network, x), (louder, shifted) = prepared(detector), prepared(detector, offset)
    outputs, shifted_outputs = scored(detector, network, x), scored(detector, louder, shifted)
    for name in outputs:
        np.testing.assert_allclose(outputs[name], shifted_outputs[name], rtol=1e-3, atol=1e-4)
    mismatched = scored(detector, network, shifted)
    assert mismatched["deviance"].mean() > 10 * outputs["deviance"].mean()


@pytest.mark.parametrize("latent", LATENTS)
def test_a_machine_of_a_fleet_equals_the_machine_trained_alone(latent):
    """In float64: Adam turns the rounding of float32 into full steps."""
    detector = gamma_observation(latent=latent)
    frames = np.concatenate([noise(0, 100), noise(1, 100) + 20.0])
    starts = [np.arange(71), np.arange(110, 150)]

    def trained(machines: list[int]):
        def build(generators):
            network = detector.network.build(generators).double()
            detector.network.initialise(network, frames, [starts[m] for m in machines])
            return network

        network, trained_machines = train_fleet(
            build,
            lambda modules, batch: detector.network.loss(modules, replace(batch, mask=batch.mask.double())),
            FleetVectors(frames, [starts[m] for m in machines], [np.empty(0, int)] * len(machines), CONTEXT),
            machines,
            TrainingPlan(3, 16, device="cpu"),
            names=[str(m) for m in machines],
            progress=lambda *_: None,
        )
        return network.state_dict(), [machine.history for machine in trained_machines]

    weights, histories = trained([0, 1])
    for machine in (0, 1):
        alone, (history,) = trained([machine])
        assert history[-1]["loss"] == pytest.approx(histories[machine][-1]["loss"], rel=1e-6)
        for name, value in alone.items():
            torch.testing.assert_close(weights[name][machine], value[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("latent", LATENTS)
@torch.no_grad()
def test_the_graph_gives_what_the_trained_network_gives(latent):
    detector = gamma_observation(latent=latent)
    network, x = prepared(detector, machines=2)
    with torch.no_grad():  # beyond both limits of the shapes for some bands
        network["observation"].log_shape += torch.linspace(-4, 4, BANDS)
    outputs = [scored(detector, network, x, machine) for machine in range(2)]
    observation = network.double()["observation"]
    windows = observation.normalised(x.double().expand(2, -1, -1))
    code = detector.network.posterior(network, windows)
    levels = network["level"](network["decoder"](detector.network.moments(*code)[0]))
    log_ratio = observation.log_ratio(windows, levels)
    expected = {
        "log_ratio": log_ratio,
        "deviance": 2 * observation.shapes().repeat(1, 1, CONTEXT) * divergence(log_ratio),
        "code": torch.cat([c.log() if latent == "gamma" else c for c in code], dim=2),
        "shapes": observation.shapes(),
    }
    assert not torch.allclose(*expected["shapes"])
    for machine, name in product(range(2), expected):
        value, wanted = outputs[machine][name], expected[name][machine].numpy()
        # A deviance close to 0 is the difference of numbers close to 1.
        smallest = 1e-6 * (np.abs(wanted).max() if name != "deviance" else 2 * expected["shapes"].max())
        np.testing.assert_allclose(value, wanted, rtol=1e-6, atol=smallest, err_msg=name)
    assert outputs[0].keys() == expected.keys()


@pytest.fixture(scope="module")
def fitted() -> GammaObservation:
    return gamma_observation(epochs=8, batch_size=64, top=0.2).fit(clips(12))


def test_maps_average_to_the_scores(fitted):
    frames = noise(50, 40)
    frames[10:13, 2] += 25.0
    evidence = fitted.score(Frames(frames), explain=True)
    for name, score in evidence.scores.items():
        assert evidence.maps[name].sum(axis=1).mean() == pytest.approx(score, rel=1e-4), name
        assert np.unravel_index(np.argmax(evidence.maps[name]), frames.shape)[1] == 2, name
        assert np.argmax(evidence.maps[name].sum(axis=1)) in range(10, 13), name
    in_top = evidence.maps["deviance_top"].sum(axis=1) > 0
    assert in_top.sum() == 8  # a fifth of 40
    assert in_top[10:13].all()


def test_scores_are_means_of_the_deviance(fitted):
    clip = Frames(noise(51, 40))
    evidence = fitted.score(clip, explain=True)
    frames = (evidence.maps["deviance"] * BANDS).mean(axis=1)
    assert evidence.scores["deviance"] == pytest.approx(frames.mean(), rel=1e-5)
    assert evidence.scores["deviance_top"] == pytest.approx(np.sort(frames)[-8:].mean(), rel=1e-5)
    assert 0.3 < evidence.scores["deviance"] < 3, "about one for normal frames"
    quieter = fitted.score(Frames(noise(51, 40) - 15.0)).scores
    assert all(quieter[name] > 2 * score for name, score in evidence.scores.items())


def test_a_clip_of_one_window_has_all_scores(fitted):
    scores = fitted.score(Frames(noise(52, CONTEXT))).scores
    assert all(np.isfinite(value) for value in scores.values())


def test_one_clip_alone_is_enough():
    detector = gamma_observation().fit(clips(1))
    assert all(np.isfinite(value) for value in detector.score(Frames(noise(53))).scores.values())
    assert detector.arrays["log_ratio_counts"].tolist() == [2, 0]


def test_codes(fitted):
    assert fitted.codes(Frames(noise(54, 40))).shape == (38, 6)


def test_a_collapsed_posterior_is_reported(fitted):
    assert fitted.facts["collapsed"] == (fitted.facts["history"][-1]["active_units"] < 0.5)
    detector = gamma_observation(kl_weight=1e6, epochs=60, learning_rate=1e-2).fit(clips(3))
    assert detector.facts["collapsed"] is True
    (warning,) = [w for w in messages(detector.findings) if "collapsed" in w]
    assert "kl_weight=1e+06" in warning


def test_adapting_updates_only_the_density(fitted):
    before = {name: array.copy() for name, array in fitted.arrays.items()}
    moved = [Frames(noise(seed) - 3.0, f"{seed}.wav", domain="target") for seed in range(60, 64)]
    adapted = fitted.adapted(moved)
    clip = Frames(noise(70) - 3.0)
    old, new = fitted.score(clip).scores, adapted.score(clip).scores
    assert new["log_ratio_gaussian"] < old["log_ratio_gaussian"] / 2
    assert (new["deviance"], new["deviance_top"]) == (old["deviance"], old["deviance_top"])
    assert adapted.arrays["log_ratio_counts"].tolist() == [12, 4]
    assert len(adapted.facts["adaptations"]) == 1
    assert "adaptations" not in fitted.facts
    assert all(np.array_equal(fitted.arrays[name], array) for name, array in before.items())

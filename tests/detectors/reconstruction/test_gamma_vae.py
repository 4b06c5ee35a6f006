"""The variants of the gamma VAE: posteriors, and which variants train, diverge or collapse."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from auscult.corpus import AudioClip, Clip
from auscult.detectors.options import make_config
from auscult.detectors.reconstruction.gamma_vae import GammaVAE, GammaVAEConfig, GammaVAENetwork
from auscult.detectors.reconstruction.latents import gamma_moments, sample_gamma
from auscult.detectors.training.step import Batch
from auscult.detectors.training.training import FleetVectors, TrainingPlan, train_fleet
from auscult.errors import DivergedError, OptionError
from auscult.findings import messages
from auscult.sound import Waveform

SMALL = {"sample_rate": 8000, "n_mels": 8, "n_fft": 512, "hop": 256, "context": 2, "hidden": 8, "latents": 4}
LATENTS = ("shape_scale", "shape_rate", "mean_variance")
HEADS = ("softmax", "softplus")
KLS = ("eq2_text_labels", "eq2_shape_scale", "exact", "arguments_reversed")
SAMPLERS = ("implicit", "boosted_uncorrected", "weibull", "mean")
X = torch.randn(1, 30, 16, generator=torch.Generator().manual_seed(0))
MASK = torch.ones(1, 30, 1)


def vae(preset: str | None = None, **settings) -> GammaVAE:
    return GammaVAE(make_config("gamma_vae", preset=preset, settings={**SMALL, **settings}))


def network(detector: GammaVAE, seed: int = 0) -> torch.nn.ModuleDict:
    return detector.network.build([torch.Generator().manual_seed(seed)])


def recordings(count: int) -> list[AudioClip]:
    rng = np.random.default_rng(0)
    waves = [Waveform(0.1 * rng.standard_normal(8000).astype(np.float32), 8000) for _ in range(count)]
    return [AudioClip(Clip(f"{i}.wav"), lambda wave=wave: wave) for i, wave in enumerate(waves)]


@pytest.mark.parametrize("variant", list(product(LATENTS, HEADS, KLS, SAMPLERS)), ids="-".join)
def test_every_variant_trains_or_raises_an_error(variant):
    settings = dict(zip(("latent", "head", "kl", "sampler"), variant, strict=True))
    if settings["sampler"] == "weibull" and settings["kl"] != "exact":
        with pytest.raises(OptionError, match="needs kl=exact"):
            vae(**settings)
        return
    detector = vae(**settings)
    frames = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
    vectors = FleetVectors(frames, [np.arange(59)], [np.empty(0, int)], 2)
    plan = TrainingPlan(3, 16, device="cpu")
    arguments = (detector.network.build, detector.network.loss, vectors, [0], plan)
    if variant == ("mean_variance", "softmax", "exact", "weibull"):
        # Shapes m²/v of softmax heads reach 0.01, and a Weibull of that shape overflows float32.
        _, (machine,) = train_fleet(*arguments, names=["vae"], progress=lambda *_: None)
        assert isinstance(machine.error, DivergedError)
        return
    trained, (machine,) = train_fleet(*arguments, names=["vae"], progress=lambda *_: None)
    history = machine.history
    assert all(np.isfinite(epoch["loss"]) for epoch in history)
    assert len(history[-1]["kl_per_dimension"]) == 4
    assert history[-1]["kl"] == pytest.approx(sum(history[-1]["kl_per_dimension"]), rel=1e-6)
    before = network(detector)
    for part in ("fc_mu", "fc_var", "rebuild"):
        change = (trained[part].weight - before[part].weight).abs().max()
        assert change > 1e-4, f"{part} is trained"


def test_presets():
    report, exact = vae("report").config, vae("exact").config
    assert (report.latent, report.head, report.kl, report.sampler, report.kl_warmup) == (
        *("shape_scale", "softmax", "eq2_text_labels", "implicit"),
        0,
    )
    assert (exact.latent, exact.head, exact.kl, exact.sampler) == (
        *("shape_scale", "softplus", "exact", "implicit"),
    )
    assert exact.kl_warmup > 0
    for config in (report, exact):
        assert (config.prior_shape, config.prior_scale, config.kl_weight) == (2.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("latent", "mean"),
        ("head", "relu"),
        ("kl", "eq3"),
        ("sampler", "none"),
        ("prior_shape", 0),
        ("prior_scale", -1),
        ("latents", 0),
        ("kl_weight", -1),
        ("kl_warmup", -1),
    ],
)
def test_wrong_options_are_named(option, value):
    with pytest.raises(OptionError, match=option):
        vae(**{option: value})


@torch.no_grad()
def test_posterior_of_the_heads():
    for head in HEADS:
        detectors = {latent: vae(head=head, latent=latent) for latent in LATENTS}
        net = network(detectors["shape_scale"])
        first, second = detectors["shape_scale"].network.posterior(net, X, MASK)
        if head == "softmax":
            torch.testing.assert_close(first.sum(-1), torch.ones(1, 30))
            torch.testing.assert_close(second.sum(-1), torch.ones(1, 30))
        else:
            assert float(first.min()) > 0.1
        assert float(second.min()) > 0
        shape, scale = detectors["shape_rate"].network.posterior(net, X, MASK)
        torch.testing.assert_close((shape, scale), (first, 1 / second))
        mean, variance = gamma_moments(*detectors["mean_variance"].network.posterior(net, X, MASK))
        torch.testing.assert_close((mean, variance), (first, second))


@pytest.mark.parametrize("sampler", ["implicit", "weibull"])
def test_samples_have_the_moments_of_the_posterior(sampler):
    shape = torch.tensor([0.8, 1.5, 4.0]).expand(1, 200_000, 3)
    scale = torch.tensor([0.5, 2.0, 1.0]).expand(1, 200_000, 3)
    z = sample_gamma(shape, scale, [torch.Generator().manual_seed(1)], sampler)
    mean, variance = gamma_moments(shape, scale, sampler)
    torch.testing.assert_close(z.mean(1), mean[:, 0], rtol=0.02, atol=0)
    torch.testing.assert_close(z.var(1), variance[:, 0], rtol=0.05, atol=0)


@pytest.mark.parametrize("sampler", ["implicit", "weibull", "mean"])
def test_gradients_flow_through_the_sample(sampler):
    """d E[z] / d shape and scale, averaged over samples, match those of the mean."""
    shape = torch.full((1, 100_000, 1), 1.7, requires_grad=True)
    scale = torch.full((1, 100_000, 1), 0.6, requires_grad=True)
    z = sample_gamma(shape, scale, [torch.Generator().manual_seed(1)], sampler)
    ours = torch.autograd.grad(z.sum(), (shape, scale))
    theirs = torch.autograd.grad(gamma_moments(shape, scale, sampler)[0].sum(), (shape, scale))
    for gradient, expected in zip(ours, theirs, strict=True):
        assert float(gradient.mean()) == pytest.approx(float(expected.mean()), rel=0.05, abs=0.005)


def test_samples_stay_above_the_clamp():
    tiny = torch.full((1, 1000, 4), 1 / 50)
    z = sample_gamma(tiny, tiny, [torch.Generator().manual_seed(1)])
    assert float(z.min()) == pytest.approx(1e-6)


@torch.no_grad()
def test_the_loss_is_error_plus_weighted_divergence():
    detector = vae(kl_weight=3.0, kl_warmup=4, sampler="mean")
    definition = detector.network
    net = network(detector).eval()  # in evaluation mode the two passes below have the same normalisation
    mask = torch.cat([torch.ones(1, 20, 1), torch.zeros(1, 10, 1)], dim=1)
    generator = [torch.Generator().manual_seed(0)]
    for epoch, share in ((0, 0.25), (1, 0.5), (3, 1.0), (50, 1.0)):
        total, figures = definition.loss(net, Batch(X, mask, generator, torch.tensor([epoch])))
        expected = figures["reconstruction"] + 3.0 * share * figures["kl"]
        torch.testing.assert_close(total, expected)
    mean, _ = gamma_moments(*definition.posterior(net, X))
    reconstructed = net["rebuild"](net["decoder"](mean))
    error = (reconstructed - X)[:, :20].square().mean()
    assert float(figures["reconstruction"]) == pytest.approx(float(error), rel=1e-5)
    full_weight = vae(kl_weight=3.0, kl_warmup=0, sampler="mean").network
    full = full_weight.loss(net, Batch(X, mask, generator, torch.tensor([0])))
    torch.testing.assert_close(full[0], total)


def test_an_unbounded_variant_raises_an_error_that_names_it():
    detector = vae(kl="eq2_shape_scale", head="softmax", learning_rate=1.0, kl_weight=1e3)
    with pytest.raises(DivergedError, match=r"kl=eq2_shape_scale .*prior=\(2, 1\).*diverged in epoch \d+"):
        detector.fit(recordings(2))
    assert detector.arrays == {}, "a detector that failed to train stays unfitted"


def test_a_collapsed_posterior_is_reported():
    detector = vae(kl_weight=1e6, kl_warmup=0, epochs=150, learning_rate=1e-2).fit(recordings(3))
    assert detector.facts["collapsed"] is True
    (warning,) = [w for w in messages(detector.findings) if "collapsed" in w]
    assert "kl_weight=1e+06" in warning
    assert np.isfinite(detector.score(recordings(1)[0]).scores["latent"])


def test_active_latents_are_not_reported_as_collapsed():
    """Noise that alternates in level: one latent is enough to distinguish loud frames from quiet ones."""
    rng = np.random.default_rng(0)
    envelope = np.repeat(np.tile([1.0, 0.01], 16), 250)
    waves = [Waveform((envelope * rng.standard_normal(8000)).astype(np.float32), 8000) for _ in range(4)]
    clips = [AudioClip(Clip(f"{i}.wav"), lambda wave=wave: wave) for i, wave in enumerate(waves)]
    detector = vae(kl_weight=0.1, epochs=40, batch_size=16, learning_rate=1e-2).fit(clips)
    assert detector.facts["collapsed"] is False
    assert detector.facts["history"][-1]["active_units"] >= 1
    assert not [w for w in messages(detector.findings) if "collapsed" in w]
    codes = detector.codes(clips[0])
    assert codes.shape == (len(detector.windows(clips[0])), 8)
    evidence = detector.score(clips[1], explain=True)
    mean, precision = (
        detector.arrays["latent_means"][0],
        detector.arrays["latent_precision"],
    )  # there are no target clips
    deviation = detector.codes(clips[1]).mean(axis=0) - mean
    distance = deviation @ precision @ deviation
    assert evidence.scores["latent"] == pytest.approx(distance, rel=1e-6)
    share = (detector.codes(clips[1]) - mean) @ precision @ deviation
    assert share.mean() == pytest.approx(distance, rel=1e-6), (
        "the shares of the windows average to the distance"
    )
    frames = np.r_[
        share[0], (share[:-1] + share[1:]) / 2, share[-1]
    ]  # each frame is the mean over the windows that contain it
    np.testing.assert_allclose(evidence.maps["latent"].sum(axis=1), frames, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("latent", ["shape_rate", "mean_variance"])
def test_underflow_of_a_softmax_gives_a_finite_posterior(latent):
    """A softmax head can output exact zeros; the ratio of two of them once gave NaN scores."""
    config = GammaVAEConfig(latent=latent, head="softmax", kl="eq2_text_labels", kl_warmup=0)
    definition = GammaVAENetwork(config)
    network = definition.build([torch.Generator().manual_seed(0)]).eval()
    for head, index in (("fc_mu", 0), ("fc_var", 1)):  # all mass on one latent, a different one in each head
        torch.nn.init.zeros_(network[head].weight)
        with torch.no_grad():
            network[head].bias.fill_(-200.0)[..., index] = 200.0
    shape, scale = definition.posterior(network, torch.randn(1, 4, 640))
    assert bool(torch.isfinite(shape).all() and torch.isfinite(scale).all())
    assert bool((shape > 0).all() and (scale > 0).all())

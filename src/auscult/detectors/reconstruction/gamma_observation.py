"""A variational autoencoder with a gamma distribution of mel power about the decoded mean.

The squared error of log-mels, which other autoencoders minimise, assumes that all bands are equally noisy.
But the variance of a band's logarithm is ψ'(k), seven times larger for narrow low bands than for wide high
ones. Here each band has its own shape k, trained with the network (see `gamma_likelihood` for the equations).
Latent codes are gamma (Figurnov et al., "Implicit reparameterization gradients", NeurIPS 2018) or
Gaussian (Kingma & Welling, "Auto-encoding variational Bayes", ICLR 2014).

Loss of a window: mean of −log p over its values + kl_weight / (number of values) · divergence of the code
from its prior. With weight 1 it is the negative evidence lower bound per value. The term log x of log p is
omitted, since no trained parameter affects it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.reconstruction import gamma_kl
from auscult.detectors.reconstruction.code_samples import EPSILON, SMALLEST_SHAPE
from auscult.detectors.reconstruction.deviance_scorer import DevianceScorer
from auscult.detectors.reconstruction.gamma_likelihood import (
    LINEAR_ABOVE,
    NATS_PER_DECIBEL,
    SHAPE_RANGE,
    moment_shape,
    normaliser,
)
from auscult.detectors.reconstruction.network_detector import NetworkDetector
from auscult.detectors.reconstruction.window_network import NetworkConfig, WindowNetwork
from auscult.detectors.representable import LatentSpace, Representation
from auscult.errors import OptionError
from auscult.runtime.option_fields import option
from auscult.spectrum import context_windows

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import Value
    from auscult.detectors.reconstruction.observation import BandGamma
    from auscult.detectors.training.layers_onnx import TrainedNetwork
    from auscult.detectors.training.step import Batch, Loss

LATENTS = ("gamma", "gaussian")
_PRIOR = (2.0, 1.0)  # shape and scale of the prior of gamma codes
_LOG_VARIANCE_LIMIT = 20.0  # largest magnitude of the logarithm of a Gaussian code's variance
_MIN_SD = 1.0  # dB: lower limit for nearly constant bands, so that a change in them stays a finite number
_SHAPE_WINDOWS = 4096  # number of windows from which the initial shapes are estimated, at most


@dataclass
class GammaObservationConfig(NetworkConfig):
    """Options of the gamma observation model."""

    latent: str = option("gaussian", "Distribution of the code.", choices=LATENTS)
    kl_weight: float = option(
        1.0, "Weight of the code's divergence from its prior; 1 is the evidence lower bound."
    )
    top: float = option(0.1, "Share of the frames that count in the score deviance_top.")
    latents: int = option(8, "Width of the code.")
    hidden: int = option(128, "Width of the hidden layers.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.latents, self.hidden) < 1 or self.kl_weight < 0:
            raise OptionError("latents and hidden must be positive, kl_weight not negative")
        if not 0 < self.top <= 1:
            raise OptionError(f"top must be more than 0 and at most 1, got {self.top:g}")

    @property
    def variant(self) -> str:
        return f"latent={self.latent} kl_weight={self.kl_weight:g}"


class GammaObservationNetwork(WindowNetwork):
    """Encoder, two heads that give the code's posterior, and decoder of the level of every value."""

    config: GammaObservationConfig

    def build(self, generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
        from torch import nn

        from auscult.detectors.reconstruction.observation import BandGamma
        from auscult.detectors.training.layers import Linear, Stack

        c = self.config
        hidden = [c.hidden] * 4
        return nn.ModuleDict(
            {
                "observation": BandGamma(len(generators), c.context, c.front_end.n_mels),
                "encoder": Stack(generators, [c.width, *hidden]),
                "first": Linear(generators, c.hidden, c.latents),
                "second": Linear(generators, c.hidden, c.latents),
                "decoder": Stack(generators, [c.latents, *hidden]),
                "level": Linear(generators, c.hidden, c.width),
            }
        )

    def initialise(
        self, modules: torch.nn.ModuleDict, frames: np.ndarray, starts: Sequence[np.ndarray]
    ) -> None:
        """Set level, spread and initial shape of every band from the training windows of each machine."""
        import torch

        context, observation = self.config.context, _observation(modules)
        windows = context_windows(frames, context)
        for machine, machine_starts in enumerate(starts):
            used_frames = np.unique(machine_starts[:, None] + np.arange(context))
            mean = frames[used_frames].mean(axis=0, dtype=np.float64)
            sd = np.maximum(frames[used_frames].std(axis=0, dtype=np.float64), _MIN_SD)
            step = -(-len(machine_starts) // _SHAPE_WINDOWS)
            subset = windows[machine_starts[::step]].astype(np.float64)
            shape = moment_shape(10 ** (subset.reshape(len(subset), context, -1) / 10))
            with torch.no_grad():
                observation.mean[machine, 0] = torch.from_numpy(np.tile(mean, context))
                observation.sd[machine, 0] = torch.from_numpy(np.tile(sd, context))
                observation.log_shape[machine, 0] = torch.from_numpy(np.log(shape))

    def posterior(
        self, modules: torch.nn.ModuleDict, x: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the parameters of the code's posterior, each (M, B, latents), of normalised x (M, B, width).

        These are shape and scale of a gamma, or mean and logarithm of the variance of a Gaussian. The mask is
        that of a `Batch`; ``None``: all vectors are real.
        """
        from torch.nn.functional import softplus

        h = modules["encoder"](x, mask)  # (M, B, hidden)
        first, second = modules["first"](h), modules["second"](h)  # (M, B, latents)
        if self.config.latent == "gamma":
            return softplus(first) + SMALLEST_SHAPE, softplus(second) + EPSILON
        return first, second.clamp(-_LOG_VARIANCE_LIMIT, _LOG_VARIANCE_LIMIT)

    def moments(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and variance of the posterior, each (M, B, latents)."""
        from auscult.detectors.reconstruction.latents import gamma_moments

        return gamma_moments(first, second) if self.config.latent == "gamma" else (first, second.exp())

    def sample(
        self, first: torch.Tensor, second: torch.Tensor, generators: Sequence[torch.Generator]
    ) -> torch.Tensor:
        """Return a sample of the posterior that passes gradients on, (M, B, latents)."""
        from auscult.detectors.reconstruction.latents import sample_gamma, sample_gaussian

        draw = sample_gamma if self.config.latent == "gamma" else sample_gaussian
        return draw(first, second, generators)

    def divergence_from_prior(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return the KL divergence of the posterior from Gamma(2, 1) or from the standard normal,
        (M, B, latents)."""
        if self.config.latent == "gamma":
            return gamma_kl.exact(first, second, *_PRIOR)
        return (first.square() + second.exp() - second - 1) / 2

    def loss(self, modules: torch.nn.ModuleDict, batch: Batch) -> Loss:
        from auscult.detectors.reconstruction.latents import active_units
        from auscult.detectors.reconstruction.observation import mean_divergence

        observation, mask = _observation(modules), batch.mask
        count = mask.sum(1).clamp(min=1)  # (M, 1)
        x = observation.normalised(batch.x)
        code = self.posterior(modules, x, mask)
        z = self.sample(*code, batch.generators)  # (M, B, latents)
        log_ratio = observation.log_ratio(x, modules["level"](modules["decoder"](z, mask)))
        by_element = mean_divergence(log_ratio, mask)  # (M, 1, width)
        by_band = by_element.unflatten(2, (self.config.context, -1)).mean(2)  # (M, 1, bands)
        shapes = observation.shapes()  # (M, 1, bands)
        negative_log_likelihood = (shapes * by_band + normaliser(shapes)).mean((1, 2))  # (M,)
        kl = (self.divergence_from_prior(*code) * mask).sum(1) / count  # (M, latents)
        total = negative_log_likelihood + self.config.kl_weight / x.shape[2] * kl.sum(1)
        mean, variance = self.moments(*(parameter.detach() for parameter in code))
        figures = {
            "reconstruction": by_band.mean((1, 2)),
            "kl": kl.sum(1),
            "kl_per_dimension": kl,
            "active_units": active_units(mean, variance, mask),
        }
        return total, figures

    def outputs(self, trained: TrainedNetwork, x: Value) -> dict[str, Value]:
        """Return the outputs for log-mel windows x (N, width) in dB, all float32.

        These are ``log_ratio`` (N, width) of each value to its expectation, ``deviance`` (N, width), ``code``
        (N, 2 · latents), see `GammaObservation.codes`, and ``shapes`` (1, bands).
        """
        graph = x.graph
        mean, sd = (trained.weights[f"observation.{name}"] for name in ("mean", "sd"))
        x = (x - mean) / sd
        h = trained.stack("encoder", x)  # (N, hidden)
        first, second = trained.linear("first", h), trained.linear("second", h)  # (N, latents)
        if self.config.latent == "gamma":
            first = graph.Softplus(first) + np.float32(SMALLEST_SHAPE)
            second = graph.Softplus(second) + np.float32(EPSILON)
            code_mean, code = first * second, (first.log(), second.log())
        else:
            limit = np.float32(_LOG_VARIANCE_LIMIT)
            second = graph.Clip(second, -limit, limit)
            code_mean, code = first, (first, second)
        level = trained.linear("level", trained.stack("decoder", code_mean))
        log_ratio = (x - level) * (np.float32(NATS_PER_DECIBEL) * sd)
        one, near = np.float32(1), graph.Min(log_ratio, np.float32(LINEAR_ABOVE))
        divergence = near.exp() * (one + log_ratio - near) - log_ratio - one  # see `gamma_likelihood`
        shapes = _shapes(trained)
        shape_of_value = np.tile(shapes, self.config.context)  # (1, width)
        return {
            "log_ratio": log_ratio,
            "deviance": np.float32(2) * shape_of_value * divergence,
            "code": graph.Concat(*code, axis=1),
            "shapes": graph.Identity(shapes),
        }

    def trained_facts(self, trained: TrainedNetwork) -> dict[str, object]:
        return {"shapes": [round(float(k), 3) for k in _shapes(trained)[0]]}


class GammaObservation(NetworkDetector, LatentSpace):
    """A VAE that scores mel power by its deviance under a gamma distribution about the decoded mean."""

    name = "gamma_observation"
    config: GammaObservationConfig
    config_type = GammaObservationConfig
    network_type = GammaObservationNetwork
    scores = DevianceScorer.scores
    presets: ClassVar = {"gaussian": {}, "gamma": {"latent": "gamma"}}

    @property
    def scorers(self) -> tuple[DevianceScorer]:
        return (DevianceScorer(self.config, self.arrays, self.facts, self.config.top),)

    def represent(self, recording: AudioClip) -> Representation:
        return self.representation_by(self.codes(recording))

    def codes(self, recording: AudioClip) -> np.ndarray:
        """Return the (V, 2 · latents) float64 code of each window: logarithms of shapes and scales, or means
        and logarithms of variances."""
        return self.run(self.windows(recording))["code"].astype(np.float64)


def _observation(modules: torch.nn.ModuleDict) -> BandGamma:
    return cast("BandGamma", modules["observation"])


def _shapes(trained: TrainedNetwork) -> np.ndarray:
    """Return the (1, bands) gamma shapes of a trained network."""
    lowest, highest = SHAPE_RANGE
    log_shape = trained.weights["observation.log_shape"]
    return np.exp(log_shape.clip(math.log(lowest), math.log(highest)))

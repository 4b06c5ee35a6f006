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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np

from auscult.corpus import AudioClip, is_target
from auscult.detectors.base import Evidence
from auscult.detectors.reconstruction.clip_densities import ClipDensityDetector, density_shapes
from auscult.detectors.reconstruction.code_samples import EPSILON, SMALLEST_SHAPE
from auscult.detectors.reconstruction.gamma_likelihood import (
    LOG_VARIANCE_LIMIT,
    SMALLEST_DEVIANCE,
    moment_shape,
    normaliser,
)
from auscult.detectors.reconstruction.network import WindowConfig
from auscult.errors import FitError, OptionError
from auscult.runtime.option_fields import option
from auscult.spectrum import context_windows, spread_over_frames

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import GraphEvidence, Value
    from auscult.detectors.reconstruction.observation import BandGamma
    from auscult.detectors.training.layers_onnx import TrainedNetwork
    from auscult.detectors.training.step import Loss

LATENTS = ("gamma", "gaussian")
_PRIOR = (2.0, 1.0)  # shape and scale of the prior of gamma codes
_MIN_SD = 1.0  # dB: lower limit for nearly constant bands, so that a change in them stays a finite number
_SHAPE_WINDOWS = 4096  # number of windows from which the initial shapes are estimated, at most


@dataclass
class GammaObservationConfig(WindowConfig):
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


class GammaObservation(ClipDensityDetector):
    """A VAE that scores mel power by its deviance under a gamma distribution about the decoded mean.

    Scores: ``deviance_top``, the mean over bands of 2k·d_IS(x|μ) in the frames where it is highest;
    ``deviance``, the same over all frames; ``log_ratio_gaussian``, the squared Mahalanobis distance of the
    clip's mean log(x/μ) and logarithm of its mean deviance, band by band, from those of normal clips.
    """

    name = "gamma_observation"
    has_codes = True
    config: GammaObservationConfig
    config_type = GammaObservationConfig
    scores: ClassVar[tuple[str, ...]] = ("deviance_top", "deviance", "log_ratio_gaussian")
    presets: ClassVar = {"gaussian": {}, "gamma": {"latent": "gamma"}}

    def build(self, generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
        from torch import nn

        from auscult.detectors.reconstruction.observation import BandGamma
        from auscult.detectors.training.layers import Linear, Stack

        c = self.config
        width, hidden = c.context * c.front_end.n_mels, [c.hidden] * 4
        return nn.ModuleDict(
            {
                "observation": BandGamma(len(generators), c.context, c.front_end.n_mels),
                "encoder": Stack(generators, [width, *hidden]),
                "first": Linear(generators, c.hidden, c.latents),
                "second": Linear(generators, c.hidden, c.latents),
                "decoder": Stack(generators, [c.latents, *hidden]),
                "level": Linear(generators, c.hidden, width),
            }
        )

    def prepare(self, network: torch.nn.ModuleDict, frames: np.ndarray, starts: Sequence[np.ndarray]) -> None:
        """Set level, spread and initial shape of every band from the training windows of each machine."""
        import torch

        context, observation = self.config.context, _observation(network)
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
        self, network: torch.nn.ModuleDict, x: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the parameters of the code's posterior, each (M, B, latents).

        These are shape and scale of a gamma, or mean and logarithm of the variance of a Gaussian.

        Args:
            network: the network of the fleet.
            x: (M, B, width), normalised windows.
            mask: (M, B, 1), 1 for real vectors and 0 for padding; ``None``: all are real.
        """
        from torch.nn.functional import softplus

        h = network["encoder"](x, mask)  # (M, B, hidden)
        first, second = network["first"](h), network["second"](h)  # (M, B, latents)
        if self.config.latent == "gamma":
            return softplus(first) + SMALLEST_SHAPE, softplus(second) + EPSILON
        return first, second.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)

    def moments(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and variance of the posterior, each (M, B, latents)."""
        if self.config.latent == "gamma":
            return first * second, first * second.square()
        return first, second.exp()

    def sample(
        self,
        first: torch.Tensor,
        second: torch.Tensor,
        generators: Sequence[torch.Generator],
    ) -> torch.Tensor:
        """Return a sample of the posterior that passes gradients on, (M, B, latents)."""
        import torch

        from auscult.detectors.reconstruction.latents import sample_per_machine

        if self.config.latent == "gamma":
            unscaled = sample_per_machine(
                first, generators, lambda k, g: torch._standard_gamma(k, generator=g)
            )
            return (second * unscaled).clamp_min(EPSILON)
        noise = sample_per_machine(
            first, generators, lambda m, g: torch.randn(m.shape, dtype=m.dtype, generator=g, device=m.device)
        )
        return first + (second / 2).exp() * noise

    def divergence_from_prior(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return the KL divergence of the posterior from Gamma(2, 1) or from the standard normal,
        (M, B, latents)."""
        from auscult.detectors.reconstruction import gamma_kl

        if self.config.latent == "gamma":
            return gamma_kl.exact(first, second, *_PRIOR)
        return (first.square() + second.exp() - second - 1) / 2

    def loss(
        self,
        network: torch.nn.ModuleDict,
        x: torch.Tensor,
        mask: torch.Tensor,
        generators: Sequence[torch.Generator],
        epochs: torch.Tensor,
    ) -> Loss:
        from auscult.detectors.reconstruction.latents import active_units
        from auscult.detectors.reconstruction.observation import mean_divergence

        observation = _observation(network)
        count = mask.sum(1).clamp(min=1)  # (M, 1)
        x = observation.normalised(x)
        code = self.posterior(network, x, mask)
        z = self.sample(*code, generators)  # (M, B, latents)
        log_ratio = observation.log_ratio(x, network["level"](network["decoder"](z, mask)))
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

    def outputs(self, network: TrainedNetwork, x: Value) -> dict[str, Value]:
        from auscult.detectors.reconstruction.gamma_observation_onnx import network_outputs

        return network_outputs(network, x, gamma_codes=self.config.latent == "gamma")

    def describe(self) -> str:
        return f"{super().describe()}, latent={self.config.latent} kl_weight={self.config.kl_weight:g}"

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        return {"network": (None,), **density_shapes("log_ratio", 2 * self.config.front_end.n_mels)}

    def pooled(self, windows: np.ndarray, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return a clip's ``log_ratio`` (2 · bands,): mean log(x/μ), then logarithms of mean deviances."""
        return {"log_ratio": self._pooled(*self._frame_values(outputs))}

    def fit_densities(self, recordings: Sequence[AudioClip]) -> None:
        """Fit the density, and add the shapes and any collapse of the posterior to the facts."""
        super().fit_densities(recordings)
        shapes = self.run(self._windows(recordings[0])[:1])["shapes"][0]
        self.facts["shapes"] = [round(float(k), 3) for k in shapes]
        last = self.facts["history"][-1]
        self.facts["collapsed"] = last["active_units"] < 0.5
        if self.facts["collapsed"]:
            self.facts["warnings"].append(
                "the posterior has collapsed: no latent carries information about the input (KL "
                f"{last['kl']:.4g} nats, latent={self.config.latent} kl_weight={self.config.kl_weight:g}); "
                "the detector expects one constant spectrum, and its scores only measure how far a clip is "
                "from that spectrum"
            )

    def adapted(self, recordings: Sequence[AudioClip]) -> GammaObservation:
        """Return a new detector that treats these recordings as normal too; see `Detector.adapted`.

        The network is unchanged, and so are the deviances; the density of log-ratios is updated.

        Raises:
            FitError: there are no recordings.
        """
        if not recordings:
            raise FitError(f"{self.name}: no recordings to adapt to")
        other = self._copy()
        assert isinstance(other, GammaObservation)
        target = is_target(recordings)
        clips = [self._windows(r) for r in recordings]
        other.update_densities(((windows, self.run(windows)) for windows in clips), target)
        count = int(other.density("log_ratio").counts.sum())
        other.facts.setdefault("adaptations", []).append(
            f"{len(recordings)} recordings added: the density of log-ratios is now fitted to {count} "
            "recordings; deviances unchanged"
        )
        return other

    def codes(self, recording: AudioClip) -> np.ndarray:
        """Return the (V, 2 · latents) float64 code of each window: logarithms of shapes and scales, or means
        and logarithms of variances."""
        return self.run(self._windows(recording))["code"].astype(np.float64)

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        self.check_fitted()
        log_ratio, deviance = self._frame_values(self.run(self._windows(recording)))  # (T, bands)
        by_frame = deviance.mean(axis=1)  # (T,)
        n_top = max(1, round(self.config.top * len(by_frame)))
        top_frames = np.argsort(-by_frame, kind="stable")[:n_top]
        distance, shares, _ = self.density("log_ratio").distance(self._pooled(log_ratio, deviance))
        scores = {
            "deviance_top": float(by_frame[top_frames].mean()),
            "deviance": float(by_frame.mean()),
            "log_ratio_gaussian": float(distance),
        }
        if not explain:
            return Evidence(scores)
        frames, bands = deviance.shape
        frame_weights = np.zeros((frames, 1))
        frame_weights[top_frames] = frames / n_top
        relative = deviance / np.maximum(deviance.mean(axis=0), SMALLEST_DEVIANCE)
        maps = {
            "deviance_top": frame_weights * deviance / bands,
            "deviance": deviance / bands,
            "log_ratio_gaussian": relative * shares.reshape(2, bands).sum(axis=0),
        }
        return Evidence(scores, {name: map_.astype(np.float32) for name, map_ in maps.items()})

    def export(self, samples: Value) -> GraphEvidence:
        from auscult.detectors.reconstruction.gamma_observation_onnx import deviance_evidence

        _, network = self.run_in_graph(samples)
        return deviance_evidence(
            network("log_ratio"),
            network("deviance"),
            self.density("log_ratio"),
            context=self.config.context,
            bands=self.config.front_end.n_mels,
            top=self.config.top,
        )

    def _frame_values(self, outputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return log(x/μ) and deviance of every frame, each (T, bands) float64: means over the windows that
        contain the frame."""
        log_ratio, deviance = (
            spread_over_frames(outputs[name].astype(np.float64), self.config.context)
            for name in ("log_ratio", "deviance")
        )
        return log_ratio, deviance

    @staticmethod
    def _pooled(log_ratio: np.ndarray, deviance: np.ndarray) -> np.ndarray:
        return np.r_[log_ratio.mean(axis=0), np.log(np.maximum(deviance.mean(axis=0), SMALLEST_DEVIANCE))]


def _observation(network: torch.nn.ModuleDict) -> BandGamma:
    return cast("BandGamma", network["observation"])

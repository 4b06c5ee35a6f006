"""A variational autoencoder that takes mel power for what it is: a gamma about the mean that it decodes.

The squared error of log-mels, which other autoencoders minimise, takes every band for equally noisy; but the
variance of a band's logarithm is ψ'(k), for narrow low bands seven times that of wide high ones. Here each
band has its own shape k, learnt with the network (`gamma_likelihood` has the equations), and codes are gamma
(Figurnov et al., "Implicit reparameterization gradients", NeurIPS 2018) or Gaussian (Kingma & Welling,
"Auto-encoding variational Bayes", ICLR 2014).

Loss of a window: mean of −log p over its values + kl_weight / (number of values) · divergence of the code
from its prior. So with weight 1 it is the negative evidence bound for each value. log x is left out of
log p, since nothing that is learnt moves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np

from auscult.corpus import AudioClip, of_target
from auscult.detectors.base import Evidence
from auscult.detectors.reconstruction.clip_densities import ClipDensityDetector, density_shapes
from auscult.detectors.reconstruction.gamma_likelihood import (
    SMALLEST_DEVIANCE,
    divergence,
    moment_shape,
    normaliser,
)
from auscult.detectors.reconstruction.network import WindowConfig
from auscult.errors import FitError, OptionError
from auscult.spectrum import context_windows, spread_over_frames

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import GraphEvidence, Value
    from auscult.detectors.reconstruction.observation import BandGamma
    from auscult.detectors.training.step import Loss

LATENTS = ("gamma", "gaussian")
_PRIOR = (2.0, 1.0)  # shape and scale of gamma codes
_SMALLEST = 1e-6  # of a gamma code and of its scale
_LEAST_SD = 1.0  # dB: of a band that hardly moves, so that a change in it stays a finite number
_WINDOWS = 4096  # windows from which shapes are first guessed


@dataclass
class GammaObservationConfig(WindowConfig):
    """Settings of the gamma observation model."""

    latent: str = "gaussian"  # distribution of the code: gamma, gaussian
    kl_weight: float = 1.0  # of the code's divergence from its prior; 1 is the evidence bound
    top: float = 0.1  # share of the frames that count in deviance_top
    latents: int = 8  # width of the code
    hidden: int = 128  # width of the hidden layers

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.latent not in LATENTS:
            raise OptionError(f"latent={self.latent!r}: choose one of {', '.join(LATENTS)}")
        if min(self.latents, self.hidden) < 1 or self.kl_weight < 0:
            raise OptionError("latents and hidden must be positive, kl_weight not negative")
        if not 0 < self.top <= 1:
            raise OptionError(f"top={self.top:g} is a share of the frames: more than 0 and at most 1")


class GammaObservation(ClipDensityDetector):
    """How improbable mel power is as a gamma about what the network expects.

    Scores: ``deviance_top``, the mean over bands of 2k·d_IS(x|μ) in the frames where it is highest;
    ``deviance``, the same of all frames; ``log_ratio_gaussian``, the squared Mahalanobis distance of the
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
        width, wide = c.context * c.front_end.n_mels, [c.hidden] * 4
        return nn.ModuleDict(
            {
                "observation": BandGamma(len(generators), c.context, c.front_end.n_mels),
                "encoder": Stack(generators, [width, *wide]),
                "first": Linear(generators, c.hidden, c.latents),
                "second": Linear(generators, c.hidden, c.latents),
                "decoder": Stack(generators, [c.latents, *wide]),
                "level": Linear(generators, c.hidden, width),
            }
        )

    def prepare(self, network: torch.nn.ModuleDict, frames: np.ndarray, starts: Sequence[np.ndarray]) -> None:
        """Levels and spreads of the bands, and a first guess of the shapes, from each machine's windows."""
        import torch

        context, observation = self.config.context, _observation(network)
        windows = context_windows(frames, context)
        for machine, its in enumerate(starts):
            heard = np.unique(its[:, None] + np.arange(context))
            mean = frames[heard].mean(axis=0, dtype=np.float64)
            sd = np.maximum(frames[heard].std(axis=0, dtype=np.float64), _LEAST_SD)
            some = windows[its[:: -(-len(its) // _WINDOWS)]].astype(np.float64)
            shape = moment_shape(10 ** (some.reshape(len(some), context, -1) / 10))
            with torch.no_grad():
                observation.mean[machine, 0] = torch.from_numpy(np.tile(mean, context))
                observation.sd[machine, 0] = torch.from_numpy(np.tile(sd, context))
                observation.log_shape[machine, 0] = torch.from_numpy(np.log(shape))

    def posterior(
        self, network: torch.nn.ModuleDict, x: torch.Tensor, rows: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The code of normalised x (M, B, width): shape and scale of a gamma, or mean and logarithm of the
        variance of a Gaussian, each (M, B, latents)."""
        from torch.nn.functional import softplus

        h = network["encoder"](x, rows)  # (M, B, hidden)
        first, second = network["first"](h), network["second"](h)  # (M, B, latents)
        if self.config.latent == "gamma":
            return softplus(first) + 0.1, softplus(second) + _SMALLEST
        return first, second.clamp(-20, 20)

    def moments(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and variance of the posterior, each (M, B, latents)."""
        if self.config.latent == "gamma":
            return first * second, first * second.square()
        return first, second.exp()

    def sample(
        self,
        first: torch.Tensor,
        second: torch.Tensor,
        generators: Sequence[torch.Generator],
    ) -> torch.Tensor:
        """A draw from the posterior through which gradients flow, (M, B, latents)."""
        import torch

        from auscult.detectors.reconstruction.latents import drawn

        if self.config.latent == "gamma":
            draws = drawn(first, generators, lambda k, g: torch._standard_gamma(k, generator=g))
            return (second * draws).clamp_min(_SMALLEST)
        draws = drawn(
            first, generators, lambda m, g: torch.randn(m.shape, dtype=m.dtype, generator=g, device=m.device)
        )
        return first + (second / 2).exp() * draws

    def divergence_from_prior(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """KL divergence of the posterior from Gamma(2, 1) or from the standard normal, (M, B, latents)."""
        from auscult.detectors.reconstruction import gamma_kl

        if self.config.latent == "gamma":
            return gamma_kl.exact(first, second, *_PRIOR)
        return (first.square() + second.exp() - second - 1) / 2

    def loss(
        self,
        network: torch.nn.ModuleDict,
        x: torch.Tensor,
        rows: torch.Tensor,
        generators: Sequence[torch.Generator],
        epochs: torch.Tensor,
    ) -> Loss:
        from auscult.detectors.reconstruction.latents import active_units
        from auscult.detectors.reconstruction.observation import mean_divergence

        observation = _observation(network)
        count = rows.sum(1).clamp(min=1)  # (M, 1)
        x = observation.normalised(x)
        code = self.posterior(network, x, rows)
        z = self.sample(*code, generators)  # (M, B, latents)
        log_ratio = observation.log_ratio(x, network["level"](network["decoder"](z, rows)))
        each = mean_divergence(log_ratio, rows)  # (M, 1, width)
        band = each.unflatten(2, (self.config.context, -1)).mean(2)  # (M, 1, bands)
        shapes = observation.shapes()  # (M, 1, bands)
        surprise = (shapes * band + normaliser(shapes)).mean((1, 2))  # (M,)
        kl = (self.divergence_from_prior(*code) * rows).sum(1) / count  # (M, latents)
        total = surprise + self.config.kl_weight / x.shape[2] * kl.sum(1)
        mean, variance = self.moments(*(parameter.detach() for parameter in code))
        figures = {
            "reconstruction": band.mean((1, 2)),
            "kl": kl.sum(1),
            "kl_per_dimension": kl,
            "active_units": active_units(mean, variance, rows),
        }
        return total, figures

    def outputs(self, network: torch.nn.ModuleDict, x: torch.Tensor) -> dict[str, torch.Tensor]:
        import torch

        observation = _observation(network)
        x = observation.normalised(x)
        code = self.posterior(network, x)
        log_ratio = observation.log_ratio(x, network["level"](network["decoder"](self.moments(*code)[0])))
        deviance = 2 * observation.shapes_of_windows() * divergence(log_ratio)
        logarithmic = self.config.latent == "gamma"
        return {
            "log_ratio": log_ratio,  # (M, N, width)
            "deviance": deviance,  # (M, N, width)
            "code": torch.cat([c.log() if logarithmic else c for c in code], dim=2),  # (M, N, 2 · latents)
            "shapes": observation.shapes(),  # (M, 1, bands)
        }

    def describe(self) -> str:
        return f"{super().describe()}, latent={self.config.latent} kl_weight={self.config.kl_weight:g}"

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        return {"network": (None,), **density_shapes("log_ratio", 2 * self.config.front_end.n_mels)}

    def pooled(self, windows: np.ndarray, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A clip's ``log_ratio`` (2 · bands,): mean log(x/μ) and logarithm of the mean deviance of a band."""
        return {"log_ratio": self._pooled(*self._frames(outputs))}

    def after_training(self, recordings: Sequence[AudioClip]) -> None:
        """Learns its density, and tells what the network has learnt."""
        super().after_training(recordings)
        shapes = self.run(self._windows(recordings[0])[:1])["shapes"][0]
        self.facts["shapes"] = [round(float(k), 3) for k in shapes]
        last = self.facts["history"][-1]
        self.facts["collapsed"] = last["active_units"] < 0.5
        if self.facts["collapsed"]:
            self.facts["warnings"].append(
                f"the posterior has collapsed: no latent carries anything of the input (KL {last['kl']:.4g} "
                f"nats, latent={self.config.latent} kl_weight={self.config.kl_weight:g}); the detector "
                "expects one constant spectrum, and its scores tell only how far a clip is from that"
            )

    def adapted(self, recordings: Sequence[AudioClip]) -> GammaObservation:
        """A new detector that takes these recordings for normal too; see `Detector.adapted`.

        The network stays, and with it the deviances; the density of log-ratios is that of all recordings.
        """
        if not recordings:
            raise FitError(f"{self.name}: there are no recordings to adapt to")
        other = self._copy()
        assert isinstance(other, GammaObservation)
        target = of_target(recordings)
        clips = [self._windows(r) for r in recordings]
        other.take_in(((windows, self.run(windows)) for windows in clips), target)
        known = [int(count) for count in other.density("log_ratio").counts]
        other.facts.setdefault("adaptations", []).append(
            f"{sum(~target)} source and {sum(target)} target clips taken in: the density of log-ratios knows "
            f"{known[0]} source and {known[1]} target clips now; deviances unchanged"
        )
        return other

    def codes(self, recording: AudioClip) -> np.ndarray:
        """(V, 2 · latents) code of each window: logarithms of shapes and scales, or means and logarithms of
        variances."""
        return self.run(self._windows(recording))["code"].astype(np.float64)

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        log_ratio, deviance = self._frames(self.run(self._windows(recording)))  # (T, bands)
        by_frame = deviance.mean(axis=1)  # (T,)
        kept = max(1, round(self.config.top * len(by_frame)))
        top = np.argsort(-by_frame, kind="stable")[:kept]
        distance, shares, _ = self.density("log_ratio").distance(self._pooled(log_ratio, deviance))
        scores = {
            "deviance_top": float(by_frame[top].mean()),
            "deviance": float(by_frame.mean()),
            "log_ratio_gaussian": distance,
        }
        if not explain:
            return Evidence(scores)
        frames, bands = deviance.shape
        counted = np.zeros((frames, 1))
        counted[top] = frames / kept
        when = deviance / np.maximum(deviance.mean(axis=0), SMALLEST_DEVIANCE)
        maps = {
            "deviance_top": counted * deviance / bands,
            "deviance": deviance / bands,
            "log_ratio_gaussian": when * shares.reshape(2, bands).sum(axis=0),
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

    def _frames(self, outputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """log(x/μ) and deviance of every frame, (T, bands) float64 each: means over the windows with it."""
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

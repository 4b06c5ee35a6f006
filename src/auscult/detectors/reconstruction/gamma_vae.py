"""The gamma VAE of the DCASE 2024 Task 2 report, in every variant that the report allows.

Table 1 of the report: encoder four times Linear(128) + BatchNorm + ReLU; two heads Linear(8) with softmax,
``fc_mu`` and ``fc_var``; decoder four times Linear(128) + BatchNorm + ReLU, then Linear(640): 268,944
parameters. Loss: mean squared error + kl_weight · mean over vectors of the sum over latents of the KL term.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.base import Evidence
from auscult.detectors.reconstruction.clip_densities import density_shapes
from auscult.detectors.reconstruction.reconstruction import NetworkConfig, NetworkDetector
from auscult.errors import OptionError
from auscult.spectrum import spread_over_frames

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import GraphEvidence, Value
    from auscult.detectors.training.step import Loss

_CHOICES = {
    "latent": ("shape_scale", "shape_rate", "mean_variance"),
    "head": ("softmax", "softplus"),
    "kl": ("eq2_text_labels", "eq2_shape_scale", "exact"),
    "sampler": ("implicit", "weibull", "mean"),
}
_EPSILON = 1e-6  # lower limit of samples: a gamma distribution of small shape has much of its mass below it


@dataclass
class GammaVAEConfig(NetworkConfig):
    """Options for everything that the report leaves open; the defaults are the preset ``exact``."""

    latent: str = "shape_scale"  # parameters that the heads output: shape_scale, shape_rate, mean_variance
    head: str = "softplus"  # softmax (the report), softplus (adds 0.1 to the first head)
    kl: str = "exact"  # eq2_text_labels, eq2_shape_scale (unbounded for a prior shape > 1), exact
    sampler: str = "implicit"  # implicit (gamma), weibull (Weibull posterior, needs kl=exact), mean (none)
    prior_shape: float = 2.0
    prior_scale: float = 1.0
    kl_weight: float = 1.0
    kl_warmup: int = 10  # epochs over which the weight rises to kl_weight; 0: full from the start
    latents: int = 8
    hidden: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        for option, choices in _CHOICES.items():
            if getattr(self, option) not in choices:
                raise OptionError(f"{option}={getattr(self, option)!r}: choose one of {', '.join(choices)}")
        if self.sampler == "weibull" and self.kl != "exact":
            raise OptionError("sampler=weibull has its own exact divergence: it needs kl=exact")
        if min(self.prior_shape, self.prior_scale) <= 0:
            raise OptionError("prior_shape and prior_scale must be positive")
        if min(self.latents, self.hidden) < 1 or min(self.kl_weight, self.kl_warmup) < 0:
            raise OptionError("latents and hidden must be positive, kl_weight and kl_warmup not negative")

    @property
    def variant(self) -> str:
        """The options that determine whether the loss is bounded below, for messages."""
        return (
            f"latent={self.latent} head={self.head} kl={self.kl} sampler={self.sampler} "
            f"prior=({self.prior_shape:g}, {self.prior_scale:g}) kl_weight={self.kl_weight:g}"
        )


class GammaVAE(NetworkDetector):
    """A variational autoencoder with gamma latents (Figurnov et al. 2018 for the pathwise gradients)."""

    name = "gamma_vae"
    has_codes = True
    config: GammaVAEConfig
    config_type = GammaVAEConfig
    scores = (*NetworkDetector.scores, "latent")
    presets: ClassVar = {
        "exact": {},
        "report": {"head": "softmax", "kl": "eq2_text_labels", "kl_warmup": 0},
    }

    def build(self, generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
        from torch import nn

        from auscult.detectors.training.layers import Linear, Stack

        c = self.config
        width, hidden = c.context * c.front_end.n_mels, [c.hidden] * 4
        return nn.ModuleDict(
            {
                "encoder": Stack(generators, [width, *hidden]),
                "fc_mu": Linear(generators, c.hidden, c.latents),
                "fc_var": Linear(generators, c.hidden, c.latents),
                "decoder": Stack(generators, [c.latents, *hidden]),
                "rebuild": Linear(generators, c.hidden, width),
            }
        )

    def posterior(
        self, network: torch.nn.ModuleDict, x: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return shape and scale of the posterior, each (M, B, latents).

        Args:
            network: the network of the fleet.
            x: (M, B, width), windows.
            mask: (M, B, 1), 1 for real vectors and 0 for padding; ``None``: all are real.
        """
        from torch.nn.functional import softmax, softplus

        h = network["encoder"](x, mask)  # (M, B, hidden)
        first, second = network["fc_mu"](h), network["fc_var"](h)  # (M, B, latents)
        if self.config.head == "softmax":
            first, second = softmax(first, dim=-1), softmax(second, dim=-1)
        else:
            first, second = softplus(first) + 0.1, softplus(second) + _EPSILON
        if self.config.latent == "shape_rate":
            return first, 1 / second
        if self.config.latent == "mean_variance":  # a softmax can underflow to 0, and 0 / 0 is undefined
            first, second = first.clamp_min(_EPSILON), second.clamp_min(_EPSILON)
            return first.square() / second, second / first
        return first, second

    def moments(self, shape: torch.Tensor, scale: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and variance of the posterior, each (M, B, latents)."""
        if self.config.sampler == "weibull":
            from auscult.detectors.reconstruction.gamma_kl import log_gamma

            mean = scale * log_gamma(1 + 1 / shape).exp()
            return mean, scale.square() * log_gamma(1 + 2 / shape).exp() - mean.square()
        return shape * scale, shape * scale.square()

    def sample(
        self,
        shape: torch.Tensor,
        scale: torch.Tensor,
        generators: Sequence[torch.Generator],
    ) -> torch.Tensor:
        """Return a sample of the posterior that passes gradients on, (M, B, latents)."""
        import torch

        from auscult.detectors.reconstruction.latents import sample_per_machine

        if self.config.sampler == "mean":
            return self.moments(shape, scale)[0].clamp_min(_EPSILON)
        if self.config.sampler == "weibull":
            uniform = sample_per_machine(
                shape, generators, lambda k, g: torch.rand(k.shape, generator=g, device=k.device)
            )
            unscaled = (-torch.log1p(-uniform)).clamp_min(1e-30).pow(1 / shape)
        else:
            unscaled = sample_per_machine(
                shape, generators, lambda k, g: torch._standard_gamma(k, generator=g)
            )
        return (scale * unscaled).clamp_min(_EPSILON)

    def loss(
        self,
        network: torch.nn.ModuleDict,
        x: torch.Tensor,
        mask: torch.Tensor,
        generators: Sequence[torch.Generator],
        epochs: torch.Tensor,
    ) -> Loss:
        from auscult.detectors.reconstruction import gamma_kl
        from auscult.detectors.reconstruction.latents import active_units
        from auscult.detectors.training.layers import mean_squared_error

        c = self.config
        divergence = gamma_kl.weibull if c.sampler == "weibull" else gamma_kl.KL[c.kl]
        shape, scale = self.posterior(network, x, mask)
        z = self.sample(shape, scale, generators)  # (M, B, latents)
        reconstructed = network["rebuild"](network["decoder"](z, mask))  # (M, B, width)
        count = mask.sum(1).clamp(min=1)  # (M, 1)
        kl = (divergence(shape, scale, c.prior_shape, c.prior_scale) * mask).sum(1) / count  # (M, latents)
        error = mean_squared_error(reconstructed, x, mask)  # (M,)
        weight = c.kl_weight * ((epochs + 1) / max(1, c.kl_warmup)).clamp(max=1.0)  # (M,)
        total = error + weight * kl.sum(1)
        active = active_units(*self.moments(shape.detach(), scale.detach()), mask)
        figures = {"reconstruction": error, "kl": kl.sum(1), "kl_per_dimension": kl, "active_units": active}
        return total, figures

    def outputs(self, network: torch.nn.ModuleDict, x: torch.Tensor) -> dict[str, torch.Tensor]:
        shape, scale = self.posterior(network, x)
        mean, _ = self.moments(shape, scale)
        reconstructed = network["rebuild"](network["decoder"](mean))
        return {"rebuilt": reconstructed, "shape": shape, "scale": scale}

    def describe(self) -> str:
        return f"{super().describe()}, {self.config.variant}"

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        return {**super().expected_shapes(), **density_shapes("latent", 2 * self.config.latents)}

    def pooled(self, windows: np.ndarray, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the pooled residual, and the clip's mean code ``latent`` (2 · latents,)."""
        return {**super().pooled(windows, outputs), "latent": self._codes(outputs).mean(axis=0)}

    def fit_densities(self, recordings: Sequence[AudioClip]) -> None:
        """Fit the densities, and add a warning if the posterior has collapsed."""
        super().fit_densities(recordings)
        last = self.facts["history"][-1]
        self.facts["collapsed"] = last["active_units"] < 0.5
        if self.facts["collapsed"]:
            self.facts["warnings"].append(
                "the posterior has collapsed: no latent carries information about the input "
                f"(KL {last['kl']:.4g} nats, {self.config.variant}); the detector reconstructs one constant "
                "window, and its scores only measure how far a clip is from that window"
            )

    def codes(self, recording: AudioClip) -> np.ndarray:
        """Return (V, 2 · latents) float64: logarithms of shapes and scales of each window's posterior."""
        return self._codes(self.run(self._windows(recording)))

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        windows = self._windows(recording)
        outputs = self.run(windows)
        residual = self.residual_evidence(outputs["rebuilt"] - windows, explain=explain)
        density, codes = self.density("latent"), self._codes(outputs)  # (V, 2 · latents)
        distance, _, nearest_mean = density.distance(codes.mean(axis=0))
        scores = {**residual.scores, "latent": distance}
        if not explain:
            return Evidence(scores)
        # A code has no frequency axis: the contribution of a frame is distributed evenly over its bands.
        bands, context = self.config.front_end.n_mels, self.config.context
        deviation = codes - nearest_mean
        share = deviation @ (density.precision @ deviation.mean(axis=0))  # (V,); mean: squared distance
        frames = spread_over_frames(np.repeat(share[:, None] / bands, context, axis=1), context)
        return Evidence(
            scores, {**residual.maps, "latent": np.repeat(frames.astype(np.float32), bands, axis=1)}
        )

    def export(self, samples: Value) -> GraphEvidence:
        from auscult.detectors.reconstruction.latent_onnx import latent_evidence

        windows, network = self.run_in_graph(samples)
        residual = self.residual_evidence_in_graph(network("rebuilt") - windows)
        bands, context = self.config.front_end.n_mels, self.config.context
        latent = latent_evidence(network("shape"), network("scale"), context, bands, self.density("latent"))
        return residual | latent

    @staticmethod
    def _codes(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        parameters = np.concatenate([outputs["shape"], outputs["scale"]], axis=1)
        return np.log(parameters.astype(np.float64))

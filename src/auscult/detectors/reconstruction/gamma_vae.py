"""The gamma VAE of the DCASE 2024 Task 2 report, in every variant that the report allows.

Table 1 of the report: encoder four times Linear(128) + BatchNorm + ReLU; two heads Linear(8) with softmax,
``fc_mu`` and ``fc_var``; decoder four times Linear(128) + BatchNorm + ReLU, then Linear(640): 268,944
parameters. Loss: mean squared error + kl_weight · mean over vectors of the sum over latents of the KL term.

The report does not say which code it used. The gamma VAE of the collection PyTorch-VAE (A. K. Subramanian,
2020) has the same head names, softmax heads and letters; the preset ``public_code`` does what that code does,
with the report's width and learning rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.base import Evidence
from auscult.detectors.reconstruction.clip_densities import density_shapes
from auscult.detectors.reconstruction.code_samples import (
    BOOST,
    EPSILON,
    SMALLEST_SHAPE,
    draw_codes,
    fitting_numbers,
    mean_evidence,
    scoring_numbers,
)
from auscult.detectors.reconstruction.gamma_vae_config import GammaVAEConfig
from auscult.detectors.reconstruction.network import ScoringGraph
from auscult.detectors.reconstruction.reconstruction import NetworkDetector
from auscult.errors import OptionError
from auscult.spectrum import spread_over_frames

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import GraphEvidence, Value
    from auscult.detectors.training.layers_onnx import TrainedNetwork
    from auscult.detectors.training.step import Loss


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
        "public_code": {
            "latent": "shape_rate",
            "head": "softmax",
            "kl": "arguments_reversed",
            "sampler": "boosted_uncorrected",
            "kl_warmup": 0,
            "scoring": "sample",
        },
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
            first, second = softplus(first) + SMALLEST_SHAPE, softplus(second) + EPSILON
        if self.config.latent == "shape_scale":
            return first, second
        # A softmax can underflow to 0, by which nothing can be divided.
        first, second = first.clamp_min(EPSILON), second.clamp_min(EPSILON)
        if self.config.latent == "shape_rate":
            return first, 1 / second
        return first.square() / second, second / first

    def moments(self, shape: torch.Tensor, scale: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and variance of the distribution that is sampled, each (M, B, latents)."""
        if self.config.sampler == "weibull":
            from auscult.detectors.reconstruction.gamma_kl import log_gamma

            mean = scale * log_gamma(1 + 1 / shape).exp()
            return mean, scale.square() * log_gamma(1 + 2 / shape).exp() - mean.square()
        if self.config.sampler == "boosted_uncorrected":
            shape = shape + BOOST
        return shape * scale, shape * scale.square()

    def sample(
        self,
        shape: torch.Tensor,
        scale: torch.Tensor,
        generators: Sequence[torch.Generator],
    ) -> torch.Tensor:
        """Return a sample that passes gradients on, (M, B, latents).

        ``boosted_uncorrected`` is the sampler of the public code, after Naesseth et al., "Reparameterization
        gradients through acceptance-rejection sampling algorithms", AISTATS 2017. That code draws ẑ from
        Gamma(shape + 8, 1), computes a normal variate ε from it by the inverse of the transform of Marsaglia
        & Tsang (ACM Trans. Math. Softw. 26, 2000), and transforms ε again. The two cancel, so the shape gets
        no gradient, and the factor that would undo the increase of the shape is missing. What remains is ẑ, a
        constant for the gradient, times the scale.
        """
        import torch

        from auscult.detectors.reconstruction.latents import sample_per_machine

        if self.config.sampler == "mean":
            return self.moments(shape, scale)[0].clamp_min(EPSILON)
        if self.config.sampler == "weibull":
            uniform = sample_per_machine(
                shape, generators, lambda k, g: torch.rand(k.shape, generator=g, device=k.device)
            )
            unscaled = (-torch.log1p(-uniform)).clamp_min(1e-30).pow(1 / shape)
        else:
            if self.config.sampler == "boosted_uncorrected":
                shape = shape.detach() + BOOST
            unscaled = sample_per_machine(
                shape, generators, lambda k, g: torch._standard_gamma(k, generator=g)
            )
        return (scale * unscaled).clamp_min(EPSILON)

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

    def outputs(self, network: TrainedNetwork, x: Value) -> dict[str, Value]:
        from auscult.detectors.reconstruction.gamma_vae_onnx import posterior, posterior_mean

        shape, scale = posterior(network, x, self.config)
        parameters = {"shape": shape, "scale": scale}
        if self.config.draws:  # the codes are drawn when scoring, and decoded by a graph of its own
            return parameters
        return {**self.decoded(network, posterior_mean(shape, scale, self.config.sampler)), **parameters}

    def decoded(self, network: TrainedNetwork, codes: Value) -> dict[str, Value]:
        """Return the reconstruction ``rebuilt`` (N, width) of codes (N, latents)."""
        return {"rebuilt": network.linear("rebuild", network.stack("decoder", codes))}

    def graphs(self) -> dict[str, ScoringGraph]:
        """Return the network, and for random codes its decoder as well."""
        decoder = {"decoder": ScoringGraph(self.decoded, self.config.latents)} if self.config.draws else {}
        return {**super().graphs(), **decoder}

    def describe(self) -> str:
        return f"{super().describe()}, {self.config.variant}"

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        networks = {name: (None,) for name in self.graphs()}
        densities = density_shapes("latent", 2 * self.config.latents)
        return {**super().expected_shapes(), **networks, **densities}

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

    def run_for_fitting(self) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """Return `run` with a sample of each window, if samples are scored, and each time another one."""
        if not self.config.draws:
            return self.run
        numbers = fitting_numbers(self.config.seed)
        return lambda windows: self._with_sample(self.run(windows), numbers)

    def _with_sample(
        self, outputs: Mapping[str, np.ndarray], numbers: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return the outputs with the reconstruction from one sample of each window."""
        codes = draw_codes(self.config.sampler, outputs["shape"], outputs["scale"], numbers)
        return {**outputs, **self.run_network({"x": codes}, "decoder")}

    def codes(self, recording: AudioClip) -> np.ndarray:
        """Return (V, 2 · latents) float64: logarithms of shapes and scales of each window's posterior."""
        return self._codes(self.run(self._windows(recording)))

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        self.check_fitted()
        windows = self._windows(recording)
        outputs = self.run(windows)
        residuals = (rebuilt - windows for rebuilt in self._reconstructions(outputs))
        residual = mean_evidence(self.residual_evidence(r, explain=explain) for r in residuals)
        density, codes = self.density("latent"), self._codes(outputs)  # (V, 2 · latents)
        distance, _, nearest_mean = density.distance(codes.mean(axis=0))
        scores = {**residual.scores, "latent": float(distance)}
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

    def _reconstructions(self, outputs: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the reconstruction (V, width) of a recording from the mean code, or from each sample."""
        if not self.config.draws:
            yield outputs["rebuilt"]
        numbers = scoring_numbers(self.config.seed)
        for _ in range(self.config.draws):
            yield self._with_sample(outputs, numbers)["rebuilt"]

    def export(self, samples: Value) -> GraphEvidence:
        if self.config.draws:
            raise OptionError(
                f"{self.name} with scoring={self.config.scoring} cannot be exported: its scores depend on "
                "random codes, and ONNX has no generator that gives the same numbers everywhere, and no "
                "quantile function of a gamma distribution; fit it with scoring=mean"
            )
        from auscult.detectors.reconstruction.gamma_vae_onnx import latent_evidence

        windows, network = self.run_in_graph(samples)
        residual = self.residual_evidence_in_graph(network("rebuilt") - windows)
        bands, context = self.config.front_end.n_mels, self.config.context
        latent = latent_evidence(network("shape"), network("scale"), context, bands, self.density("latent"))
        return residual | latent

    @staticmethod
    def _codes(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        parameters = np.concatenate([outputs["shape"], outputs["scale"]], axis=1)
        return np.log(parameters.astype(np.float64))

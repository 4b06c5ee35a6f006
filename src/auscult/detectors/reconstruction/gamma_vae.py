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
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.base import Evidence
from auscult.detectors.reconstruction import gamma_kl
from auscult.detectors.reconstruction.code_samples import (
    BOOST,
    EPSILON,
    SMALLEST_SHAPE,
    draw_codes,
    fitting_numbers,
    mean_evidence,
    scoring_numbers,
)
from auscult.detectors.reconstruction.latent_scorer import LatentScorer
from auscult.detectors.reconstruction.network_detector import NetworkDetector
from auscult.detectors.reconstruction.residual_scorer import ReconstructionConfig, ResidualScorer
from auscult.detectors.reconstruction.scorer import Outputs
from auscult.detectors.reconstruction.window_network import WindowNetwork
from auscult.detectors.representable import LatentSpace, Representation
from auscult.errors import OptionError
from auscult.runtime.option_fields import option

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import GraphEvidence, Value
    from auscult.detectors.training.layers_onnx import TrainedNetwork
    from auscult.detectors.training.step import Batch, Loss

#: Largest number of samples of each window, for scores in a reasonable time.
_MAX_DRAWS = 1000


@dataclass
class GammaVAEConfig(ReconstructionConfig):
    """Options for everything that the report leaves open; the defaults are the preset ``exact``."""

    latent: str = option(
        "shape_scale",
        "Parameters of the gamma distribution that the two heads output.",
        choices=("shape_scale", "shape_rate", "mean_variance"),
    )
    head: str = option(
        "softplus",
        "Activation of the heads: softmax as in the report; softplus, which adds 0.1 to the first head.",
        choices=("softmax", "softplus"),
    )
    kl: str = option(
        "exact",
        "Divergence of the code from its prior: exact; eq2_text_labels and eq2_shape_scale are two readings "
        "of equation 2 of the report, of which the second is unbounded for a prior shape above 1; "
        "arguments_reversed is that of the public code.",
        choices=("eq2_text_labels", "eq2_shape_scale", "exact", "arguments_reversed"),
    )
    sampler: str = option(
        "implicit",
        "How codes are sampled in training: implicit is a gamma distribution; boosted_uncorrected is as in "
        "the public code, where the shape is 8 too large and gets no gradient; weibull is a Weibull "
        "posterior, which needs kl=exact; mean draws no samples.",
        choices=("implicit", "boosted_uncorrected", "weibull", "mean"),
    )
    scoring: str = option(
        "mean",
        "Code that is decoded for the scores: mean (of the sampler's distribution), sample (one sample), or "
        "a number N, for the mean of the scores of N samples.",
    )
    prior_shape: float = option(2.0, "Shape of the gamma prior of the code.")
    prior_scale: float = option(1.0, "Scale of the gamma prior of the code.")
    kl_weight: float = option(1.0, "Weight of the divergence in the loss.")
    kl_warmup: int = option(
        10, "Number of epochs over which the weight rises to kl_weight; 0: full weight from the start."
    )
    latents: int = option(8, "Width of the code.")
    hidden: int = option(128, "Width of the hidden layers.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sampler == "weibull" and self.kl != "exact":
            raise OptionError("sampler=weibull has its own exact divergence: it needs kl=exact")
        if min(self.prior_shape, self.prior_scale) <= 0:
            raise OptionError("prior_shape and prior_scale must be positive")
        if min(self.latents, self.hidden) < 1 or min(self.kl_weight, self.kl_warmup) < 0:
            raise OptionError("latents and hidden must be positive, kl_weight and kl_warmup not negative")
        if self.scoring not in ("mean", "sample") and not (
            self.scoring.isdecimal() and 1 <= int(self.scoring) <= _MAX_DRAWS
        ):
            raise OptionError(
                f"scoring={self.scoring!r}: choose mean, sample, or a number of samples, 1 to {_MAX_DRAWS}"
            )
        if self.draws and self.sampler == "mean":
            raise OptionError(f"sampler=mean draws no samples, so scoring={self.scoring} is not possible")

    @property
    def draws(self) -> int:
        """Number of samples of each window when scoring; 0 if the mean is decoded instead."""
        if self.scoring == "mean":
            return 0
        return 1 if self.scoring == "sample" else int(self.scoring)

    @property
    def variant(self) -> str:
        """The options that determine whether the loss is bounded below."""
        return (
            f"latent={self.latent} head={self.head} kl={self.kl} sampler={self.sampler} "
            f"prior=({self.prior_shape:g}, {self.prior_scale:g}) kl_weight={self.kl_weight:g}"
        )


class GammaVAENetwork(WindowNetwork):
    """Encoder, two heads that give shape and scale of the code's posterior, and decoder."""

    config: GammaVAEConfig

    def build(self, generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
        from torch import nn

        from auscult.detectors.training.layers import Linear, Stack

        c = self.config
        hidden = [c.hidden] * 4
        return nn.ModuleDict(
            {
                "encoder": Stack(generators, [c.width, *hidden]),
                "fc_mu": Linear(generators, c.hidden, c.latents),
                "fc_var": Linear(generators, c.hidden, c.latents),
                "decoder": Stack(generators, [c.latents, *hidden]),
                "rebuild": Linear(generators, c.hidden, c.width),
            }
        )

    def posterior(
        self, modules: torch.nn.ModuleDict, x: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return shape and scale of the posterior, each (M, B, latents), of x (M, B, width).

        The mask is that of a `Batch`; ``None``: all vectors are real.
        """
        from torch.nn.functional import softmax, softplus

        h = modules["encoder"](x, mask)  # (M, B, hidden)
        first, second = modules["fc_mu"](h), modules["fc_var"](h)  # (M, B, latents)
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

    def loss(self, modules: torch.nn.ModuleDict, batch: Batch) -> Loss:
        from auscult.detectors.reconstruction.latents import active_units, gamma_moments, sample_gamma
        from auscult.detectors.training.layers import mean_squared_error

        c, mask = self.config, batch.mask
        divergence = gamma_kl.weibull if c.sampler == "weibull" else gamma_kl.KL[c.kl]
        shape, scale = self.posterior(modules, batch.x, mask)
        z = sample_gamma(shape, scale, batch.generators, c.sampler)  # (M, B, latents)
        rebuilt = modules["rebuild"](modules["decoder"](z, mask))  # (M, B, width)
        count = mask.sum(1).clamp(min=1)  # (M, 1)
        kl = (divergence(shape, scale, c.prior_shape, c.prior_scale) * mask).sum(1) / count  # (M, latents)
        error = mean_squared_error(rebuilt, batch.x, mask)  # (M,)
        weight = c.kl_weight * ((batch.epochs + 1) / max(1, c.kl_warmup)).clamp(max=1.0)  # (M,)
        active = active_units(*gamma_moments(shape.detach(), scale.detach(), c.sampler), mask)
        figures = {"reconstruction": error, "kl": kl.sum(1), "kl_per_dimension": kl, "active_units": active}
        return error + weight * kl.sum(1), figures

    def outputs(self, trained: TrainedNetwork, x: Value) -> dict[str, Value]:
        shape, scale = self.posterior_in_graph(trained, x)
        parameters = {"shape": shape, "scale": scale}
        if self.config.draws:  # the codes are drawn when scoring, and decoded by a graph of its own
            return parameters
        return {**self.decoded(trained, self.mean_in_graph(shape, scale)), **parameters}

    def decoded(self, trained: TrainedNetwork, codes: Value) -> dict[str, Value]:
        """Return the reconstruction ``rebuilt`` (N, width) of codes (N, latents)."""
        return {"rebuilt": trained.linear("rebuild", trained.stack("decoder", codes))}

    def stored(self, trained: TrainedNetwork) -> dict[str, np.ndarray]:
        decoder = {"decoder": trained.to_onnx(self.decoded, self.config.latents)} if self.config.draws else {}
        return {**super().stored(trained), **decoder}

    def posterior_in_graph(self, trained: TrainedNetwork, x: Value) -> tuple[Value, Value]:
        """Return `posterior` of windows x (N, width) in an ONNX graph, each (N, latents) float32."""
        graph = x.graph
        h = trained.stack("encoder", x)  # (N, hidden)
        first, second = trained.linear("fc_mu", h), trained.linear("fc_var", h)  # (N, latents)
        if self.config.head == "softmax":
            first, second = graph.Softmax(first), graph.Softmax(second)
        else:
            first = graph.Softplus(first) + np.float32(SMALLEST_SHAPE)
            second = graph.Softplus(second) + np.float32(EPSILON)
        if self.config.latent == "shape_scale":
            return first, second
        first, second = graph.Max(first, np.float32(EPSILON)), graph.Max(second, np.float32(EPSILON))
        if self.config.latent == "shape_rate":
            return first, graph.Reciprocal(second)
        return first.square() / second, second / first

    def mean_in_graph(self, shape: Value, scale: Value) -> Value:
        """Return the mean of `latents.gamma_moments` in an ONNX graph, (N, latents) float32."""
        if self.config.sampler == "weibull":  # in float64, the type of the numbers in `log_gamma`
            return (scale.double() * gamma_kl.log_gamma(1.0 + 1.0 / shape.double()).exp()).float()
        if self.config.sampler == "boosted_uncorrected":
            shape = shape + np.float32(BOOST)
        return shape * scale


class GammaVAE(NetworkDetector, LatentSpace):
    """A variational autoencoder with gamma latents (Figurnov et al. 2018 for the pathwise gradients)."""

    name = "gamma_vae"
    config: GammaVAEConfig
    config_type = GammaVAEConfig
    network_type = GammaVAENetwork
    scores = (*ResidualScorer.scores, *LatentScorer.scores)
    fits_frame_length = False  # always the frames of the baseline
    batch_score = "mse"
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

    @property
    def scorers(self) -> tuple[ResidualScorer, LatentScorer]:
        parts = self.config, self.arrays, self.facts
        return ResidualScorer(*parts), LatentScorer(*parts, self.config.latents)

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        decoder: Mapping[str, tuple[None]] = {"decoder": (None,)} if self.config.draws else {}
        return {**super().expected_shapes(), **decoder}

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        self.check_fitted()
        windows = self.windows(recording)
        outputs, (residual, latent) = self.run(windows), self.scorers
        samples = (residual.evidence(windows, o, explain=explain) for o in self._samples(outputs))
        return mean_evidence(samples) | latent.evidence(windows, outputs, explain=explain)

    def _samples(self, outputs: Outputs) -> Iterator[Outputs]:
        """Yield the outputs with the reconstruction of the mean code, or of each sample."""
        if not self.config.draws:
            yield outputs
        numbers = scoring_numbers(self.config.seed)
        for _ in range(self.config.draws):
            yield self._with_sample(outputs, numbers)

    def run_for_fitting(self) -> Callable[[np.ndarray], Outputs]:
        """Return `run` with a sample of each window, if samples are scored, and each time another one."""
        if not self.config.draws:
            return self.run
        numbers = fitting_numbers(self.config.seed)
        return lambda windows: self._with_sample(self.run(windows), numbers)

    def _with_sample(self, outputs: Outputs, numbers: np.random.Generator) -> Outputs:
        """Return the outputs with the reconstruction from one sample of each window."""
        codes = draw_codes(self.config.sampler, outputs["shape"], outputs["scale"], numbers)
        return {**outputs, **self.run_network({"x": codes}, "decoder")}

    def represent(self, recording: AudioClip) -> Representation:
        return self.representation_by(self.codes(recording))

    def codes(self, recording: AudioClip) -> np.ndarray:
        """Return (V, 2 · latents) float64: logarithms of shapes and scales of each window's posterior."""
        return LatentScorer.codes(self.run(self.windows(recording)))

    def export(self, samples: Value) -> GraphEvidence:
        if self.config.draws:
            raise OptionError(
                f"{self.name} with scoring={self.config.scoring} cannot be exported: its scores depend on "
                "random codes, and ONNX has no generator that gives the same numbers everywhere, and no "
                "quantile function of a gamma distribution; fit it with scoring=mean"
            )
        return super().export(samples)

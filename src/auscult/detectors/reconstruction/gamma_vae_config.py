"""Options of the gamma VAE, one for everything that the DCASE 2024 report leaves open."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.detectors.reconstruction.reconstruction import NetworkConfig
from auscult.errors import OptionError
from auscult.runtime.option_fields import option

_MAX_DRAWS = 1000  # samples of each window, for scores in a reasonable time


@dataclass
class GammaVAEConfig(NetworkConfig):
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
        """The options that determine whether the loss is bounded below, for messages."""
        return (
            f"latent={self.latent} head={self.head} kl={self.kl} sampler={self.sampler} "
            f"prior=({self.prior_shape:g}, {self.prior_scale:g}) kl_weight={self.kl_weight:g}"
        )

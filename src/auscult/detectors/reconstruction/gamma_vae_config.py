"""Options of the gamma VAE, one for everything that the DCASE 2024 report leaves open."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.detectors.reconstruction.reconstruction import NetworkConfig
from auscult.errors import OptionError

_CHOICES = {
    "latent": ("shape_scale", "shape_rate", "mean_variance"),
    "head": ("softmax", "softplus"),
    "kl": ("eq2_text_labels", "eq2_shape_scale", "exact", "arguments_reversed"),
    "sampler": ("implicit", "boosted_uncorrected", "weibull", "mean"),
}
_MAX_DRAWS = 1000  # samples of each window, for scores in a reasonable time


@dataclass
class GammaVAEConfig(NetworkConfig):
    """Options for everything that the report leaves open; the defaults are the preset ``exact``."""

    latent: str = "shape_scale"  # parameters that the heads output: shape_scale, shape_rate, mean_variance
    head: str = "softplus"  # softmax (the report), softplus (adds 0.1 to the first head)
    kl: str = "exact"  # eq2_text_labels, eq2_shape_scale (unbounded for a prior shape > 1), exact,
    # arguments_reversed (as in the public code)
    sampler: str = "implicit"  # implicit (gamma), boosted_uncorrected (as in the public code: the shape is 8
    # too large and gets no gradient), weibull (Weibull posterior, needs kl=exact), mean (none)
    scoring: str = "mean"  # code that is decoded: mean (of the sampler's distribution), sample (one sample),
    # or a number N: each score is the mean over N samples of a clip
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

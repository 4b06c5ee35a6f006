"""The options of the ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from auscult.corpus.folds import FOLDS
from auscult.detectors.base import Config
from auscult.detectors.embedding.config import EmbeddingMemoryConfig
from auscult.detectors.ensemble.members import MEMBERS, Member, chosen_members
from auscult.errors import OptionError
from auscult.runtime.option_fields import option, same_option
from auscult.spectrum import order_front_end

#: Options that are passed on to the member with a pretrained encoder.
ENCODER_OPTIONS = ("encoder", "encoder_input", "encoder_output", "encoder_rate", "embed_encoder")
#: Name of a fusion to the function that is applied to the standardised scores before their mean.
FUSIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {"arsinh": np.arcsinh, "mean": np.asarray}


@dataclass
class AutoConfig(Config):
    """Options of `Auto`."""

    members: str = option(
        "untrained",
        "Names of members, comma-separated: untrained (all that are not networks), all (also networks, if "
        f"PyTorch is installed), or some of {', '.join(MEMBERS)}.",
    )
    fusion: str = option(
        "arsinh",
        "Combination of the members' standardised scores: their mean, or the mean of their arsinh.",
        choices=FUSIONS,
    )
    folds: int = option(
        FOLDS, "Folds in which the members are cross-fitted, where calibration does not set them."
    )
    order_n_fft: int | None = option(
        None,
        "Frame length of additional members that resolve the orders of a shaft; none: no such members.",
        unit="samples",
    )
    time_limit: float | None = option(None, "Approximate time limit for fitting; none: no limit.", unit="s")
    encoder: str = option(
        "",
        "ONNX file of a pretrained encoder, which becomes a member; empty: none. See "
        "docs/how-to/encoders.md.",
    )
    encoder_input: str = same_option(EmbeddingMemoryConfig, "encoder_input")
    encoder_output: str = same_option(EmbeddingMemoryConfig, "encoder_output")
    encoder_rate: int | None = same_option(EmbeddingMemoryConfig, "encoder_rate")
    embed_encoder: bool = same_option(EmbeddingMemoryConfig, "embed_encoder")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.candidates()
        if self.folds < 2:
            raise OptionError(f"folds must be at least 2, got {self.folds}")
        if self.time_limit is not None and not self.time_limit > 0:
            raise OptionError(f"time_limit must be positive, got {self.time_limit:g}")
        if self.order_n_fft is not None:
            order_front_end(self.front_end, self.order_n_fft)
        if not self.encoder and (self.encoder_output or self.encoder_rate is not None):
            raise OptionError("encoder_output and encoder_rate describe an encoder: set encoder too")

    def candidates(self) -> dict[str, Member]:
        """Return the candidate members by name."""
        options = {name: getattr(self, name) for name in ENCODER_OPTIONS}
        return chosen_members(self.members, options if self.encoder else None, self.order_n_fft)

"""The variants that `bench.reproduction` fits: both presets of the gamma VAE, each with single changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from auscult.benchmark.detector_choices import DetectorChoice


@dataclass(frozen=True)
class Variant:
    """A preset, or a preset with one option changed."""

    name: str
    choice: DetectorChoice
    settings: dict[str, Any] = field(default_factory=dict)


def variants() -> list[Variant]:
    """The autoencoder, both presets of the gamma VAE, and each preset with one option changed."""
    changes_of: dict[str, list[dict[str, Any]]] = {
        "report": [
            {"latent": "shape_rate"},
            {"latent": "mean_variance"},
            {"head": "softplus"},
            {"kl": "eq2_shape_scale"},
            {"kl": "exact"},
            {"sampler": "mean"},
            {"prior_shape": 1.0},
            {"kl_weight": 0.1},
            {"kl_weight": 10.0},
        ],
        "exact": [
            {"latent": "shape_rate"},
            {"latent": "mean_variance"},
            {"head": "softmax"},
            {"kl": "eq2_text_labels"},
            {"sampler": "weibull"},
            {"sampler": "mean"},
            {"prior_shape": 1.0},
            {"kl_weight": 0.1},
            {"kl_weight": 10.0},
            {"kl_warmup": 0},
        ],
    }
    result = [Variant("autoencoder", DetectorChoice("autoencoder"))]
    for preset, changes in changes_of.items():
        choice = DetectorChoice("gamma_vae", preset)
        result.append(Variant(preset, choice))
        for change in changes:
            ((option, value),) = change.items()
            result.append(Variant(f"{preset}, {option}={value}", choice, change))
    return result


@dataclass(frozen=True)
class VariantFit:
    """One fit of one variant."""

    data: str  # bldc or simulated
    machine: str
    folder: str
    variant: Variant
    seed: int
    epochs: int

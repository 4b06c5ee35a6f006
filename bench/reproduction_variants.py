"""The variants that `bench.reproduction` fits: all presets of the gamma VAE, each with single changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from auscult.benchmark.detector_choices import DetectorChoice

#: For every preset what is changed, one change at a time.
CHANGES: dict[str, list[dict[str, Any]]] = {
    "report": [
        {"scoring": "sample"},
        {"scoring": "20"},
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
        {"scoring": "sample"},
        {"scoring": "20"},
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
    "public_code": [
        {"scoring": "mean"},
        {"scoring": "20"},
        {"sampler": "implicit"},
        {"kl": "exact"},
        {"latents": 128, "learning_rate": 3e-3},
    ],
}
#: The readings of the report: which code it used, and whether its test drew samples, is not known.
READINGS = (
    "report",
    "report, scoring=sample",
    "exact",
    "exact, scoring=sample",
    "public_code, scoring=mean",
    "public_code",
)


@dataclass(frozen=True)
class Variant:
    """A preset, or a preset with options changed."""

    name: str
    choice: DetectorChoice
    settings: dict[str, Any] = field(default_factory=dict)


def variants(names: str = "") -> list[Variant]:
    """The autoencoder, and all presets of the gamma VAE unchanged and with each change.

    Args:
        names: the names of the variants, separated by semicolons; empty: all.

    Raises:
        ValueError: a name that is none of a variant.
    """
    result = [Variant("autoencoder", DetectorChoice("autoencoder"))]
    for preset, changes in CHANGES.items():
        choice = DetectorChoice("gamma_vae", preset)
        result.append(Variant(preset, choice))
        for change in changes:
            changed = ", ".join(f"{option}={value}" for option, value in change.items())
            result.append(Variant(f"{preset}, {changed}", choice, change))
    selected = [name.strip() for name in names.split(";") if name.strip()]
    by_name = {variant.name: variant for variant in result}
    if unknown := [name for name in selected if name not in by_name]:
        raise ValueError(f"no variant {unknown[0]!r}: choose from {'; '.join(by_name)}")
    return [by_name[name] for name in selected] if selected else result


@dataclass(frozen=True)
class VariantFit:
    """One fit of one variant."""

    data: str  # bldc or simulated
    machine: str
    folder: str
    variant: Variant
    seed: int
    epochs: int
    group_by: tuple[str, ...]  # attributes; test clips with equal values were cut from one recording

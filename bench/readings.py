"""What `bench.reproduction` fits: both presets of the gamma VAE, and one change at a time around each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from auscult.benchmark.entries import Entry


@dataclass(frozen=True)
class Variant:
    """A preset, or a preset with one option changed."""

    name: str
    entry: Entry
    settings: dict[str, Any] = field(default_factory=dict)


def variants() -> list[Variant]:
    """The autoencoder, the two presets, and one change at a time around each."""
    around: dict[str, list[dict[str, Any]]] = {
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
    found = [Variant("autoencoder", Entry("autoencoder"))]
    for preset, changes in around.items():
        entry = Entry("gamma_vae", preset)
        found.append(Variant(preset, entry))
        for change in changes:
            ((option, value),) = change.items()
            found.append(Variant(f"{preset}, {option}={value}", entry, change))
    return found


@dataclass(frozen=True)
class Task:
    """One fit of one variant."""

    data: str  # bldc or simulated
    machine: str
    folder: str
    variant: Variant
    seed: int
    epochs: int

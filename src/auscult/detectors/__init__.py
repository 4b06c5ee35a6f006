"""Registry of detectors. To add one, write a module and add it to `DETECTORS`; imported on first use."""

from __future__ import annotations

from importlib import import_module

from auscult.detectors.base import Config, Detector, Evidence, Progress
from auscult.errors import OptionError
from auscult.runtime.suggestions import did_you_mean

#: Detector name to module and class name.
DETECTORS = {
    "auto": ("auscult.detectors.ensemble.auto", "Auto"),
    "autoencoder": ("auscult.detectors.reconstruction.autoencoder", "Autoencoder"),
    "discriminative": ("auscult.detectors.discriminative.discriminative", "Discriminative"),
    "gamma_observation": ("auscult.detectors.reconstruction.gamma_observation", "GammaObservation"),
    "gamma_vae": ("auscult.detectors.reconstruction.gamma_vae", "GammaVAE"),
    "embedding_memory": ("auscult.detectors.embedding.embedding_memory", "EmbeddingMemory"),
    "pooled_gaussian": ("auscult.detectors.pooled.pooled_gaussian", "PooledGaussian"),
    "spectral_memory": ("auscult.detectors.pooled.spectral_memory", "SpectralMemory"),
    "subspace_residual": ("auscult.detectors.reconstruction.subspace_residual", "SubspaceResidual"),
}


def detector_type(name: str) -> type[Detector]:
    """Return the class of a detector.

    Raises:
        OptionError: no detector has that name; the message lists the known names.
    """
    if name not in DETECTORS:
        suggestion = did_you_mean(name, DETECTORS)
        raise OptionError(f"no detector named {name!r}{suggestion}: choose one of {', '.join(DETECTORS)}")
    module, class_name = DETECTORS[name]
    return getattr(import_module(module), class_name)


def register(kind: type[Detector]) -> None:
    """Add a detector class to the registry of this process, so that it is known by its name.

    Raises:
        OptionError: the name belongs to another class, or the class cannot be imported by name, as one that
            is defined within a function.
    """
    known = DETECTORS.get(kind.name)
    if known == (kind.__module__, kind.__qualname__):
        return
    if known is not None:
        raise OptionError(f"{kind.__qualname__}.name is {kind.name!r}, the name of another detector")
    if getattr(import_module(kind.__module__), kind.__qualname__, None) is not kind:
        raise OptionError(f"{kind.__qualname__} must be defined at the top of a module")
    DETECTORS[kind.name] = kind.__module__, kind.__qualname__


__all__ = ["DETECTORS", "Config", "Detector", "Evidence", "Progress", "detector_type", "register"]

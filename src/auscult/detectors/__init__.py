"""The table of detectors. A new one is a file beside this and a line below; it is imported when asked for."""

from __future__ import annotations

from importlib import import_module

from auscult.detectors.base import Config, Detector, Evidence, Progress
from auscult.errors import OptionError

#: Name to module and class.
DETECTORS = {
    "auto": ("auscult.detectors.ensemble.auto", "Auto"),
    "autoencoder": ("auscult.detectors.reconstruction.autoencoder", "Autoencoder"),
    "discriminative": ("auscult.detectors.discriminative.discriminative", "Discriminative"),
    "gamma_observation": ("auscult.detectors.reconstruction.gamma_observation", "GammaObservation"),
    "gamma_vae": ("auscult.detectors.reconstruction.gamma_vae", "GammaVAE"),
    "embedding_memory": ("auscult.detectors.embedding.embedding_memory", "EmbeddingMemory"),
    "pooled_gaussian": ("auscult.detectors.pooled.pooled_gaussian", "PooledGaussian"),
    "spectral_memory": ("auscult.detectors.pooled.spectral_memory", "SpectralMemory"),
}


def detector_type(name: str) -> type[Detector]:
    """The class of a detector.

    Raises:
        OptionError: there is none of that name; says which there are.
    """
    if name not in DETECTORS:
        raise OptionError(f"no detector named {name!r}: choose one of {', '.join(DETECTORS)}")
    module, attribute = DETECTORS[name]
    return getattr(import_module(module), attribute)


__all__ = ["DETECTORS", "Config", "Detector", "Evidence", "Progress", "detector_type"]

"""Registry of detectors; each is imported on first use.

A detector of auscult is a line in `DETECTORS`. Other packages add detectors by entry points (see
`auscult.detectors.plugins`), and a class that is passed to `auscult.fit` is known for the time of the
process.
"""

from __future__ import annotations

from importlib import import_module

from auscult.detectors.base import Config, Detector, Evidence, Progress
from auscult.detectors.plugins import Plugin, definition_problem, installed_plugins
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
_BUILT_IN = frozenset(DETECTORS)


def detector_type(name: str) -> type[Detector]:
    """Return the class of a detector, which is imported now if it was not yet.

    Raises:
        OptionError: no detector has that name; the message lists the known names.
        PluginError: it is the detector of another package, and cannot be used.
    """
    if name in DETECTORS:
        module, class_name = DETECTORS[name]
        return getattr(import_module(module), class_name)
    if plugin := find_plugins().get(name):
        return plugin.load()
    known = detector_names()
    suggestion = did_you_mean(name, known)
    raise OptionError(f"no detector named {name!r}{suggestion}: choose one of {', '.join(known)}")


def find_plugins() -> dict[str, Plugin]:
    """Return the detectors of other packages by name, those included that cannot be used."""
    return installed_plugins(_BUILT_IN)


def package_of(name: str) -> str:
    """Return name and version of the package that adds a detector; empty for one of `DETECTORS`."""
    return "" if name in DETECTORS else find_plugins()[name].distribution


def detector_names() -> list[str]:
    """Return the names of all detectors: `DETECTORS`, then those of other packages.

    Whether these can be imported is not known until they are used.
    """
    return [*DETECTORS, *(name for name, plugin in find_plugins().items() if not plugin.conflict)]


def register(kind: type[Detector]) -> None:
    """Add a detector class to the registry of this process, so that it is known by its name.

    Raises:
        OptionError: it does not define what a detector must, the name belongs to another class, or the class
            cannot be imported by name, as one that is defined within a function.
    """
    if problem := definition_problem(kind):
        raise OptionError(f"{getattr(kind, '__qualname__', kind)} {problem}")
    known = DETECTORS.get(kind.name)
    if known == (kind.__module__, kind.__qualname__):
        return
    plugin = find_plugins().get(kind.name)
    if plugin and not plugin.conflict and plugin.load() is kind:
        return
    if known is not None or plugin is not None:
        raise OptionError(f"{kind.__qualname__}.name is {kind.name!r}, the name of another detector")
    if getattr(import_module(kind.__module__), kind.__qualname__, None) is not kind:
        raise OptionError(f"{kind.__qualname__} must be defined at the top of a module")
    DETECTORS[kind.name] = kind.__module__, kind.__qualname__


__all__ = [
    "DETECTORS",
    "Config",
    "Detector",
    "Evidence",
    "Progress",
    "detector_names",
    "detector_type",
    "find_plugins",
    "package_of",
    "register",
]

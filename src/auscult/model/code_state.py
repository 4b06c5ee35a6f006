"""What a fitted model depends on besides recordings and settings: the code and the versions of packages.

A benchmark and `auscult.fit_machines` continue earlier work only if this has not changed. A model file stores
the digest of its detector's code, so that `auscult inspect` can state that the code has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import packages_distributions, version
from typing import Any

from auscult.detectors import Detector
from auscult.runtime.code_digest import code_digest
from auscult.runtime.versions import package_versions

#: Code that computes features and scores, from the bytes of a file on.
_SCORING_CODE = (
    "auscult.sound",
    "auscult.spectrum",
    "auscult.corpus",
    "auscult.decision",
    "auscult.detectors",
)


@lru_cache(maxsize=64)
def code_state(detector_class: type[Detector]) -> tuple[str, ...]:
    """Return digests of the code of a detector and of the thresholds, and the versions of packages.

    The code of a detector is its module and everything that the module imports from auscult's features,
    corpus and detectors. For a detector of another package it also covers the modules of that package, and
    the version of its distribution.
    """
    module = detector_class.__module__
    package = module.partition(".")[0]
    is_ours = package == "auscult"
    packages = _SCORING_CODE if is_ours else (*_SCORING_CODE, package)
    distributions = [] if is_ours else packages_distributions().get(package, [])
    return (
        code_digest(module, packages),
        code_digest("auscult.decision", _SCORING_CODE),
        *(f"{name} {version(name)}" for name in sorted(set(distributions))),
        *(f"{name} {installed}" for name, installed in package_versions().items() if name != "auscult"),
    )


def fitted_with_other_code(detector_class: type[Detector], provenance: Mapping[str, Any]) -> bool:
    """Return whether the code of a detector has changed since a model was fitted, as far as known.

    It is unknown for models of earlier versions, which have no digest, and for those fitted with another
    version of Python, which has other syntax trees: the result is then ``False``.

    Args:
        detector_class: the class of the model's detector.
        provenance: the provenance of the model.
    """
    fitted_python = str(provenance.get("versions", {}).get("python", ""))
    if "code" not in provenance or _minor(fitted_python) != _minor(package_versions()["python"]):
        return False
    return bool(provenance["code"] != code_state(detector_class)[0])


def _minor(python: str) -> list[str]:
    """The parts of a version of Python that determine its syntax: 3 and 11 of 3.11.7."""
    return python.split(".")[:2]

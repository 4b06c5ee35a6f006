"""What a fitted model depends on besides recordings and settings: the code and the versions of packages.

A benchmark and `auscult.fit_machines` continue earlier work only if this has not changed. A model file stores
the digest of its detector's code, so that the commands that use the model can warn that it has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import packages_distributions, version
from typing import Any

from auscult.detectors import Detector
from auscult.findings import Finding
from auscult.runtime.code_digest import source_digest
from auscult.runtime.code_facts import CodeFacts, code_facts
from auscult.runtime.versions import package_versions

#: Code that computes features and scores, from the bytes of a file on.
_SCORING_CODE = (
    "auscult.sound",
    "auscult.spectrum",
    "auscult.corpus",
    "auscult.decision",
    "auscult.detectors",
)


_OTHER_CODE = (
    "the code of the detector or of its features has changed since the model was fitted: new scores may not "
    "agree with its calibration, and fitting again may give another model"
)


def code_state(detector_class: type[Detector]) -> tuple[str, ...]:
    """Return digests of the code of a detector and of the thresholds, and the versions of packages.

    The code of a detector is its module and everything that the module imports from auscult's features,
    corpus and detectors, from its own package, and from local modules: files that are neither installed nor
    in the standard library (`auscult.runtime.code_digest`). Installed packages that its own and local modules
    import are identified by their version.
    """
    facts = _facts(detector_class)
    return (
        facts.code,
        code_facts("auscult.decision", _SCORING_CODE).code,
        *_distribution_versions(facts.installed),
        *(f"{name} {installed}" for name, installed in package_versions().items() if name != "auscult"),
    )


def code_provenance(detector_class: type[Detector]) -> dict[str, Any]:
    """Return what a model stores of its detector's code.

    ``code`` is the digest of what affects scores. ``source`` is that of all bytes of the source files, which
    is computed much faster, and shows that nothing has changed. ``local_code`` are the local modules among
    them.
    """
    facts = _facts(detector_class)
    return {"code": facts.code, "source": facts.source, "local_code": list(facts.local)}


def code_warning(detector_class: type[Detector], provenance: Mapping[str, Any]) -> Finding | None:
    """Return a finding if the code of a detector has changed since a model was fitted, as far as known.

    It is unknown for models of earlier versions, which have no digest, for those fitted with another version
    of Python, which has other syntax trees, and where there are no source files. There is no warning then.

    Args:
        detector_class: the class of the model's detector.
        provenance: the provenance of the model.
    """
    fitted_python = str(provenance.get("versions", {}).get("python", ""))
    if "code" not in provenance or _minor(fitted_python) != _minor(package_versions()["python"]):
        return None
    if source_digest(_packages(detector_class)) is None:
        return None
    local = tuple(provenance.get("local_code", ()))
    if source_digest(_packages(detector_class), local) == provenance.get("source"):
        return None
    return None if provenance["code"] == _facts(detector_class).code else Finding("changed_code", _OTHER_CODE)


def _facts(detector_class: type[Detector]) -> CodeFacts:
    return code_facts(detector_class.__module__, _packages(detector_class))


def _packages(detector_class: type[Detector]) -> tuple[str, ...]:
    """The packages whose code computes the scores of a detector."""
    package = detector_class.__module__.partition(".")[0]
    return _SCORING_CODE if package == "auscult" else (*_SCORING_CODE, package)


def _distribution_versions(packages: Sequence[str]) -> list[str]:
    """Name and version of the distributions that packages, by the names they are imported by, belong to."""
    if not packages:
        return []  # the list of all distributions takes a while
    distributions = packages_distributions()
    names = {name for package in packages for name in distributions.get(package, ())}
    return [f"{name} {version(name)}" for name in sorted(names)]


def _minor(python: str) -> list[str]:
    """The parts of a version of Python that determine its syntax: 3 and 11 of 3.11.7."""
    return python.split(".")[:2]

"""What a fitted model depends on besides recordings and settings: the code and the versions of packages.

A benchmark and `auscult.fit_machines` continue earlier work only if this has not changed. A model file stores
the digest of its detector's code, so that the commands that use the model can warn that it has changed since.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import packages_distributions, version
from typing import Any

from auscult.corpus.feature_cache import cache_folder
from auscult.detectors import Detector
from auscult.runtime.code_digest import code_digest, source_digest
from auscult.runtime.files import write_atomically
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


@lru_cache(maxsize=64)
def code_state(detector_class: type[Detector]) -> tuple[str, ...]:
    """Return digests of the code of a detector and of the thresholds, and the versions of packages.

    The code of a detector is its module and everything that the module imports from auscult's features,
    corpus and detectors. For a detector of another package it also covers the modules of that package, and
    the version of its distribution.
    """
    module = detector_class.__module__
    package = module.partition(".")[0]
    distributions = [] if package == "auscult" else packages_distributions().get(package, [])
    return (
        code_digest(module, _packages(detector_class)),
        code_digest("auscult.decision", _SCORING_CODE),
        *(f"{name} {version(name)}" for name in sorted(set(distributions))),
        *(f"{name} {installed}" for name, installed in package_versions().items() if name != "auscult"),
    )


def code_provenance(detector_class: type[Detector]) -> dict[str, str | None]:
    """Return what a model stores of its detector's code.

    ``code`` is the digest of what affects scores. ``source`` is that of all bytes of the source files, which
    is computed much faster, and shows that nothing has changed.
    """
    return {"code": code_state(detector_class)[0], "source": source_digest(_packages(detector_class))}


def code_warning(detector_class: type[Detector], provenance: Mapping[str, Any]) -> str | None:
    """Return a warning if the code of a detector has changed since a model was fitted, as far as known.

    It is unknown for models of earlier versions, which have no digest, for those fitted with another version
    of Python, which has other syntax trees, and where there are no source files. There is no warning then.

    Args:
        detector_class: the class of the model's detector.
        provenance: the provenance of the model.
    """
    fitted_python = str(provenance.get("versions", {}).get("python", ""))
    if "code" not in provenance or _minor(fitted_python) != _minor(package_versions()["python"]):
        return None
    source = source_digest(_packages(detector_class))
    if source is None or source == provenance.get("source"):
        return None
    return None if provenance["code"] == _current_code(detector_class, source) else _OTHER_CODE


def _packages(detector_class: type[Detector]) -> tuple[str, ...]:
    """The packages whose code computes the scores of a detector."""
    package = detector_class.__module__.partition(".")[0]
    return _SCORING_CODE if package == "auscult" else (*_SCORING_CODE, package)


def _current_code(detector_class: type[Detector], source: str) -> str:
    """The digest of the detector's code, from the cache folder if the source files are the same.

    Parsing them takes up to a second, too long for scoring a single recording.
    """
    module, folder = detector_class.__module__, cache_folder()
    if folder is None:
        return code_state(detector_class)[0]
    python = ".".join(_minor(package_versions()["python"]))
    path = folder / "code" / f"{module}-{python}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads(path.read_text())
        if stored["source"] == source:
            return str(stored["code"])
    code = code_state(detector_class)[0]
    with suppress(OSError):  # a read-only folder
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"source": source, "code": code}).encode(), sync=False)
    return code


def _minor(python: str) -> list[str]:
    """The parts of a version of Python that determine its syntax: 3 and 11 of 3.11.7."""
    return python.split(".")[:2]

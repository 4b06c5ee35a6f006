"""Versions of the packages that affect results."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

_REQUIRED = ("auscult", "numpy", "scipy", "scikit-learn", "soundfile", "soxr", "onnxruntime")


def package_versions() -> Mapping[str, str]:
    """Return package name to version, and the version of Python, for provenance."""
    packages = {name: version(name) for name in _REQUIRED}
    with suppress(PackageNotFoundError):  # scoring works without PyTorch
        packages["torch"] = version("torch")
    return {**packages, "python": platform.python_version()}

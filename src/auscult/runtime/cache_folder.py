"""The folder of all that is cached on disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def cache_folder(location: str | None = None) -> Path | None:
    """Return the folder of all that is cached, or ``None`` if the cache is off or there is no home folder.

    Args:
        location: as the environment variable ``AUSCULT_CACHE``, which is the default.
    """
    location = os.environ.get("AUSCULT_CACHE", "") if location is None else location
    if location.lower() == "off":
        return None
    try:
        if location:
            return Path(location).expanduser().absolute()
        return user_cache_folder(sys.platform, os.environ)
    except RuntimeError:  # no home folder
        return None


def user_cache_folder(system: str, environment: Mapping[str, str]) -> Path:
    """Return the ``auscult`` folder in the user's cache folder.

    Args:
        system: as ``sys.platform``.
        environment: the environment variables.

    Raises:
        RuntimeError: the user has no home folder.
    """
    if system == "win32":
        local = environment.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "auscult" / "Cache"
    if system == "darwin":
        return Path.home() / "Library" / "Caches" / "auscult"
    caches = Path(environment.get("XDG_CACHE_HOME", ""))  # the XDG standard ignores relative paths
    return (caches if caches.is_absolute() else Path.home() / ".cache") / "auscult"

"""The folder of all that is cached on disk."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder(location: str | None = None) -> Path | None:
    """Return the folder of all that is cached, or ``None`` if the cache is off or there is no home folder.

    Args:
        location: as the environment variable ``AUSCULT_CACHE``, which is the default. Without it, the folder
            is ``auscult`` in the user's cache folder of the system, for instance ``~/.cache/auscult``.
    """
    location = os.environ.get("AUSCULT_CACHE", "") if location is None else location
    if location.lower() == "off":
        return None
    try:
        if location:
            return Path(location).expanduser().absolute()
        Path.home()  # platformdirs does not report a missing home folder
        return user_cache_path("auscult", appauthor=False)
    except RuntimeError:  # no home folder
        return None

"""Where the cache is on different systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from auscult.runtime.cache_folder import user_cache_folder


@pytest.mark.parametrize(
    ("system", "environment", "expected"),
    [
        ("linux", {}, "~/.cache/auscult"),
        ("linux", {"XDG_CACHE_HOME": "/disk/caches"}, "/disk/caches/auscult"),
        ("linux", {"XDG_CACHE_HOME": "not/a/full/path"}, "~/.cache/auscult"),
        ("darwin", {}, "~/Library/Caches/auscult"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/auscult/Cache"),
        ("win32", {}, "~/AppData/Local/auscult/Cache"),
    ],
)
def test_user_cache_folder(system: str, environment: dict, expected: str) -> None:
    assert user_cache_folder(system, environment) == Path(expected).expanduser()

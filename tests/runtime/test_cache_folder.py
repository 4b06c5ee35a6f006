"""Where the cache is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from auscult.runtime.cache_folder import cache_folder


def test_a_stated_folder_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    assert cache_folder("~/elsewhere") == Path.home() / "elsewhere"


@pytest.mark.parametrize("value", ["off", "OFF"])
def test_the_cache_can_be_off(monkeypatch, value):
    monkeypatch.setenv("AUSCULT_CACHE", value)
    assert cache_folder() is None


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of other systems are those of platformdirs")
@pytest.mark.parametrize(
    ("caches", "expected"),
    [(None, "~/.cache/auscult"), ("/disk/caches", "/disk/caches/auscult")],
)
def test_the_default_is_in_the_cache_folder_of_the_system(monkeypatch, caches, expected):
    monkeypatch.delenv("AUSCULT_CACHE", raising=False)
    if caches is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", caches)
    assert cache_folder() == Path(expected).expanduser()


def test_there_is_no_cache_without_a_home_folder(monkeypatch):
    monkeypatch.delenv("AUSCULT_CACHE", raising=False)

    def no_home():
        raise RuntimeError("could not determine home directory")

    monkeypatch.setattr(Path, "home", no_home)
    assert cache_folder() is None

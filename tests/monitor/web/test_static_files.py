"""The files of the page: complete, without inline code and other hosts, and a part of the package."""

from __future__ import annotations

import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

import auscult

PACKAGE = Path(auscult.__file__).parent
STATIC = PACKAGE / "monitor" / "web" / "static"
OWN = sorted(path for path in STATIC.rglob("*") if path.is_file() and "vendor" not in path.parts)
MODULES = [path for path in OWN if path.suffix == ".js"]
#: What turns text into code or into markup.
UNSAFE = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.cssText|\"style\""


class References(HTMLParser):
    """Collects what a page refers to, and its inline code."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        for name, value in attrs:
            if name in ("src", "href"):
                self.addresses.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style") and data.strip():
            self.inline.append(data)


def test_the_page_refers_only_to_own_files():
    page = References()
    page.feed((STATIC / "index.html").read_text(encoding="utf-8"))
    assert page.inline == []
    files = [address for address in page.addresses if not address.startswith("#")]
    assert len(files) > 5
    for address in files:
        assert address.startswith("static/")
        assert (STATIC / address.removeprefix("static/")).is_file(), address


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_modules(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(UNSAFE, text)
    for name in re.findall(r'from "(.*?)"', text):
        assert name.startswith("./")
        assert (path.parent / name).is_file(), name
    assert text.count("\n") <= 250
    assert not any(len(line) > 130 for line in text.split("\n"))


def test_nothing_is_loaded_from_other_hosts():
    for path in OWN:
        addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+/?[\w/]*", path.read_text(encoding="utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, path


def test_every_module_is_used():
    imported = {name for path in MODULES for name in re.findall(r'from "\./(.*?)"', path.read_text())}
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert {path.name for path in MODULES} == imported | {"app.js", "early_theme.js"}
    assert all(f"static/js/{name}" in page for name in ("app.js", "early_theme.js"))


def test_vendored_files_have_their_licence_and_version():
    folder = STATIC / "vendor" / "uplot"
    version = re.search(r"uPlot (\d+\.\d+\.\d+)", (folder / "README.md").read_text(encoding="utf-8"))
    assert version
    assert f"v{version[1]}" in (folder / "uPlot.iife.min.js").read_text(encoding="utf-8")[:300]
    assert "MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")


def test_the_package_contains_them():
    root = PACKAGE.parent.parent
    if not (root / "pyproject.toml").is_file():
        pytest.skip("auscult is installed, not a working tree")
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["auscult"]
    packaged = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    assert {path for path in STATIC.rglob("*") if path.is_file()} <= packaged
    licences = {path for pattern in settings["project"]["license-files"] for path in root.glob(pattern)}
    assert STATIC / "vendor" / "uplot" / "LICENSE" in licences

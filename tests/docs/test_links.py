"""Links of pages outside the site, and names of pages in code and messages, lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = [path for folder in ("src", "bench", "tools", "tests") for path in (ROOT / folder).rglob("*.py")]


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\- ]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_links_of_a_page_of_the_repository(name):
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    for link in (link for link in links if not re.match(r"https?:", link)):
        path, _, anchor = link.partition("#")
        assert (ROOT / path).is_file(), f"{name}: {link}"
        assert not anchor or anchor in anchors(ROOT / path), f"{name}: {link}"


def test_pages_that_code_names_exist():
    pages = {(path, page) for path in CODE for page in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())}
    assert len(pages) > 20
    missing = [f"{path}: {page}" for path, page in sorted(pages) if not (ROOT / page).is_file()]
    assert not missing


def test_files_that_the_page_about_architecture_names_exist():
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`([\w/]+\.py)`", page))
    assert len(names) > 20
    paths = [str(path.relative_to(ROOT)) for path in CODE]
    missing = [name for name in names if not any(f"/{path}".endswith(f"/{name}") for path in paths)]
    assert not missing

"""Hook of MkDocs: fills the generated parts of the reference into its pages (`tools.reference_pages`).

A command or detector without a page of its own gets one, and the navigation lists all of them in place of the
entries ``commands`` and ``detectors``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tools.reference_pages import fill, pages

#: Entry of the navigation to the pages that replace it.
ENTRIES = {"commands": "reference/cli", "detectors": "reference/detectors"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Called by MkDocs with the configuration."""
    config.nav = expanded(config.nav)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by MkDocs with the files of the site."""
    for folder in ENTRIES.values():
        for path, content in pages(folder).items():
            if not Path(config.docs_dir, path).exists():
                files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs with the source of every page."""
    return fill(markdown)


def expanded(entry: Any) -> Any:
    """Replace the entries of the navigation that stand for several pages."""
    if isinstance(entry, dict):
        return {title: expanded(value) for title, value in entry.items()}
    if not isinstance(entry, list):
        return entry
    items: list[Any] = []
    for item in entry:
        items += pages(ENTRIES[item]) if isinstance(item, str) and item in ENTRIES else [expanded(item)]
    return items

"""Hook of MkDocs: fills the generated parts of the reference into its pages (`tools.reference_pages`)."""

from __future__ import annotations

from typing import Any

from tools.reference_pages import fill


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs with the source of every page."""
    return fill(markdown)

"""Public names of `auscult` that the page about Python does not list yet."""

from __future__ import annotations

import inspect
from pathlib import Path

import auscult

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "python.md"


def other_names() -> str:
    """Return an entry for each public name without one, apart from exceptions, which have a page."""
    page = PAGE.read_text(encoding="utf-8")
    names = [name for name in auscult.__all__ if not name.startswith("_") and not _is_exception(name)]
    return "\n\n".join(f"::: auscult.{name}" for name in names if f"::: auscult.{name}\n" not in page)


def _is_exception(name: str) -> bool:
    value = getattr(auscult, name)
    return inspect.isclass(value) and issubclass(value, Exception)

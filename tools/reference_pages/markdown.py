"""Pieces of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells are Markdown, in which ``|`` and line breaks are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell(text) for text in line)} |" for line in lines)


def cell(text: str) -> str:
    """Return a text as the content of a table cell."""
    return " ".join(text.split()).replace("|", r"\|")


def code(text: object) -> str:
    """Return a text as code; nothing if it is empty."""
    return f"`{text}`" if str(text) else ""


def literal(text: str) -> str:
    """Return a plain text with the characters escaped that Markdown would interpret."""
    for character in "\\*_<[":
        text = text.replace(character, f"\\{character}")
    return text
